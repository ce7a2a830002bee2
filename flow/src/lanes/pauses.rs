//! Pauses that outlive a process: one cell for each subscription that stands still.
//!
//! Whoever pauses or resumes a subscription asks any process, and its lane may work in another one: so every process
//! follows the cells.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, Cell, CellWrite, Expect};
use stadtbus_contracts::Text;

use super::{Lanes, lane::Lane};
use crate::follow::{Told, follow};

/// Why a lane stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `SB-2004` for an operator's pause, `SB-3005` when the receiver is gone, `SB-3010` while it does not consent.
    pub code: String,
    /// In words.
    pub reason: String,
}

impl Pause {
    /// Its reason in both languages.
    #[must_use]
    pub fn in_words(&self) -> Text {
        let german = match self.code.as_str() {
            "SB-2004" => self.reason.strip_prefix(PAUSED_BY).map(|who| format!("angehalten von {who}")),
            "SB-3005" => Some("der Empfänger will nichts mehr (410 Gone oder webhook-delivery: disable)".to_owned()),
            WITHHELD => Some(
                "der Empfänger hat der Zustellung nicht zugestimmt (WebHook-Allowed-Origin); er wird wieder gefragt"
                    .to_owned(),
            ),
            "SB-3012" => Some(
                "die Anmeldedaten für den Empfänger wurden mit einem Schlüssel versiegelt, den dieser Prozess nicht hat"
                    .to_owned(),
            ),
            _ => None,
        };
        Text::new(german.unwrap_or_else(|| self.reason.clone()), self.reason.clone())
    }

    /// Somebody wants it to stand still, `<partner>/<system>`.
    #[must_use]
    pub fn by(who: &str) -> Self {
        Self {
            code: "SB-2004".to_owned(),
            reason: format!("{PAUSED_BY}{who}"),
        }
    }

    /// The receiver is gone, or wants nothing any more.
    pub(crate) fn receiver_gone() -> Self {
        Self {
            code: "SB-3005".to_owned(),
            reason: "The receiver wants nothing any more (410 Gone, or webhook-delivery: disable)."
                .to_owned(),
        }
    }

    /// The receiver was asked and did not consent; it is asked again, and nobody need resume anything.
    pub(super) fn without_consent() -> Self {
        Self {
            code: WITHHELD.to_owned(),
            reason:
                "The receiver has not consented to deliveries (WebHook-Allowed-Origin); it is asked again."
                    .to_owned(),
        }
    }

    /// The receiver's credential cannot be opened here: nothing may go to it without.
    pub(super) fn without_credential() -> Self {
        Self {
            code: "SB-3012".to_owned(),
            reason: "The receiver's credential was sealed with a key that this process does not have."
                .to_owned(),
        }
    }
}

/// Code of a receiver that does not consent to deliveries.
pub(crate) const WITHHELD: &str = "SB-3010";

/// How the reason of a pause begins that somebody wanted.
const PAUSED_BY: &str = "paused by ";

/// The bucket of pauses; the key is `<partner>.<subscription>`.
pub const PAUSES: &str = "PAUSES";

#[derive(Serialize, Deserialize)]
struct Stored {
    code: String,
    reason: String,
}

/// Writes a pause, or ends it.
///
/// # Errors
/// When the broker does not answer.
pub async fn write(broker: &dyn Broker, key: &str, pause: Option<&Pause>) -> Result<(), BrokerError> {
    let value = pause
        .map(|pause| {
            serde_json::to_vec(&Stored {
                code: pause.code.clone(),
                reason: pause.reason.clone(),
            })
        })
        .transpose()
        .map_err(|error| BrokerError::Refused(error.to_string()))?;
    let write = CellWrite {
        key: key.to_owned(),
        value: value.map(Into::into),
        expect: Expect::Any,
        ttl: None,
    };
    broker.cells(PAUSES).await?.write(write).await?;
    Ok(())
}

/// Reads a pause.
///
/// # Errors
/// When the broker does not answer.
pub async fn read(broker: &dyn Broker, key: &str) -> Result<Option<Pause>, BrokerError> {
    let cell = broker.cells(PAUSES).await?.get(key).await?;
    Ok(cell.as_ref().and_then(written))
}

fn written(cell: &Cell) -> Option<Pause> {
    let stored = serde_json::from_slice::<Stored>(&cell.value).ok()?;
    Some(Pause {
        code: stored.code,
        reason: stored.reason,
    })
}

impl Lanes {
    /// Lets lanes stand still and go on as the cells say, for as long as it is polled.
    pub(super) async fn follow_pauses(self: Arc<Self>) {
        follow(&*self.broker, PAUSES, |told| self.heed(told)).await;
    }

    fn heed(&self, told: Told) {
        self.pauses_changed.fetch_add(1, Ordering::Relaxed);
        let heed_one = |key: &str, pause| {
            let lane = self.working().get(key).map(|working| Arc::clone(&working.lane));
            if let Some(lane) = lane {
                obey(&lane, pause);
            }
        };
        match told {
            Told::Put(cell) => heed_one(&cell.key, written(&cell)),
            Told::Deleted(key) => heed_one(&key, None),
            Told::All(cells) => obey_all(&self.lanes_at_work(), &cells),
        }
    }

    /// What was said of a lane while it started: nobody heeded it then.
    pub(super) async fn catch_up_with_pause(&self, lane: &Lane) {
        match read(&*self.broker, &lane.order.key()).await {
            Ok(pause) => obey(lane, pause),
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "It is not known whether a lane was paused while it started.");
            }
        }
    }
}

/// Whoever is not named goes on. A replay stands still with its subscription, and is told by nobody else.
fn obey_all(lanes: &[Arc<Lane>], cells: &[Cell]) {
    let pauses: BTreeMap<&str, Option<Pause>> = cells
        .iter()
        .map(|cell| (cell.key.as_str(), written(cell)))
        .collect();
    for lane in lanes.iter().filter(|lane| lane.order.replay.is_none()) {
        let pause = pauses.get(lane.order.key().as_str()).cloned().flatten();
        obey(lane, pause);
    }
}

fn obey(lane: &Lane, pause: Option<Pause>) {
    let pause = pause.or_else(|| lane.order.lacks_credential().then(Pause::without_credential));
    if lane.paused() != pause {
        lane.set_paused(pause);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stadtbus_broker_memory::{MemoryBroker, Options};

    use super::*;
    use crate::{Limits, lanes::testing};

    #[tokio::test]
    async fn a_lane_whose_pause_ended_while_nobody_followed_goes_on() {
        let lane = Arc::new(testing::lane(Default::default(), &Limits::default(), json!({})));
        let broker = MemoryBroker::new(Options::default());
        write(&broker, &lane.order.key(), Some(&Pause::by("amt/empfang")))
            .await
            .unwrap();
        let present = broker.cells(PAUSES).await.unwrap().list("").await.unwrap();
        let lanes = [Arc::clone(&lane)];
        obey_all(&lanes, &present);
        assert_eq!(lane.paused(), Some(Pause::by("amt/empfang")));
        obey_all(&lanes, &[]);
        assert_eq!(lane.paused(), None);
    }
}
