//! What is measured, by name.

pub(crate) mod args;
pub(crate) mod report;

mod accept;
mod arrivals;
mod broker;
mod city;
mod derive;
mod drive;
mod fanout;
mod hanging;
mod idle;
mod journey;
mod lanes;
mod plugin;
mod pull;
mod raw;
mod rig;
mod usage;
mod webhook;

use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};

use args::{Args, Durability};
use report::{Report, Row};

/// Every row of the report, in the order they are measured: what others are compared with comes first.
pub(crate) const NAMES: [&str; 12] = [
    "raw.publish",
    "raw.publish.atomic",
    "raw.loop",
    "accept.single",
    "accept.batch100",
    "dispatch.webhook",
    "transform.loop",
    "end_to_end",
    "fanout.100",
    "lanes.1000",
    "idle.1000",
    "plugin.fresh",
];

/// What is measured only when it is named: it takes minutes, and some of it gigabytes of the disk.
pub(crate) const ON_DEMAND: [&str; 2] = ["journey", "hanging"];

/// What a measurement must know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) durability: Durability,
    /// Length of the part that counts.
    pub(crate) measure: Duration,
}

/// Longest one measurement may take, start and end of its processes included.
const MEASUREMENT_WITHIN: Duration = Duration::from_secs(180);
/// The same for what is measured on demand.
const ON_DEMAND_WITHIN: Duration = Duration::from_secs(900);

/// Measures one row and adds it. A measurement that cannot be made is reported, and the others go on.
pub(crate) async fn measure(name: &'static str, durability: Durability, args: &Args, report: &mut Report) {
    eprintln!("… {name} ({durability})");
    let setting = Setting {
        durability,
        measure: Duration::from_secs(args.seconds),
    };
    // On the heap: a measurement's future carries whole processes with it.
    let row = Box::pin(one(name, setting));
    let within = if ON_DEMAND.contains(&name) {
        ON_DEMAND_WITHIN
    } else {
        MEASUREMENT_WITHIN
    };
    let outcome = tokio::time::timeout(within, row).await;
    match outcome.unwrap_or_else(|_| Err(Failure::new("it took too long"))) {
        Ok(row) => {
            eprintln!("  {}", row.line());
            report.add(row);
        }
        Err(failure) => {
            eprintln!("  not measured: {failure}");
            report.miss(name, durability, &failure);
        }
    }
}

async fn one(name: &'static str, setting: Setting) -> Outcome<Row> {
    let row = Row::new(name, setting.durability);
    match name {
        "raw.publish" => raw::publish(row, setting).await,
        "raw.publish.atomic" => raw::publish_atomic(row, setting).await,
        "raw.loop" => raw::relay(row, setting).await,
        "accept.single" => accept::single(row, setting).await,
        "accept.batch100" => accept::batch(row, setting).await,
        "dispatch.webhook" => webhook::dispatch(row, setting).await,
        "transform.loop" => derive::transform_loop(row, setting).await,
        "end_to_end" => webhook::end_to_end(row, setting).await,
        "fanout.100" => fanout::fanout(row, setting).await,
        "lanes.1000" => lanes::lanes(row, setting).await,
        "idle.1000" => idle::idle(row, setting).await,
        "journey" => journey::journey(row, setting).await,
        "hanging" => hanging::hanging(row, setting).await,
        "plugin.fresh" => plugin::fresh(row, setting).await,
        other => Err(Failure::new(format!("there is no measurement {other}"))),
    }
}
