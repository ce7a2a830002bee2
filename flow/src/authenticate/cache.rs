//! Tokens already verified, so that a repeat costs a digest and a look-up instead of a signature check.
//!
//! Only what passed every check gets in, so strangers cannot fill it. It is bounded: the oldest makes room.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use super::Principal;

/// SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// Verified tokens by their digest, until they are over.
#[derive(Debug)]
pub(super) struct Cache {
    entries_max: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_digest: HashMap<Digest, Arc<Principal>>,
    /// Digests in the order they came, each once.
    order: VecDeque<Digest>,
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            inner: RwLock::default(),
        }
    }

    /// The principal of this token, unless the token is unknown or over.
    pub(super) fn get(&self, digest: &Digest, now: SystemTime, leeway: Duration) -> Option<Arc<Principal>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner
            .by_digest
            .get(digest)
            .filter(|principal| !principal.is_over(now, leeway))
            .map(Arc::clone)
    }

    /// Remembers a verified token. When full, tokens that are over leave first, then the oldest.
    pub(super) fn put(&self, digest: Digest, principal: Arc<Principal>, now: SystemTime, leeway: Duration) {
        if self.entries_max == 0 {
            return;
        }
        let mut guard = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        if inner.by_digest.len() >= self.entries_max {
            inner
                .by_digest
                .retain(|_, principal| !principal.is_over(now, leeway));
            inner.order.retain(|digest| inner.by_digest.contains_key(digest));
        }
        while inner.by_digest.len() >= self.entries_max {
            let Some(oldest) = inner.order.pop_front() else {
                break;
            };
            inner.by_digest.remove(&oldest);
        }
        if inner.by_digest.insert(digest, principal).is_none() {
            inner.order.push_back(digest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_digest
            .len()
    }
}
