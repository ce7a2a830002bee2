//! SIGSTOP: still there, and silent.

use std::time::Duration;

use stadtbus_harness::Outcome;

use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

/// Longer than a lease of the bus and than the acknowledgements of its receivers.
const BUS_FROZEN: Duration = Duration::from_secs(35);

/// The broker.
pub(super) const BROKER: Row = Row {
    name: "broker-frozen",
    what: "SIGSTOP of nats-server for 1, 5 and 30 s (long: and 120 s)",
    prepare: |setup| Ok(wide_window(setup)),
    fault: |stage| Box::pin(broker(stage)),
    ..PLAIN
};

/// One of two bus processes.
pub(super) const BUS: Row = Row {
    name: "router-frozen",
    what: "SIGSTOP of one of two bus processes for 35 s, longer than its lease",
    prepare: |setup| {
        setup.second_bus = true;
        Ok(Ready::Yes)
    },
    fault: |stage| Box::pin(bus(stage)),
    ..PLAIN
};

/// Publishers repeat for as long as a broker is frozen: an id must be recognised for longer.
fn wide_window(setup: &mut Setup) -> Ready {
    setup.limits.push_str("duplicate_window_s = 900\n");
    Ready::Yes
}

async fn broker(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let mut times = vec![1, 5, 30];
    times.extend(stage.long.then_some(120));
    for seconds in times {
        stage.world.nats.process()?.freeze()?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let answers = stage.answered();
        stage.world.nats.process()?.thaw()?;
        stage.expect(
            format!("a broker frozen for {seconds} s: every answer is 202 or 503, none is missing"),
            answers.other_than(&[202, 503]) == 0 && answers.silent == 0,
        );
        stage.flows(&format!("{seconds} s")).await;
    }
    let answers = stage.answered();
    stage.expect("and the bus answered all the time", answers.silent == 0);
    Ok(())
}

async fn bus(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    stage.world.bus.process()?.freeze()?;
    let start = std::time::Instant::now();
    let taken_over = stage.goes_on_by(1_000, BUS_FROZEN).await;
    tokio::time::sleep(BUS_FROZEN.saturating_sub(start.elapsed())).await;
    stage.world.bus.process()?.thaw()?;
    stage.expect(
        format!("the other process took over the deliveries of the frozen one ({taken_over:?})"),
        taken_over.is_some(),
    );
    let goes_on = stage.goes_on_by(1_000, SETTLE).await;
    stage.expect("both go on when it runs again", goes_on.is_some());
    stage.expect("it did not end itself", stage.bus_lives());
    Ok(())
}
