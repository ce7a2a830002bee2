//! The command line.

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Words;

use crate::corruption::INSIDE;
use crate::planted::{self, BUGS, Bug};

const USAGE: &str = "\
cargo xtask chaos [OPTIONS]

Tötet Bus und Broker unter Last, stört alles um sie herum und zählt, was fehlt.
Kills bus and broker under load, disturbs all around them and counts what is missing.

Without options all rows of the matrix are run, one after another (up to an hour). Rows that need what this machine
does not permit (network namespaces, mounts, control groups) are skipped, and the table says why.

  --list            show the rows
  --row NAME[,…]    run these rows only; may be given several times
  --long            the long form of the rows that have one (freezes and partitions of 120 s, an hour of everything)
  --smoke           no row, but 200,000 events over 20 kills of bus and broker in turn
  --events N        the same with so many events, 100 to 5,000,000 (50,000)
  --kills N         and so many kills, up to 1,000 (6)
  --seed S          what is sent and when who is killed follows from this number; drawn and printed if not given
  --corruption      damage the broker's files in some sixty ways, and see whether each is noticed within a minute of the
                    start or does no harm; then kill both without damage, and see that there is no alarm
  --runbook         with --corruption: execute the page for it instead, command by command, on a bus whose log was damaged
  --minutes-max N   give a run, or a row, up after this time, the settling included, 1 to 240 (20; 90 with --long)
  --planted NAME    build the bus with this bug and succeed only if the oracle finds it; with `all`, in all of them,
                    one after another:
";
const USAGE_END: &str = "
Exit code 0: no violation. 1: a violation. 2: the run could not be made.
";

/// What help says.
pub(crate) fn usage() -> String {
    let bugs = BUGS
        .iter()
        .map(|bug| format!("{:20}{:<22}{}\n", "", bug.name, bug.what));
    format!("{USAGE}{}{USAGE_END}", bugs.collect::<String>())
}

/// Events and kills of `--smoke`.
const SMOKE: (u64, u32) = (200_000, 20);
/// Events and kills of a run without the matrix that says only one of them.
const USUAL: (u64, u32) = (50_000, 6);
/// Seeds fit into a JSON number that every reader keeps exactly.
const SEED_MAX: u64 = 1 << 31;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Args {
    /// Events and kills of a run without the matrix.
    pub(crate) campaign: Option<(u64, u32)>,
    /// Names of rows; all if there are none.
    pub(crate) rows: Vec<String>,
    pub(crate) list: bool,
    pub(crate) long: bool,
    /// The seed that was asked for, if one was.
    pub(crate) given_seed: Option<u64>,
    pub(crate) minutes_max: u64,
    /// The bugs of which the oracle is to find each.
    pub(crate) planted: Option<&'static [Bug]>,
    pub(crate) corruption: bool,
    /// The runbook is to be executed; `true` inside the namespace made for it.
    pub(crate) runbook: Option<bool>,
}

impl Args {
    /// Reads them; `None` if help was asked for.
    pub(crate) fn read(mut words: Words) -> Outcome<Option<Self>> {
        if words.flag("--help") || words.flag("-h") {
            return Ok(None);
        }
        let smoke = words.flag("--smoke");
        let corruption = words.flag("--corruption");
        let (runbook, inside) = (words.flag("--runbook"), words.flag(INSIDE));
        let (list, long) = (words.flag("--list"), words.flag("--long"));
        let mut rows = Vec::new();
        while let Some(names) = words.value("--row")? {
            rows.extend(names.split(',').map(str::to_owned));
        }
        let events = words.number("--events", 100, 5_000_000)?;
        let kills = words.number("--kills", 0, 1_000)?;
        let planted = words
            .value("--planted")?
            .map(|name| planted::chosen(&name))
            .transpose()?;
        if (smoke || planted.is_some()) && (events.is_some() || kills.is_some())
            || (smoke && planted.is_some())
        {
            return Err(Failure::new(
                "--smoke and --planted say themselves how many events and kills there are",
            ));
        }
        let alone = smoke || events.is_some() || kills.is_some();
        if corruption && (alone || planted.is_some() || list || long || !rows.is_empty()) {
            return Err(Failure::new(
                "--corruption goes with --seed and --minutes-max only",
            ));
        }
        if runbook && !corruption {
            return Err(Failure::new("--runbook goes with --corruption"));
        }
        if (alone || planted.is_some()) && (!rows.is_empty() || long) {
            return Err(Failure::new(
                "--row and --long are for the matrix, not for a run without it",
            ));
        }
        let (usual_events, usual_kills) = if smoke { SMOKE } else { USUAL };
        let usual_minutes = if long { 90 } else { 20 };
        let args = Self {
            campaign: alone.then(|| (events.unwrap_or(usual_events), kills.unwrap_or(usual_kills))),
            rows,
            list,
            long,
            given_seed: words.number("--seed", 1, SEED_MAX)?,
            minutes_max: words.number("--minutes-max", 1, 240)?.unwrap_or(usual_minutes),
            planted,
            corruption,
            runbook: runbook.then_some(inside),
        };
        words.end()?;
        Ok(Some(args))
    }

    pub(crate) fn seed(&self) -> u64 {
        self.given_seed.unwrap_or_else(|| fastrand::u64(1..SEED_MAX))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Args;
    use stadtbus_load::Words;

    #[test]
    fn rows_and_a_run_without_rows_do_not_go_together() {
        let read = |words: &[&str]| Args::read(Words::new(words));
        let mut rows = read(&["--row", "a,b", "--row=c", "--long"]).unwrap().unwrap();
        rows.rows.sort();
        assert_eq!(rows.rows, ["a", "b", "c"]);
        assert_eq!((rows.campaign, rows.minutes_max), (None, 90));
        assert_eq!(read(&["--smoke"]).unwrap().unwrap().campaign, Some((200_000, 20)));
        assert_eq!(
            read(&["--kills", "3"]).unwrap().unwrap().campaign,
            Some((50_000, 3))
        );
        assert!(read(&["--smoke", "--row", "a"]).is_err());
        assert!(read(&["--planted", "drop-on-retry", "--long"]).is_err());
        assert!(read(&["--planted", "drop-on-retr"]).is_err());
    }
}
