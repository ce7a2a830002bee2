//! The command line.

use clap::{Parser, ValueEnum};

/// Tötet Bus und Broker unter Last und zählt, was fehlt. Kills bus and broker under load and counts what is missing.
#[derive(Debug, Parser)]
#[command(name = "stadtbus-chaos", version)]
pub(crate) struct Args {
    /// 200,000 events over 20 kills
    #[arg(long, conflicts_with_all = ["events", "kills"])]
    pub(crate) smoke: bool,
    /// Events to claim
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..=5_000_000))]
    events: u64,
    /// Times to kill, bus and broker in turn
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    kills: u32,
    /// What is sent and when who is killed follows from this number; without it, one is drawn and printed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Give up after this time, the settling included
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=240))]
    pub(crate) minutes_max: u64,
    /// Build the bus with this bug and succeed only if the oracle finds it
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = ["smoke", "events", "kills"])]
    pub(crate) planted: Option<Bug>,
}

/// Seeds fit into a JSON number that every reader keeps exactly.
const SEED_MAX: u64 = 1 << 31;

impl Args {
    pub(crate) fn events(&self) -> u64 {
        if self.smoke { 200_000 } else { self.events }
    }

    pub(crate) fn kills(&self) -> u32 {
        if self.smoke { 20 } else { self.kills }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(1..SEED_MAX))
    }

    /// The seed that was asked for, if one was.
    pub(crate) fn given_seed(&self) -> Option<u64> {
        self.seed
    }
}

/// Bugs that a build with the feature `planted-bugs` can be told to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bug {
    /// 202 is answered before the log has the event
    AckBeforeAppend,
    /// An event whose delivery is to be retried is forgotten
    DropOnRetry,
}

impl Bug {
    /// Its name, as the bus knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AckBeforeAppend => "ack-before-append",
            Self::DropOnRetry => "drop-on-retry",
        }
    }
}
