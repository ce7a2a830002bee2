//! The lease book of one lane: who was handed what, and until when.
//!
//! *Promise*: an item is in the book or with its owner, never both and never neither; a handle settles its item at
//! most once. *What it refuses*: more leases than its bound, and handles it did not give out, which are 128 random
//! bits, so that nobody settles what another was handed. *Why without a clock*: the caller says what time it is,
//! so that everything here can be tested to the end.
//!
//! A lease that ran out counts until [`Leases::expire`] takes its item back: an acknowledgement that comes a moment
//! late, while nobody else has been given the event, still spares its repeat.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use crate::clock;

#[cfg(test)]
mod tests;

/// The shortest lease.
pub const LEASE_MIN: Duration = Duration::from_millis(100);

/// The longest lease: half a day.
pub const LEASE_MAX: Duration = Duration::from_secs(12 * 3600);

/// Names one lease; given to the receiver, and only to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(Uuid);

impl Handle {
    /// Reads what [`fmt::Display`] wrote: 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if plain {
            Uuid::try_parse(text).ok().map(Self)
        } else {
            None
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// What came of a list of handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled<T> {
    /// The items, now the caller's again.
    pub items: Vec<T>,
    /// The handles that name no lease (`SB-2008`), as given.
    pub unknown: Vec<String>,
}

/// What came of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// How many leases were extended.
    pub count: usize,
    /// The handles that name no lease (`SB-2008`), as given.
    pub unknown: Vec<String>,
}

#[derive(Debug)]
struct Lease<T> {
    item: T,
    until: Instant,
}

/// The lease book.
#[derive(Debug)]
pub struct Leases<T> {
    leases_max: usize,
    by_handle: HashMap<Handle, Lease<T>>,
    by_end: BTreeSet<(Instant, Handle)>,
}

impl<T> Leases<T> {
    /// An empty book for at most so many leases.
    #[must_use]
    pub fn new(leases_max: usize) -> Self {
        Self {
            leases_max,
            by_handle: HashMap::new(),
            by_end: BTreeSet::new(),
        }
    }

    /// How many leases there are, those that ran out included until they are taken back.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_handle.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_handle.is_empty()
    }

    /// How many more may be given.
    #[must_use]
    pub fn room(&self) -> usize {
        self.leases_max.saturating_sub(self.by_handle.len())
    }

    /// Hands an item out. `ttl` is brought between [`LEASE_MIN`] and [`LEASE_MAX`].
    ///
    /// # Errors
    /// The item, when the book is full.
    pub fn lease(&mut self, item: T, now: Instant, ttl: Duration) -> Result<Handle, T> {
        if self.room() == 0 {
            return Err(item);
        }
        let handle = Handle(clock::unguessable());
        let until = now + ttl.clamp(LEASE_MIN, LEASE_MAX);
        self.by_end.insert((until, handle));
        self.by_handle.insert(handle, Lease { item, until });
        Ok(handle)
    }

    /// What is out under this handle.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.by_handle.get(&handle).map(|lease| &lease.item)
    }

    /// Ends a lease and gives its item to the caller, who acknowledges, releases or rejects it.
    pub fn settle(&mut self, handle: Handle) -> Option<T> {
        let lease = self.by_handle.remove(&handle)?;
        self.by_end.remove(&(lease.until, handle));
        Some(lease.item)
    }

    /// [`Leases::settle`] for handles as they came from the receiver. One given twice is unknown the second time.
    pub fn settle_all<S: AsRef<str>>(&mut self, handles: impl IntoIterator<Item = S>) -> Settled<T> {
        let mut settled = Settled {
            items: Vec::new(),
            unknown: Vec::new(),
        };
        for text in handles {
            match Handle::parse(text.as_ref()).and_then(|handle| self.settle(handle)) {
                Some(item) => settled.items.push(item),
                None => settled.unknown.push(text.as_ref().to_owned()),
            }
        }
        settled
    }

    /// Lets a lease end `ttl` from now, sooner or later than before. `false`: there is none.
    pub fn extend(&mut self, handle: Handle, now: Instant, ttl: Duration) -> bool {
        let Some(lease) = self.by_handle.get_mut(&handle) else {
            return false;
        };
        self.by_end.remove(&(lease.until, handle));
        lease.until = now + ttl.clamp(LEASE_MIN, LEASE_MAX);
        self.by_end.insert((lease.until, handle));
        true
    }

    /// [`Leases::extend`] for handles as they came from the receiver.
    pub fn extend_all<S: AsRef<str>>(
        &mut self,
        handles: impl IntoIterator<Item = S>,
        now: Instant,
        ttl: Duration,
    ) -> Extended {
        let mut extended = Extended {
            count: 0,
            unknown: Vec::new(),
        };
        for text in handles {
            if Handle::parse(text.as_ref()).is_some_and(|handle| self.extend(handle, now, ttl)) {
                extended.count += 1;
            } else {
                extended.unknown.push(text.as_ref().to_owned());
            }
        }
        extended
    }

    /// Takes back the items whose lease has run out, the longest overdue first.
    pub fn expire(&mut self, now: Instant) -> Vec<T> {
        let mut items = Vec::new();
        while self.by_end.first().is_some_and(|(until, _)| *until <= now) {
            let ended = self
                .by_end
                .pop_first()
                .and_then(|(_, handle)| self.by_handle.remove(&handle));
            items.extend(ended.map(|lease| lease.item));
        }
        items
    }

    /// When [`Leases::expire`] will next have something to take back.
    #[must_use]
    pub fn next_end(&self) -> Option<Instant> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// Takes everything back, for a lane that stops.
    pub fn take_all(&mut self) -> Vec<T> {
        self.by_end.clear();
        self.by_handle.drain().map(|(_, lease)| lease.item).collect()
    }
}
