//! Who is killed when: bus and broker in turn, spread over the events, each back after up to three seconds.

use std::time::Duration;

use stadtbus_harness::{Outcome, World};

use crate::publish::{Shared, open};

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

/// Kills `kills` times while `events` are being published, at even distances of claimed events.
pub(crate) async fn inflict(world: &mut World, ledger: &Shared, kills: u32, events: u64) -> Outcome<Kills> {
    let mut random = fastrand::Rng::with_seed(open(ledger).seed());
    let mut done = Kills::default();
    for kill in 0..kills {
        let after = events * u64::from(kill + 1) / u64::from(kills + 1);
        while open(ledger).claimed() < after {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..JITTER_MS_MAX))).await;
        let away = Duration::from_millis(random.u64(0..AWAY_MS_MAX));
        let broker = kill % 2 == 1;
        let claimed = open(ledger).claimed();
        let who = if broker { "nats-server" } else { "stadtbus" };
        eprintln!(
            "… kill -9 {who} at event {claimed}, back after {} ms",
            away.as_millis()
        );
        if broker {
            world.nats.kill_hard().await?;
            tokio::time::sleep(away).await;
            world.nats.start_again().await?;
            done.broker += 1;
        } else {
            world.bus.kill_hard().await?;
            tokio::time::sleep(away).await;
            world.bus.start_again().await?;
            done.bus += 1;
        }
    }
    Ok(done)
}
