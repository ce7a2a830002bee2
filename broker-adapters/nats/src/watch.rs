//! Watching cells.
//!
//! A watcher reads the bucket's stream from its beginning, which holds one message per key, and remembers the revision
//! of every key it told as present. When its consumer has to start anew it reads everything again, passes over what it
//! has told, and tells as deleted what is no longer there. So it does not depend on how long deletions are kept, and
//! costs memory for the keys it watches, not for their history.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use async_nats::Message;
use futures_util::{StreamExt, stream};
use stadtbus_broker::{BrokerError, Cell, CellChange, CellStream};

use crate::{
    cells::OPERATION,
    link::Link,
    ordered::{Ordered, Start, Told, Wanted},
    wire::{Delivery, MARKER_REASON},
};

struct Watcher {
    ordered: Ordered,
    root: String,
    prefix: String,
    /// What was told as present, with its revision.
    known: HashMap<String, u64>,
    /// What this pass has come across; `None` when the pass is over.
    pass: Option<HashSet<String>>,
    levelled: bool,
    last: u64,
    ready: VecDeque<CellChange>,
}

pub(crate) async fn watch(link: Arc<Link>, bucket: &str, prefix: &str) -> Result<CellStream, BrokerError> {
    let root = format!("$KV.{bucket}.");
    // The server filters by whole words, the rest is done here. A prefix that can begin no key matches none.
    let words = prefix
        .rfind('.')
        .map_or("", |at| prefix.get(..=at).unwrap_or_default());
    let sound = words
        .split_terminator('.')
        .all(|word| stadtbus_broker::check_cell_key(word).is_ok());
    let filter = if sound {
        format!("{root}{words}>")
    } else {
        format!("{root}>")
    };
    let wanted = Wanted {
        stream: format!("KV_{bucket}"),
        filter: Some(filter),
        headers_only: false,
    };
    let mut ordered = Ordered::new(link, wanted, Start::Position(1), true);
    let pending = ordered
        .begin()
        .await
        .map_err(|error| error.of_question(&format!("cells {bucket}")))?;
    let mut watcher = Watcher {
        ordered,
        root,
        prefix: prefix.to_owned(),
        known: HashMap::new(),
        pass: None,
        levelled: false,
        last: 0,
        ready: VecDeque::new(),
    };
    watcher.began(pending);
    Ok(Box::pin(stream::unfold(watcher, |mut watcher| async move {
        loop {
            if let Some(change) = watcher.ready.pop_front() {
                return Some((change, watcher));
            }
            watcher.step().await?;
        }
    })))
}

/// The cells given before the level, by key; `None` when the watcher ended first.
pub(crate) async fn until_level(mut changes: CellStream) -> Option<Vec<Cell>> {
    let mut cells = BTreeMap::new();
    loop {
        match changes.next().await? {
            CellChange::Level => return Some(cells.into_values().collect()),
            CellChange::Put(cell) => {
                cells.insert(cell.key.clone(), cell);
            }
            CellChange::Deleted { key, .. } => {
                cells.remove(&key);
            }
        }
    }
}

impl Watcher {
    async fn step(&mut self) -> Option<()> {
        match self.ordered.next().await? {
            Told::Began { pending } => self.began(pending),
            Told::Message(message, delivery) => {
                self.message(message, delivery);
                if delivery.pending == 0 {
                    self.passed();
                }
            }
            // What was there to read may have vanished before it was sent; then nothing says that it was the last.
            Told::Quiet => {
                if self.pass.is_some() && self.ordered.pending().await == Some(0) {
                    self.passed();
                }
            }
        }
        Some(())
    }

    fn began(&mut self, pending: u64) {
        self.pass = Some(HashSet::new());
        if pending == 0 {
            self.passed();
        }
    }

    /// Everything present has been read.
    fn passed(&mut self) {
        let Some(seen) = self.pass.take() else { return };
        let revision = self.last;
        let mut gone: Vec<String> = self
            .known
            .keys()
            .filter(|key| !seen.contains(*key))
            .cloned()
            .collect();
        gone.sort();
        for key in gone {
            self.known.remove(&key);
            self.ready.push_back(CellChange::Deleted { key, revision });
        }
        if !self.levelled {
            self.levelled = true;
            self.ready.push_back(CellChange::Level);
        }
    }

    fn message(&mut self, message: Message, delivery: Delivery) {
        self.last = self.last.max(delivery.position);
        let Some(key) = message
            .subject
            .strip_prefix(&self.root)
            .filter(|key| key.starts_with(&self.prefix))
        else {
            return;
        };
        let key = key.to_owned();
        let revision = delivery.position;
        let deleted = message
            .headers
            .as_ref()
            .is_some_and(|headers| headers.get(OPERATION).is_some() || headers.get(MARKER_REASON).is_some());
        if deleted {
            if self.known.remove(&key).is_some() {
                self.ready.push_back(CellChange::Deleted { key, revision });
            }
            return;
        }
        if let Some(seen) = &mut self.pass {
            seen.insert(key.clone());
        }
        let before = self.known.insert(key.clone(), revision);
        if before.is_none_or(|before| before < revision) {
            self.ready.push_back(CellChange::Put(Cell {
                key,
                value: message.payload,
                revision,
            }));
        }
    }
}
