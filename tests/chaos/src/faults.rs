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
    SecondBus,
    Broker,
    /// The bus and the broker.
    InTurn,
    /// The bus and the second bus.
    Buses,
}

impl Whom {
    /// Who it is this time.
    fn now(self, kill: u32) -> Self {
        match (self, kill % 2) {
            (Self::InTurn | Self::Buses, 0) => Self::Bus,
            (Self::InTurn, _) => Self::Broker,
            (Self::Buses, _) => Self::SecondBus,
            (always, _) => always,
        }
    }
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
        let whom = whom.now(kill);
        let claimed = open(&stage.ledger).claimed();
        eprintln!(
            "… kill -9 {whom:?} at event {claimed}, back after {} ms",
            away.as_millis()
        );
        // A process that does not come back ends the run: nothing would ever be accepted again.
        match whom {
            Whom::Broker => stage.kill_broker(away).await?,
            Whom::SecondBus => stage.kill_second_bus(away).await?,
            _ => stage.kill_bus(away).await?,
        }
    }
    Ok(())
}

/// Bus and broker in turn.
pub(crate) async fn in_turn(stage: &mut Stage) -> Outcome<()> {
    inflict(stage, Whom::InTurn, AWAY_MS_MAX).await
}
