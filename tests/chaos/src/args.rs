//! The command line.

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Words;

pub(crate) const USAGE: &str = "\
cargo xtask chaos [OPTIONS]

Tötet Bus und Broker unter Last und zählt, was fehlt.
Kills bus and broker under load and counts what is missing.

  --smoke           200,000 events over 20 kills
  --events N        events to claim, 100 to 5,000,000 (50,000)
  --kills N         times to kill, bus and broker in turn, up to 1,000 (6)
  --seed S          what is sent and when who is killed follows from this number; drawn and printed if not given
  --corruption      damage the broker's files in some sixty ways, and see whether each is noticed within a minute of the
                    start or does no harm; then kill both without damage, and see that there is no alarm
  --minutes-max N   give up after this time, the settling included, 1 to 240 (20)
  --planted NAME    build the bus with this bug and succeed only if the oracle finds it:
                    ack-before-append  202 is answered before the log has the event
                    drop-on-retry      an event whose delivery is to be retried is forgotten

Exit code 0: no violation. 1: a violation. 2: the run could not be made.
";

/// Events and kills of `--smoke`.
const SMOKE: (u64, u32) = (200_000, 20);
/// Seeds fit into a JSON number that every reader keeps exactly.
const SEED_MAX: u64 = 1 << 31;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) events: u64,
    pub(crate) kills: u32,
    /// The seed that was asked for, if one was.
    pub(crate) given_seed: Option<u64>,
    pub(crate) minutes_max: u64,
    pub(crate) planted: Option<Bug>,
    pub(crate) corruption: bool,
}

impl Args {
    /// Reads them; `None` if help was asked for.
    pub(crate) fn read(mut words: Words) -> Outcome<Option<Self>> {
        if words.flag("--help") || words.flag("-h") {
            return Ok(None);
        }
        let smoke = words.flag("--smoke");
        let corruption = words.flag("--corruption");
        let events = words.number("--events", 100, 5_000_000)?;
        let kills = words.number("--kills", 0, 1_000)?;
        let planted = words
            .value("--planted")?
            .map(|name| Bug::named(&name))
            .transpose()?;
        if (smoke || planted.is_some()) && (events.is_some() || kills.is_some())
            || (smoke && planted.is_some())
        {
            return Err(Failure::new(
                "--smoke and --planted say themselves how many events and kills there are",
            ));
        }
        if corruption && (smoke || planted.is_some() || events.is_some() || kills.is_some()) {
            return Err(Failure::new(
                "--corruption goes with --seed and --minutes-max only",
            ));
        }
        let (usual_events, usual_kills) = if smoke { SMOKE } else { (50_000, 6) };
        let args = Self {
            events: events.unwrap_or(usual_events),
            kills: kills.unwrap_or(usual_kills),
            given_seed: words.number("--seed", 1, SEED_MAX)?,
            minutes_max: words.number("--minutes-max", 1, 240)?.unwrap_or(20),
            planted,
            corruption,
        };
        words.end()?;
        Ok(Some(args))
    }

    pub(crate) fn seed(&self) -> u64 {
        self.given_seed.unwrap_or_else(|| fastrand::u64(1..SEED_MAX))
    }
}

/// Bugs that a build with the feature `planted-bugs` can be told to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    AckBeforeAppend,
    DropOnRetry,
}

impl Bug {
    const ALL: [Self; 2] = [Self::AckBeforeAppend, Self::DropOnRetry];

    /// Its name, as the bus knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AckBeforeAppend => "ack-before-append",
            Self::DropOnRetry => "drop-on-retry",
        }
    }

    fn named(name: &str) -> Outcome<Self> {
        let bug = Self::ALL.into_iter().find(|bug| bug.name() == name);
        bug.ok_or_else(|| Failure::new(format!("there is no planted bug {name:?}: see --help")))
    }
}
