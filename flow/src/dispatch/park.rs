//! Parking: what a key that does not move on leaves behind is made durable, and comes back when it goes on.

use std::time::Duration;

use stadtbus_broker::{Appended, BrokerError, Entry, LogName, Position};
use tokio::time::Instant;

use super::{
    Dispatcher,
    edit::{Edit, edited},
};
use crate::{
    Refusal,
    city::LiveCity,
    lanes::{
        Item, Lane, Outcome, ParkedKey, Stop, Wanted,
        parked::{self, Parked},
    },
    log::{Logged, PARKED_LOG},
    written::millis_now,
};

#[cfg(test)]
mod tests;

/// Parked events shown of one key.
const SHOWN_MAX: usize = 100;
/// Pause before the broker is asked again for an outcome that is not known.
const ASKED_AGAIN: Duration = Duration::from_millis(500);

/// What somebody decided about a parked key.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The key.
    pub key: String,
    /// How many of its events it concerns.
    pub events: usize,
}

impl Dispatcher {
    /// Moves events between a lane's memory and the log of parked events, as the lane asks.
    pub(crate) async fn keep(&self, lane: &Lane) {
        self.forget_stops(lane).await;
        self.move_crowd(lane).await;
        for wanted in lane.wanted() {
            let fetched = parked::fetch(&*self.broker, &wanted.key, wanted.position, wanted.record).await;
            match fetched {
                Ok(Some(parked)) if wanted.is_buried() => {
                    self.bury_parked(lane, &wanted, parked).await;
                }
                Ok(Some(parked)) => lane.fetched(wanted.item(parked)),
                Ok(None) => {
                    tracing::error!(log = %wanted.key.log(), position = wanted.position, "A parked event is in no log any more; it ends.");
                    lane.lost(&wanted);
                }
                Err(error) => {
                    tracing::warn!(subscription = %lane.order.id(), %error, "A parked event could not be read yet.");
                    lane.not_fetched(&wanted);
                }
            }
        }
    }

    async fn forget_stops(&self, lane: &Lane) {
        let mut left = Vec::new();
        for key in lane.cleared() {
            if parked::write_stop(&*self.broker, &lane.order.key(), &key, None)
                .await
                .is_err()
            {
                left.push(key);
            }
        }
        if !left.is_empty() {
            lane.not_cleared(left);
        }
    }

    async fn move_crowd(&self, lane: &Lane) {
        let crowd = lane.crowd();
        if crowd.is_empty() {
            return;
        }
        let Ok(log) = LogName::new(PARKED_LOG) else { return };
        let (name, life) = (lane.order.key(), lane.parking_life());
        let entries: Vec<_> = crowd
            .iter()
            .filter_map(|item| Some(parked::entry(&name, item.key.as_ref()?, &item.logged, life)))
            .collect();
        let appended = self.broker.append_all(&log, entries.clone()).await;
        let mut known = Vec::new();
        for (entry, outcome) in entries.into_iter().zip(appended) {
            known.push(self.known(&log, entry, outcome).await);
        }
        // Where the last one came in time, all did.
        let last = known.iter().flatten().map(|appended| appended.position).max();
        let in_time = match last {
            Some(last) => parked::came_too_late(&*self.broker, &name, life, last).await,
            None => Ok(false),
        };
        let in_time = matches!(in_time, Ok(false));
        for (item, outcome) in crowd.into_iter().zip(known) {
            let stands = match outcome {
                Ok(appended) if in_time => Ok(appended.position),
                Ok(appended) => self.stands(lane, &log, appended.position).await,
                Err(error) => Err(error),
            };
            match stands {
                Ok(position) => {
                    self.tell(lane, &item, Outcome::Parked, Some("SB-3022"));
                    lane.moved(item, position);
                }
                Err(error) => {
                    tracing::warn!(subscription = %lane.order.id(), %error, "An event could not be parked; it stays in its lane.");
                    lane.not_moved(item);
                }
            }
        }
    }

    /// What became of an append whose outcome was not known: it is asked for again until it is, as long as a repeat is known
    /// as one. Else a record might be left behind of an event that its lane delivers, and come back at the next start.
    async fn known(
        &self,
        log: &LogName,
        entry: Entry,
        first: Result<Appended, BrokerError>,
    ) -> Result<Appended, BrokerError> {
        if !matches!(first, Err(BrokerError::Unknown(_))) {
            return first;
        }
        let until = self.until();
        loop {
            tokio::time::sleep(ASKED_AGAIN).await;
            match self.broker.append(log, entry.clone()).await {
                Err(BrokerError::Unknown(_) | BrokerError::Unavailable(_)) if Instant::now() < until => {}
                outcome => return outcome,
            }
        }
    }

    /// Sets an event with a key aside until `until_ms`, or until somebody decides. If the broker cannot take it, it stays
    /// in its lane, and that is said.
    pub(super) async fn set_aside(
        &self,
        lane: &Lane,
        item: Item,
        code: &str,
        detail: &str,
        until_ms: Option<u64>,
    ) -> bool {
        match self.stop(lane, &item, code, detail, until_ms).await {
            Ok((record, stop)) => {
                let outcome = if until_ms.is_some() {
                    Outcome::Retry
                } else {
                    Outcome::Parked
                };
                self.tell(lane, &item, outcome, Some(code));
                if until_ms.is_none() {
                    tracing::warn!(subscription = %lane.order.id(), code, "A key is parked.");
                }
                lane.set_aside(item, record, stop);
                true
            }
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "A key could not be parked; its event stays in its lane.");
                lane.put_back(item);
                false
            }
        }
    }

    async fn stop(
        &self,
        lane: &Lane,
        item: &Item,
        code: &str,
        detail: &str,
        until_ms: Option<u64>,
    ) -> Result<(Position, Stop), BrokerError> {
        let key = item
            .key
            .as_ref()
            .ok_or_else(|| BrokerError::Refused("an event without a key cannot be parked".to_owned()))?;
        let record = match item.parked {
            Some(record) => record,
            None => {
                let entry = parked::entry(&lane.order.key(), key, &item.logged, lane.parking_life());
                self.park(lane, entry).await?
            }
        };
        let stop = Stop::at(item, code, detail, millis_now(), until_ms);
        match parked::write_stop(&*self.broker, &lane.order.key(), key, Some(&stop)).await {
            Err(error) if item.parked.is_some() => return Err(error),
            // Its record owns it: in the lane it would come twice. What is not written down is only what the next life begins with.
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "Why a key does not move on could not be written down; after a restart it goes on.");
            }
            Ok(()) => {}
        }
        Ok((record, stop))
    }

    async fn park(&self, lane: &Lane, entry: Entry) -> Result<Position, BrokerError> {
        let log = LogName::new(PARKED_LOG)?;
        let first = self.broker.append(&log, entry.clone()).await;
        let record = self.known(&log, entry, first).await?.position;
        self.stands(lane, &log, record).await
    }

    /// The place of a record that counts: one that a later life of the lane cannot know of is removed again.
    async fn stands(&self, lane: &Lane, log: &LogName, record: Position) -> Result<Position, BrokerError> {
        let (name, life) = (lane.order.key(), lane.parking_life());
        let until = self.until();
        loop {
            let late = match parked::came_too_late(&*self.broker, &name, life, record).await {
                Ok(false) => return Ok(record),
                Ok(true) => self.broker.remove(log, record).await,
                Err(error) => Err(error),
            };
            match late {
                Ok(()) => {
                    let detail = "another process works for the subscription by now";
                    return Err(BrokerError::Conflict(detail.to_owned()));
                }
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => tokio::time::sleep(ASKED_AGAIN).await,
            }
        }
    }

    /// Until when the broker is asked again: as long as it knows a repeat as one.
    fn until(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.limits.duplicate_window_s) / 2
    }

    async fn bury_parked(&self, lane: &Lane, wanted: &Wanted, parked: Parked) {
        let detail = "Its key was buried.".to_owned();
        let item = wanted.item(parked);
        match self.write_dead_letter(lane, &item, "SB-3023", &detail).await {
            Ok(()) => {
                lane.weigh(&item);
                self.end(lane, item, Outcome::DeadLettered, Some("SB-3023"), Some(detail));
            }
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "A dead letter could not be written; the event stays parked.");
                lane.not_fetched(wanted);
            }
        }
    }

    /// A parked key with its first events.
    ///
    /// # Errors
    /// `SB-2021`, `SB-15xx`.
    pub async fn parked_key(&self, lane: &Lane, id: &str) -> Result<(ParkedKey, Vec<Logged>), Refusal> {
        let (shown, key, places) = lane.parked_key(id, SHOWN_MAX).ok_or_else(unknown)?;
        let mut events = Vec::new();
        for (position, record) in places {
            let parked = parked::fetch(&*self.broker, &key, position, record).await?;
            events.extend(parked.map(|(logged, _)| logged));
        }
        Ok((shown, events))
    }

    /// Lets a key go on from its first event, with all attempts before it.
    ///
    /// # Errors
    /// `SB-2021`, `SB-15xx`.
    pub async fn resume_key(&self, lane: &Lane, id: &str) -> Result<Decided, Refusal> {
        let (shown, key, _) = lane.parked_key(id, 0).ok_or_else(unknown)?;
        parked::write_stop(&*self.broker, &lane.order.key(), &key, None).await?;
        lane.set_stop(&key, None);
        Ok(Decided {
            key: shown.id,
            events: shown.events,
        })
    }

    /// Sends the first event of a key to the dead letters and lets the key go on.
    ///
    /// # Errors
    /// `SB-2021`, `SB-2022` while that event is under way, `SB-15xx`.
    pub async fn skip(&self, lane: &Lane, id: &str, by: &str) -> Result<Decided, Refusal> {
        lane.parked_key(id, 0).ok_or_else(unknown)?;
        let wanted = lane.claim(id).ok_or_else(moving)?;
        let key = wanted.key.clone();
        let detail = format!("Its key was parked; it was skipped by {by}.");
        let fetched = parked::fetch(&*self.broker, &key, wanted.position, wanted.record).await;
        let item = match fetched {
            Ok(Some(parked)) => wanted.item(parked),
            Ok(None) => {
                lane.lost(&wanted);
                return Err(Refusal::new("SB-1505", "The event is in no log any more."));
            }
            Err(error) => {
                lane.not_fetched(&wanted);
                return Err(error.into());
            }
        };
        let done = match self.write_dead_letter(lane, &item, "SB-3023", &detail).await {
            Ok(()) => parked::write_stop(&*self.broker, &lane.order.key(), &key, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            lane.not_fetched(&wanted);
            return Err(error.into());
        }
        lane.set_stop(&key, None);
        lane.weigh(&item);
        self.end(lane, item, Outcome::DeadLettered, Some("SB-3023"), Some(detail));
        Ok(Decided {
            key: id.to_owned(),
            events: 1,
        })
    }

    /// Puts other data into a key's first event and lets the key go on.
    ///
    /// # Errors
    /// `SB-2021`, `SB-2022` while that event is under way, `SB-2071` when its data is no JSON, `SB-12xx` when the contract does
    /// not allow it, `SB-15xx`.
    pub async fn edit(&self, lane: &Lane, city: &LiveCity, id: &str, edit: Edit) -> Result<Decided, Refusal> {
        lane.parked_key(id, 0).ok_or_else(unknown)?;
        let wanted = lane.claim(id).ok_or_else(moving)?;
        match self.replace(lane, city, &wanted, edit).await {
            Ok(record) => {
                lane.replaced(&wanted, record);
                self.resume_key(lane, id)
                    .await
                    .map(|decided| Decided { events: 1, ..decided })
            }
            Err(refusal) => {
                lane.not_fetched(&wanted);
                Err(refusal)
            }
        }
    }

    async fn replace(
        &self,
        lane: &Lane,
        city: &LiveCity,
        wanted: &Wanted,
        edit: Edit,
    ) -> Result<Position, Refusal> {
        let parked = parked::fetch(&*self.broker, &wanted.key, wanted.position, wanted.record).await?;
        let (before, history) =
            parked.ok_or_else(|| Refusal::new("SB-1505", "The event is in no log any more."))?;
        let (event, edits) = edited(city, &before.provenance.partner, &before.event, history, edit)?;
        let logged = Logged {
            event: std::sync::Arc::new(event),
            ..before
        };
        let (name, life) = (lane.order.key(), lane.parking_life());
        let entry = parked::edited_entry(&name, &wanted.key, &logged, &edits, millis_now(), life)?;
        Ok(self.park(lane, entry).await?)
    }

    /// Sends all events that a key has now to the dead letters.
    ///
    /// # Errors
    /// `SB-2021`, `SB-15xx`.
    pub async fn bury_key(&self, lane: &Lane, id: &str, by: &str) -> Result<Decided, Refusal> {
        let detail = format!("Its key is being buried by {by}.");
        let (key, stop, events) = lane.burial(id, "SB-3023", &detail).ok_or_else(unknown)?;
        parked::write_stop(&*self.broker, &lane.order.key(), &key, Some(&stop)).await?;
        lane.set_stop(&key, Some(stop));
        Ok(Decided {
            key: id.to_owned(),
            events,
        })
    }
}

fn unknown() -> Refusal {
    Refusal::new("SB-2021", "The subscription has no such parked key.")
}

fn moving() -> Refusal {
    Refusal::new(
        "SB-2022",
        "The key's first event is under way at this moment; its key is not parked.",
    )
}
