//! No damage, no alarm: both processes are killed while events are accepted.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use stadtbus_harness::{Failure, Outcome, eventually};

use super::stage::{Stage, batch, logs};

const KILLS: u32 = 12;
const WITHIN: Duration = Duration::from_secs(60);
/// Numbers of these events lie above those of the store.
const FIRST: u64 = 1_000_000;
const BATCHES_MAX: u64 = 10_000;
const BATCH: u64 = 50;

/// What came of it.
pub(crate) struct Alarms {
    kills: u32,
    batches: u64,
    raised: Vec<String>,
}

impl Alarms {
    pub(crate) fn is_clean(&self) -> bool {
        self.raised.is_empty()
    }
}

impl fmt::Display for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills of bus, broker and both under load, {} events accepted between: {} alarms {}",
            self.kills,
            self.batches * BATCH,
            self.raised.len(),
            self.raised.join("; ")
        )
    }
}

pub(crate) async fn without_damage(stage: &mut Stage, random: &mut fastrand::Rng) -> Outcome<Alarms> {
    stage.restore(true)?;
    stage.world.nats.start_again().await?;
    stage.world.bus.start_again().await?;
    let mut alarms = Alarms {
        kills: 0,
        batches: 0,
        raised: Vec::new(),
    };
    let sender = stage.world.client("pub", "sender", "publish").await?;
    let operator = stage.world.operator().await?;
    for kill in 0..KILLS {
        let load = {
            let (sender, seed) = (sender.clone(), stage.seed);
            let from = FIRST + u64::from(kill) * BATCHES_MAX * BATCH;
            tokio::spawn(async move {
                for number in 0..BATCHES_MAX {
                    let from = from + number * BATCH;
                    let accepted = tokio::time::timeout(
                        Duration::from_secs(2),
                        batch(&sender, seed, from..from + BATCH),
                    );
                    if !matches!(accepted.await, Ok(Ok(()))) {
                        return number;
                    }
                }
                BATCHES_MAX
            })
        };
        tokio::time::sleep(Duration::from_millis(random.u64(300..1_500))).await;
        if kill % 3 != 0 {
            stage.world.nats.kill_hard().await?;
        }
        if kill % 3 != 1 {
            stage.world.bus.kill_hard().await?;
        }
        alarms.kills += 1;
        alarms.batches += load.await.unwrap_or_default();
        if kill % 3 != 0 {
            stage.world.nats.start_again().await?;
        }
        if kill % 3 != 1 {
            stage.world.bus.start_again().await?;
        }
        let compared = eventually(WITHIN, "all logs compared", || async {
            let found = logs(&operator).await?;
            let list = found.get("logs").and_then(Value::as_array).cloned();
            let list = list.unwrap_or_default();
            let state = |log: &Value| log.get("state").and_then(Value::as_str).map(str::to_owned);
            let damaged = list.iter().find(|log| log.get("damage").is_some());
            if let Some(damaged) = damaged {
                return Ok(Some(damaged.to_string()));
            }
            let done = !list.is_empty() && list.iter().all(|log| state(log).as_deref() == Some("whole"));
            done.then_some(None)
                .ok_or_else(|| Failure::new(found.to_string()))
        });
        alarms.raised.extend(compared.await?);
    }
    Ok(alarms)
}
