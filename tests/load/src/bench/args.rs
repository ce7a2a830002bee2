//! The command line.

use std::fmt;
use std::path::PathBuf;

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Words;

use super::{NAMES, ON_DEMAND};

pub(crate) const USAGE: &str = "\
cargo xtask bench [OPTIONS]

Misst den Bus und den Broker darunter nebeneinander.
Measures the bus and the broker below it, side by side.

  --output FILE                     write the rows to this file, as JSON
  --json                            print the rows as JSON instead of a table
  --only NAME,NAME                  measure only these
  --durability always|default|both  the broker acknowledges after fsync, or after the write (both)
  --seconds N                       seconds that count, per measurement, 1 to 30 (5)

  Nur auf Wunsch / on demand only:
    --only journey   eine Frage unter Millionen Ereignissen / one question among millions of events (2,000,000 events for each second; 10 GB, minutes)
    --only hanging   ein Empfänger, der nie antwortet, neben zwanzig / one that never answers beside twenty (12 times --seconds)
";

/// What is to be measured, and where the rows go.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) output: Option<PathBuf>,
    pub(crate) json: bool,
    only: Vec<String>,
    pub(crate) durabilities: Vec<Durability>,
    pub(crate) seconds: u64,
}

impl Args {
    /// Reads them; `None` if help was asked for.
    pub(crate) fn read(mut words: Words) -> Outcome<Option<Self>> {
        if words.flag("--help") || words.flag("-h") {
            return Ok(None);
        }
        let only: Vec<String> = match words.value("--only")? {
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let known = |name: &&String| NAMES.iter().chain(&ON_DEMAND).any(|known| known == name);
        if let Some(unknown) = only.iter().find(|name| !known(name)) {
            return Err(Failure::new(format!(
                "there is no measurement {unknown:?}; there are: {} {}",
                NAMES.join(" "),
                ON_DEMAND.join(" ")
            )));
        }
        let durabilities = match words.value("--durability")?.as_deref() {
            Some("always") => vec![Durability::Always],
            Some("default") => vec![Durability::Default],
            Some("both") | None => vec![Durability::Always, Durability::Default],
            Some(other) => {
                return Err(Failure::new(format!(
                    "--durability takes always, default or both, not {other:?}"
                )));
            }
        };
        let args = Self {
            output: words.value("--output")?.map(PathBuf::from),
            json: words.flag("--json"),
            only,
            durabilities,
            seconds: words.number("--seconds", 1, 30)?.unwrap_or(5),
        };
        words.end()?;
        Ok(Some(args))
    }

    /// The measurements to make, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let named = |name: &&str| self.only.iter().any(|only| only == name);
        let usual = NAMES
            .into_iter()
            .filter(move |name| self.only.is_empty() || named(name));
        usual.chain(ON_DEMAND.into_iter().filter(named))
    }
}

/// What the broker's acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// `sync_interval: always`: on the disk.
    Always,
    /// The server's default: written, on the disk within two minutes.
    Default,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::Default => "default",
        })
    }
}
