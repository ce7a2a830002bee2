//! What orders an event.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stadtbus_broker::LogName;
use stadtbus_contracts::{DataView, KeyPath};

use crate::{log::Logged, written::hex};

/// What orders an event: P2 holds for one partner (the log is its), one source and one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    log: LogName,
    source: String,
    value: String,
}

impl Key {
    /// The key of an event; none if it has none, and then it waits for nobody.
    #[must_use]
    pub fn of(by: &KeyPath, logged: &Logged) -> Option<Self> {
        let value = by.key(&DataView::new(&logged.event))?;
        Some(Self::new(logged.log.clone(), logged.event.source(), &value))
    }

    /// A key by its parts.
    #[must_use]
    pub fn new(log: LogName, source: &str, value: &str) -> Self {
        Self(Arc::new(Parts {
            log,
            source: source.to_owned(),
            value: value.to_owned(),
        }))
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &LogName {
        &self.0.log
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The value that the events share.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0.value
    }

    /// What subjects, cells and addresses name it by. A hash: the value may be long, and is nobody else's business.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.log().as_str(), self.source(), self.value()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex(hash.finalize().get(..12).unwrap_or_default())
    }
}
