//! Who is killed when: at even distances of claimed events, each back after up to three seconds.

use std::time::Duration;

use stadtbus_harness::Outcome;

use crate::publish::open;
use crate::stage::Stage;

/// Longest time a killed process stays away, in milliseconds.
const AWAY_MS_MAX: u64 = 3_000;
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// A kill does not come at the same point of the bus's work each time.
const JITTER_MS_MAX: u64 = 300;

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kills {
    pub(crate) bus: u32,
    pub(crate) broker: u32,
}

/// Whom to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Bus,
    Broker,
    InTurn,
}

/// Kills as often as the row says while its events are being published, at even distances of claimed events.
pub(crate) async fn inflict(stage: &mut Stage, whom: Whom, away_ms_max: u64) -> Outcome<()> {
    let (kills, events) = (stage.row.kills, stage.row.events);
    for kill in 0..kills {
        let after = events * u64::from(kill + 1) / u64::from(kills + 1);
        while open(&stage.ledger).claimed() < after {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        tokio::time::sleep(Duration::from_millis(stage.random.u64(0..JITTER_MS_MAX))).await;
        let away = Duration::from_millis(stage.random.u64(0..away_ms_max));
        let broker = whom == Whom::Broker || (whom == Whom::InTurn && kill % 2 == 1);
        let claimed = open(&stage.ledger).claimed();
        let who = if broker { "nats-server" } else { "stadtbus" };
        eprintln!(
            "… kill -9 {who} at event {claimed}, back after {} ms",
            away.as_millis()
        );
        // A process that does not come back ends the run: nothing would ever be accepted again.
        if broker {
            stage.kill_broker(away).await?;
        } else {
            stage.kill_bus(away).await?;
        }
    }
    Ok(())
}

/// Bus and broker in turn.
pub(crate) async fn in_turn(stage: &mut Stage) -> Outcome<()> {
    inflict(stage, Whom::InTurn, AWAY_MS_MAX).await
}
