//! All of it, a few things at a time, and a quarter of the time nothing.

use std::time::{Duration, Instant};

use stadtbus_harness::Outcome;

use super::{PLAIN, Row};
use crate::proxy::Weather;
use crate::setup::{Ready, Setup};
use crate::stage::Stage;

const FOR: Duration = Duration::from_secs(180);
const LONG: Duration = Duration::from_secs(3_600);
const AWAY_MS_MAX: u64 = 3_000;

/// A random subset.
pub(super) const EVERYTHING: Row = Row {
    name: "everything",
    what: "random faults of this matrix, two at a time, a quarter of the time none (long: an hour)",
    events: 60_000,
    events_max: 5_000_000,
    prepare,
    fault: |stage| Box::pin(everything(stage)),
    ..PLAIN
};

fn prepare(setup: &mut Setup) -> Outcome<Ready> {
    setup.proxied = true;
    setup.limits.push_str("lease_ttl_ms = 3000\n");
    Ok(Ready::Yes)
}

async fn everything(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let (start, time) = (Instant::now(), if stage.long { LONG } else { FOR });
    while start.elapsed() < time {
        let (first, second) = (stage.random.u32(0..8), stage.random.u32(0..8));
        weather(stage, first)?;
        trouble(stage, second).await?;
        let pause = stage.random.u64(500..4_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let (receivers, broker) = stage.proxies()?;
    receivers.set(Weather::default());
    broker.set(Weather::default());
    stage.flows("everything").await;
    Ok(())
}

fn weather(stage: &mut Stage, dice: u32) -> Outcome<()> {
    let weather = match dice {
        0 => Weather {
            late_ms: 100,
            jitter_ms: 50,
            ..Weather::default()
        },
        1 => Weather {
            resets_percent: 20,
            ..Weather::default()
        },
        2 => Weather {
            drip: true,
            ..Weather::default()
        },
        _ => Weather::default(),
    };
    let (receivers, broker) = stage.proxies()?;
    receivers.set(weather);
    // The broker's way drips in a row of its own: here it would only stop everything.
    broker.set(Weather {
        drip: false,
        ..weather
    });
    if dice == 3 {
        receivers.reset_all();
        broker.reset_all();
    }
    Ok(())
}

async fn trouble(stage: &mut Stage, dice: u32) -> Outcome<()> {
    let away = Duration::from_millis(stage.random.u64(0..AWAY_MS_MAX));
    match dice {
        0 | 1 => stage.kill_bus(away).await?,
        2 | 3 => stage.kill_broker(away).await?,
        4 => {
            stage.world.nats.process()?.freeze()?;
            tokio::time::sleep(away).await;
            stage.world.nats.process()?.thaw()?;
        }
        5 => {
            stage.world.bus.process()?.freeze()?;
            tokio::time::sleep(away * 2).await;
            stage.world.bus.process()?.thaw()?;
        }
        _ => tokio::time::sleep(away).await,
    }
    Ok(())
}
