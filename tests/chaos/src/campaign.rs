//! One run: start, load and faults, settle, verdict.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stadtbus_harness::{BusOptions, Failure, NatsOptions, Outcome, World, WorldOptions, workspace_dir};
use stadtbus_load::{Connection, Guest, copy_folder};

use crate::args::Args;
use crate::faults;
use crate::ledger::Ledger;
use crate::publish::{self, Publishing, Shared, open};
use crate::receive;
use crate::verdict::{Run, dead_letters};

const STORE_BYTES_MAX: u64 = 24 << 30;
const LOG_BYTES_MAX: u64 = 2 << 30;
/// The settle window: as long as something still arrives, and no longer than this without.
const QUIET_MAX: Duration = Duration::from_secs(45);
const SETTLE_MAX: Duration = Duration::from_secs(240);
/// After everything has arrived: what nobody asked for may still come.
const AFTERMATH: Duration = Duration::from_secs(3);
/// One fresh event must get through in this time.
const FRESH_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PROGRESS_EACH: Duration = Duration::from_secs(10);

/// Runs it; `true` if nothing was violated.
pub(crate) async fn run(args: &Args) -> Outcome<bool> {
    let seed = args.seed();
    println!("seed {seed}: {} events, {} kills", args.events, args.kills);
    let ledger: Shared = Arc::new(Mutex::new(Ledger::new(seed)));
    let limit = Duration::from_secs(args.minutes_max * 60);
    let campaign = tokio::time::timeout(limit, campaign(args, &ledger)).await;
    let run = campaign.unwrap_or_else(|_| {
        Err(Failure::new(format!(
            "not done after {} minutes",
            args.minutes_max
        )))
    })?;
    print!("{}", run.table());
    Ok(run.is_clean())
}

async fn campaign(args: &Args, ledger: &Shared) -> Outcome<Run> {
    let folder = tempfile::Builder::new().prefix("stadtbus-chaos-").tempdir()?;
    let webhooks = receive::webhooks(ledger).await?;
    write_city(folder.path()).await?;
    let mut world = World::start(WorldOptions {
        nats: NatsOptions {
            sync_always: true,
            store_bytes_max: STORE_BYTES_MAX,
        },
        bus: BusOptions {
            extra_config: format!("[limits]\nlog_bytes_max = {LOG_BYTES_MAX}\n"),
            ..BusOptions::default()
        },
        city: Some(folder.path().to_path_buf()),
        city_env: vec![("PROBE_WEBHOOK".to_owned(), webhooks.address().to_string())],
        ..WorldOptions::default()
    })
    .await?;
    let bus = address(&world)?;
    let subscriber = world.client("kom", "empfang", "subscribe").await?;
    let puller = tokio::spawn(receive::pull(
        Arc::clone(ledger),
        bus,
        subscriber.token().to_owned(),
    ));
    let publishing = Publishing {
        bus,
        token: world.client("pub", "sender", "publish").await?.token().to_owned(),
        events: args.events,
    };

    let start = Instant::now();
    let watch = tokio::spawn(watch(Arc::clone(ledger)));
    let load = async {
        publish::all(ledger, &publishing).await;
        Ok(())
    };
    // A process that does not come back ends the run: nothing would ever be accepted again.
    let faults = faults::inflict(&mut world, ledger, args.kills, args.events);
    let ((), kills) = match tokio::try_join!(load, faults) {
        Ok(done) => done,
        Err(failure) => return Err(failure.while_("a killed process did not come back")),
    };
    let load_time = start.elapsed();
    settle(ledger).await;
    tokio::time::sleep(AFTERMATH).await;
    let fresh = fresh(ledger, &publishing).await;
    watch.abort();
    puller.abort();

    let dead = dead_letters(&world.operator().await?).await?;
    let verdict = open(ledger).verdict(&dead);
    Ok(Run {
        seed: open(ledger).seed(),
        verdict,
        kills,
        dead,
        fresh,
        load_time,
        time: start.elapsed(),
    })
}

fn address(world: &World) -> Outcome<SocketAddr> {
    let base = world.bus.base();
    let address = base.trim_start_matches("http://").parse();
    address.map_err(|_| Failure::new(format!("{base} is not a loopback address")))
}

async fn write_city(folder: &Path) -> Outcome<()> {
    let here = workspace_dir().join("tests/chaos");
    copy_folder(&here.join("city"), folder)?;
    Guest::built(here.join("guest"), "pass-on")
        .await?
        .lay_into(folder)
}

/// Waits until every obligation is met, or nothing has arrived for a while.
async fn settle(ledger: &Shared) {
    let (start, mut last) = (Instant::now(), (u64::MAX, Instant::now()));
    while start.elapsed() < SETTLE_MAX {
        let left = open(ledger).open();
        if left == 0 {
            return;
        }
        if left != last.0 {
            last = (left, Instant::now());
        }
        if last.1.elapsed() > QUIET_MAX {
            eprintln!("… nothing has arrived for {} s", QUIET_MAX.as_secs());
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether one more event gets to every receiver, and how long it takes.
async fn fresh(ledger: &Shared, publishing: &Publishing) -> Option<Duration> {
    let number = open(ledger).claim();
    let start = Instant::now();
    let mut connection = Connection::new(publishing.bus);
    let arrived = async {
        publish::one(ledger, publishing, &mut connection, number).await;
        while !open(ledger).is_met(number) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(FRESH_WITHIN, arrived).await.ok()?;
    Some(start.elapsed())
}

/// Says how far it is, and what stands in the way while nothing is accepted.
async fn watch(ledger: Shared) {
    let mut before = 0;
    loop {
        tokio::time::sleep(PROGRESS_EACH).await;
        let ledger = open(&ledger);
        let (claimed, accepted, left) = (ledger.claimed(), ledger.accepted(), ledger.open());
        eprintln!("… {claimed} claimed, {accepted} accepted, {left} deliveries open");
        if accepted == before {
            eprintln!("  the last answer but 202: {}", ledger.trouble());
        }
        before = accepted;
    }
}
