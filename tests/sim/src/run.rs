//! One run: the storm, then the calm after it, then the verdict.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use stadtbus_broker_memory::{Faults, MemoryBroker, Options};
use stadtbus_flow::clock;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    bus::Bus,
    city::PULLS,
    coverage::Coverage,
    dice::Dice,
    operator,
    publish::{Tokens, publish},
    pull,
    stage::Stage,
    trace::Trace,
    verdict::{Books, Verdict},
    world::{World, note},
};

/// Within this time after all is healed everything must have come true.
pub const HEALED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_secs(5);
/// Events sent after all is healed, which must be taken at once.
const FRESH: u64 = 3;
const SECOND: Duration = Duration::from_secs(1);
const DOWN_MAX: Duration = Duration::from_secs(12);
const CUT_OFF_MAX: Duration = Duration::from_secs(15);
/// Longer than a receiver waits for events.
const LEAVING: Duration = Duration::from_secs(3);
const OUTAGE_MAX: Duration = Duration::from_secs(8);
const AWAY_MAX: Duration = Duration::from_secs(40);
const CLOCK_OFF_MS_MAX: i64 = 300_000;
/// When simulated time begins: 1 March 2027.
const BEGAN: Duration = Duration::from_secs(1_803_859_200);

/// What became of one run.
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// What is wrong with it.
    pub verdict: Verdict,
    /// Hash of everything that happened.
    pub hash: String,
    /// How much that was.
    pub count: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// What was left to chance.
    pub dice: String,
    /// What it met.
    pub coverage: Coverage,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.simulated.as_secs();
        write!(
            f,
            "seed {} · {seconds} s simulated · {} happenings · {}",
            self.seed, self.count, self.hash
        )?;
        for (name, found) in self.verdict.violations() {
            for what in found {
                write!(f, "\n  {name}: {what}")?;
            }
        }
        Ok(())
    }
}

/// Makes the run of one seed.
///
/// # Errors
/// In words, why it could not be made.
pub fn run(stage: &Arc<Stage>, seed: u64, shown: bool) -> Result<Run, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let stage = Arc::clone(stage);
    runtime
        .block_on(async move { tokio::spawn(simulate(stage, seed, shown)).await })
        .map_err(|error| format!("seed {seed}: {error}"))?
        .map_err(|error| format!("seed {seed}: {error}"))
}

async fn simulate(stage: Arc<Stage>, seed: u64, shown: bool) -> Result<Run, String> {
    let began = Instant::now();
    let start = SystemTime::UNIX_EPOCH + BEGAN;
    let mut random = fastrand::Rng::with_seed(seed);
    clock::simulate(start, random.u64(..));
    fastrand::seed(random.u64(..));
    let dice = Dice::roll(&mut random);
    let broker = MemoryBroker::new(Options {
        seed: random.u64(..),
        started: start,
        ..Options::default()
    });
    let told = format!("{dice:?}");
    let world = Arc::new(World::new(seed, dice, random, broker, Trace::new(shown)));
    // Older than the clock can be set back.
    clock::set_off(-2 * CLOCK_OFF_MS_MAX);
    let tokens = Tokens {
        of_pub: stage.token("pub")?,
        of_nah: stage.token("nah")?,
    };
    clock::set_off(0);
    let mut crew = Vec::new();
    for place in 0..world.dice.processes {
        crew.push(tokio::spawn(keep_alive(
            Arc::clone(&world),
            Arc::clone(&stage),
            place,
        )));
    }
    for name in PULLS {
        crew.push(tokio::spawn(pull::fetch(Arc::clone(&world), name)));
    }
    crew.push(tokio::spawn(operator::look_after(Arc::clone(&world))));
    until_served(&world).await?;
    let publishers = storm(&world, &tokens).await;
    let stuck = heal(&world, &tokens, publishers).await?;
    let books = Books::open(&world).await?;
    let mut verdict = books.verdict(&world);
    books.cover(&world);
    verdict.stuck.extend(stuck);
    crew.iter().for_each(JoinHandle::abort);
    let (hash, count) = world.trace.hash();
    let coverage = world.coverage().clone();
    Ok(Run {
        coverage,
        seed,
        verdict,
        hash,
        count,
        simulated: began.elapsed(),
        dice: told,
    })
}

/// Starts a process in its place again and again.
async fn keep_alive(world: Arc<World>, stage: Arc<Stage>, place: usize) {
    for start in 0_u32.. {
        let name = format!("bus-{place}-{start}");
        match Bus::start(&world, &stage, name.clone()).await {
            Ok(bus) => {
                note!(world, "{name} starts");
                let life = bus.life.clone();
                world.set_bus(place, Some(Arc::new(bus)));
                life.ended().await;
                world.set_bus(place, None);
                let down = if world.is_healed() {
                    SECOND
                } else {
                    world.up_to(DOWN_MAX)
                };
                tokio::time::sleep(down).await;
            }
            Err(reason) => {
                note!(world, "{name} does not start: {reason}");
                tokio::time::sleep(SECOND).await;
            }
        }
    }
}

/// The first start is not part of the storm: there is no bus before there is a city.
async fn until_served(world: &World) -> Result<(), String> {
    for _ in 0..120 {
        if world.any_bus().is_some() {
            return Ok(());
        }
        tokio::time::sleep(SECOND).await;
    }
    Err("no process starts".to_owned())
}

async fn storm(world: &Arc<World>, tokens: &Tokens) -> Vec<JoinHandle<bool>> {
    world.broker.set_faults(world.dice.faults.clone());
    let mut publishers = Vec::new();
    for _ in 0..world.dice.events {
        let (world, tokens) = (Arc::clone(world), tokens.clone());
        let when = world.up_to(world.dice.storm);
        publishers.push(tokio::spawn(async move {
            tokio::time::sleep(when).await;
            publish(world, tokens).await
        }));
    }
    let over = Instant::now() + world.dice.storm;
    while Instant::now() < over {
        tokio::time::sleep(SECOND).await;
        strike(world);
    }
    publishers
}

/// What may go wrong in this second.
fn strike(world: &Arc<World>) {
    let dice = &world.dice;
    if world.hits(dice.clock) {
        let off = world.random().i64(-CLOCK_OFF_MS_MAX..=CLOCK_OFF_MS_MAX);
        note!(world, "the clock is off by {off} ms");
        clock::set_off(off);
        world.coverage().met("clock set");
    }
    if world.hits(dice.away) {
        let length = world.up_to(AWAY_MAX);
        world.send_away(length);
        world.coverage().met("receivers away");
    }
    if world.hits(dice.outage) {
        tokio::spawn(outage(Arc::clone(world)));
        world.coverage().met("outages");
    }
    if world.hits(dice.pause) {
        tokio::spawn(operator::pause_for_a_while(Arc::clone(world)));
    }
    if world.hits(dice.replay) {
        tokio::spawn(operator::order_replay(Arc::clone(world)));
    }
    if world.hits(dice.change) {
        tokio::spawn(operator::change_city(Arc::clone(world)));
    }
    // All at once: everything that was under way anywhere is delivered again.
    let all = world.hits(dice.crash / 4.0);
    for bus in world.alive() {
        if all || world.hits(dice.crash) {
            note!(world, "{} dies", bus.name);
            world.coverage().met("kills");
            bus.life.end();
        } else if world.hits(dice.restart) {
            note!(world, "{} shuts down", bus.name);
            world.coverage().met("restarts");
            tokio::spawn(shut_down(Arc::clone(world), bus));
        } else if world.hits(dice.cut_off) {
            let length = world.up_to(CUT_OFF_MAX);
            note!(world, "{} is cut off for {} ms", bus.name, length.as_millis());
            world.coverage().met("cut off");
            bus.life.cut_off(Some(Instant::now() + length));
        }
    }
}

/// As the server does it: nobody gets in any more, what is under way ends, then the lanes.
async fn shut_down(world: Arc<World>, bus: Arc<Bus>) {
    world.leave(&bus);
    tokio::time::sleep(LEAVING).await;
    bus.lanes.shutdown().await;
    bus.life.end();
}

async fn outage(world: Arc<World>) {
    if world.is_healed() {
        return;
    }
    let length = world.up_to(OUTAGE_MAX);
    note!(world, "the broker is away for {} ms", length.as_millis());
    world.broker.set_faults(Faults {
        down: true,
        ..world.dice.faults.clone()
    });
    tokio::time::sleep(length).await;
    if !world.is_healed() {
        world.broker.set_faults(world.dice.faults.clone());
    }
}

/// Ends all faults, and waits until everything has come true. What has not is told.
async fn heal(
    world: &Arc<World>,
    tokens: &Tokens,
    publishers: Vec<JoinHandle<bool>>,
) -> Result<Vec<String>, String> {
    note!(world, "all is healed");
    world.heal();
    world.broker.set_faults(Faults::default());
    clock::set_off(0);
    world.alive().iter().for_each(|bus| bus.life.cut_off(None));
    let healed = Instant::now();
    let mut fresh = Vec::new();
    for _ in 0..FRESH {
        fresh.push(tokio::spawn(publish(Arc::clone(world), tokens.clone())));
    }
    let mut stuck = Vec::new();
    for sent in fresh {
        if !sent.await.map_err(|error| error.to_string())? {
            stuck.push("a fresh event was not accepted".to_owned());
        }
    }
    // Whoever still repeats may make new promises.
    for publisher in publishers {
        publisher.await.map_err(|error| error.to_string())?;
    }
    while healed.elapsed() < HEALED_WITHIN {
        tokio::time::sleep(LOOK).await;
        if Books::open(world).await?.is_balanced(world) {
            let seconds = healed.elapsed().as_secs();
            note!(world, "balanced after {seconds} s");
            return Ok(stuck);
        }
    }
    stuck.push(format!(
        "not balanced {} s after all was healed",
        HEALED_WITHIN.as_secs()
    ));
    Ok(stuck)
}
