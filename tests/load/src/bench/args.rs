//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::NAMES;

/// Misst den Bus und den Broker darunter nebeneinander. Measures the bus and the broker below it, side by side.
#[derive(Debug, Parser)]
#[command(name = "stadtbus-load", version)]
pub(crate) struct Args {
    /// Write the rows to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the rows as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Measure only these
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = NAMES)]
    only: Vec<String>,
    /// When the broker acknowledges: after fsync (always), or after the write (default)
    #[arg(long, value_enum, default_value_t = Durabilities::Both)]
    pub(crate) durability: Durabilities,
    /// Seconds that count, per measurement
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=30))]
    pub(crate) seconds: u64,
}

impl Args {
    /// The measurements to make, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .filter(|name| self.only.is_empty() || self.only.iter().any(|only| only == name))
    }
}

/// Which server settings to measure on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durabilities {
    Always,
    Default,
    Both,
}

impl Durabilities {
    pub(crate) fn each(self) -> impl Iterator<Item = Durability> {
        let (always, default) = (self != Self::Default, self != Self::Always);
        let always = always.then_some(Durability::Always);
        always.into_iter().chain(default.then_some(Durability::Default))
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
