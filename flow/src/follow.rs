//! What a bucket of the broker holds, as a process follows it.
//!
//! *Promise*: whoever follows is told all that is there first, and from then on what changes; after every interruption all
//! that is there again. A deletion that happened while nobody followed is told by no change, so what is told as a whole
//! replaces whatever was known.

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, Cell, CellChange, CellStream};

/// How long to wait before the broker is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a follower is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// These cells have a value, and no others.
    All(Vec<Cell>),
    /// This one has this value now.
    Put(Cell),
    /// The one with this key has none any more.
    Deleted(String),
}

/// Follows a bucket, for ever.
pub(crate) async fn follow(broker: &dyn Broker, bucket: &str, mut heed: impl FnMut(Told) + Send) {
    loop {
        match changes(broker, bucket).await {
            Ok(changes) => heed_all(changes, &mut heed).await,
            Err(error) => tracing::warn!(bucket, %error, "A bucket cannot be followed yet."),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn changes(broker: &dyn Broker, bucket: &str) -> Result<CellStream, BrokerError> {
    broker.cells(bucket).await?.watch("").await
}

/// Until the stream ends.
async fn heed_all(mut changes: CellStream, heed: &mut (impl FnMut(Told) + Send)) {
    let mut present = BTreeMap::new();
    loop {
        match changes.next().await {
            None => return,
            Some(CellChange::Level) => break,
            Some(CellChange::Put(cell)) => drop(present.insert(cell.key.clone(), cell)),
            Some(CellChange::Deleted { key, .. }) => drop(present.remove(&key)),
        }
    }
    heed(Told::All(present.into_values().collect()));
    while let Some(change) = changes.next().await {
        match change {
            CellChange::Put(cell) => heed(Told::Put(cell)),
            CellChange::Deleted { key, .. } => heed(Told::Deleted(key)),
            CellChange::Level => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::stream;

    use super::*;

    fn put(key: &str) -> CellChange {
        CellChange::Put(Cell {
            key: key.to_owned(),
            value: bytes::Bytes::new(),
            revision: 1,
        })
    }

    #[tokio::test]
    async fn what_went_while_nobody_followed_is_known_to_be_gone() {
        let known = Mutex::new(BTreeMap::new());
        let mut heed = |told| {
            let mut known = known.lock().unwrap();
            match told {
                Told::All(cells) => *known = cells.into_iter().map(|cell| (cell.key, ())).collect(),
                Told::Put(cell) => drop(known.insert(cell.key, ())),
                Told::Deleted(key) => drop(known.remove(&key)),
            }
        };
        let keys = || known.lock().unwrap().keys().cloned().collect::<Vec<_>>();
        let deleted = |key: &str| CellChange::Deleted {
            key: key.to_owned(),
            revision: 2,
        };
        let before = [
            put("a"),
            put("b"),
            deleted("b"),
            put("c"),
            CellChange::Level,
            put("d"),
            deleted("a"),
        ];
        heed_all(Box::pin(stream::iter(before)), &mut heed).await;
        assert_eq!(keys(), ["c", "d"]);
        // It broke off before all was told: what was known stays.
        heed_all(Box::pin(stream::iter([put("e")])), &mut heed).await;
        assert_eq!(keys(), ["c", "d"]);
        heed_all(Box::pin(stream::iter([put("d"), CellChange::Level])), &mut heed).await;
        assert_eq!(keys(), ["d"]);
    }
}
