//! kill -9.

use std::time::Duration;

use stadtbus_harness::Outcome;

use super::{PLAIN, Row};
use crate::faults::{Whom, inflict};
use crate::setup::{Ready, Setup};
use crate::stage::Stage;

/// A killed bus may repeat what it had not yet noted as settled: at most what one lane holds, twice.
const DUPLICATES_PER_KILL_MAX: u64 = 2 * 1024;
/// Two processes have divided the work among themselves after this time.
const SHARED_AFTER: Duration = Duration::from_secs(5);
const SHARED_FOR: Duration = Duration::from_secs(10);
/// While nobody is killed, at most one in so many deliveries is a repeat.
const SHARED_REPEATS_EACH: u64 = 20;
/// Within this time after its detection a broken broker is an answer.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// A whole exchange with a bus that shares two cores with everything else may take this much longer.
const DETECTED_WITHIN: Duration = Duration::from_secs(10);

/// The bus.
pub(super) const BUS: Row = Row {
    name: "router-kill",
    what: "kill -9 of the bus at 120 random instants",
    events: 180_000,
    kills: 120,
    prepare: short_leases,
    fault: |stage| Box::pin(bus(stage)),
    ..PLAIN
};

/// The broker.
pub(super) const BROKER: Row = Row {
    name: "broker-kill",
    what: "kill -9 of nats-server 80 times, back after up to 3 s",
    events: 160_000,
    kills: 80,
    fault: |stage| Box::pin(broker(stage)),
    ..PLAIN
};

/// One of two.
pub(super) const PAIR: Row = Row {
    name: "router-pair-kill",
    what: "two bus processes share the work; now one, now the other is killed, 20 times",
    events: 40_000,
    kills: 20,
    prepare: |setup| {
        setup.second_bus = true;
        short_leases(setup)
    },
    fault: |stage| Box::pin(pair(stage)),
    ..PLAIN
};

fn short_leases(setup: &mut Setup) -> Outcome<Ready> {
    setup.limits.push_str("lease_ttl_ms = 2000\n");
    Ok(Ready::Yes)
}

async fn bus(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    inflict(stage, Whom::Bus, 500).await?;
    stage.flows("the last kill").await;
    let most = u64::from(stage.kills.bus) * DUPLICATES_PER_KILL_MAX;
    let most_seen = stage.duplicates().into_iter().max().unwrap_or_default();
    let what = format!("no more than {most} duplicates at one subscription ({most_seen})");
    stage.expect(what, most_seen <= most);
    Ok(())
}

async fn pair(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    // What the one gives to the other when it comes has changed hands by now.
    tokio::time::sleep(SHARED_AFTER).await;
    let before = stage.deliveries();
    tokio::time::sleep(SHARED_FOR).await;
    let after = stage.deliveries();
    let (events, repeats) = (after.0 - before.0, after.1 - before.1);
    stage.expect(
        format!("two processes share the work: {repeats} repeats beside {events} deliveries"),
        events > 0 && repeats * SHARED_REPEATS_EACH <= events,
    );
    inflict(stage, Whom::Buses, 500).await?;
    stage.flows("the last kill").await;
    let most = u64::from(stage.kills.bus) * DUPLICATES_PER_KILL_MAX;
    let most_seen = stage.duplicates().into_iter().max().unwrap_or_default();
    let what = format!("no more than {most} duplicates at one subscription ({most_seen})");
    stage.expect(what, most_seen <= most);
    Ok(())
}

async fn broker(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    inflict(stage, Whom::Broker, 3_000).await?;
    stage.flows("the last kill").await;
    let answers = stage.answered();
    let refused = answers.count(503);
    let within = DETECTED_WITHIN + REFUSED_WITHIN;
    stage.expect(
        format!(
            "publishers were answered 503 ({refused} times) while there was no broker, and no other error"
        ),
        refused > 0 && answers.other_than(&[202, 503]) == 0,
    );
    stage.expect(
        format!(
            "each within {} s of being asked (slowest {} ms), none without an answer",
            within.as_secs(),
            answers.slowest_refusal.as_millis()
        ),
        answers.slowest_refusal <= within && answers.silent == 0,
    );
    Ok(())
}
