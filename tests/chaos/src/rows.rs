//! The matrix: one entry for each fault that a bus must live through.
//!
//! A row changes the settings (`prepare`), and does something bad while events are published (`fault`). What the oracle
//! demands is the same for all of them; what a row expects besides, it says itself.

mod bodies;
mod clock;
mod disks;
mod everything;
mod frozen;
mod killed;
mod network;
mod receivers;
mod reload;
mod resources;
mod weather;

use std::pin::Pin;

use stadtbus_harness::Outcome;

pub(crate) use self::network::Net;
use crate::faults;
use crate::setup::{Ready, Setup};
use crate::stage::Stage;

/// What a row does, under way.
pub(crate) type Step<'a> = Pin<Box<dyn Future<Output = Outcome<()>> + 'a>>;

/// One row of the matrix.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What is done, in a few words.
    pub(crate) what: &'static str,
    /// Events to claim at least; publishing goes on until the fault is over.
    pub(crate) events: u64,
    /// And at most.
    pub(crate) events_max: u64,
    pub(crate) kills: u32,
    pub(crate) prepare: fn(&mut Setup) -> Outcome<Ready>,
    pub(crate) fault: for<'a> fn(&'a mut Stage) -> Step<'a>,
}

/// A row that kills nobody and needs nothing; what differs is said by its entry.
const PLAIN: Row = Row {
    name: "",
    what: "",
    // With all rows together a run claims more than a million.
    events: 26_000,
    events_max: 400_000,
    kills: 0,
    prepare: nothing_to_prepare,
    fault: |_| Box::pin(async { Ok(()) }),
};

fn nothing_to_prepare(_: &mut Setup) -> Outcome<Ready> {
    Ok(Ready::Yes)
}

/// All rows, in the order in which they are run.
pub(crate) const ROWS: &[Row] = &[
    killed::BUS,
    killed::PAIR,
    killed::BROKER,
    frozen::BROKER,
    frozen::BUS,
    weather::LATE,
    weather::RESETS,
    weather::DRIP,
    weather::HALF_CLOSE,
    weather::CORRUPT_TLS,
    network::PARTITION,
    network::ONE_WAY,
    network::NARROW,
    disks::STORE_LIMIT,
    disks::BROKER_DISK,
    disks::BUS_DISK,
    disks::SLOW_DISK,
    clock::JUMPS,
    receivers::SLOW,
    receivers::POISON,
    bodies::HUGE,
    resources::MEMORY,
    resources::FEW_FILES,
    reload::STORM,
    everything::EVERYTHING,
];

/// Bus and broker are killed in turn: a run without the matrix.
pub(crate) fn campaign(events: u64, kills: u32) -> Row {
    Row {
        name: "campaign",
        what: "kill -9 of bus and broker in turn",
        events,
        events_max: events,
        kills,
        fault: |stage| Box::pin(faults::in_turn(stage)),
        ..PLAIN
    }
}
