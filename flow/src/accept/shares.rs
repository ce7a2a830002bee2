//! How much of the acceptance one partner has: whoever sends more at once than its share is refused, and the others do not notice.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use stadtbus_event::PartnerId;

use crate::Refusal;

/// Requests being accepted, by partner.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<PartnerId, usize>>);

/// One request of a partner; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    shares: &'a Shares,
    partner: PartnerId,
}

impl Shares {
    fn counts(&self) -> MutexGuard<'_, HashMap<PartnerId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more request of `partner`, unless it has `most` already.
    pub(super) fn take(&self, partner: &PartnerId, most: usize) -> Result<Share<'_>, Refusal> {
        let mut counts = self.counts();
        let count = counts.entry(partner.clone()).or_default();
        if *count >= most {
            return Err(Refusal::new(
                "SB-1404",
                "Too many requests of this partner are being accepted at this moment.",
            ));
        }
        *count += 1;
        Ok(Share {
            shares: self,
            partner: partner.clone(),
        })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut counts = self.shares.counts();
        if let Some(count) = counts.get_mut(&self.partner) {
            *count -= 1;
            // Who sends nothing is not remembered.
            if *count == 0 {
                counts.remove(&self.partner);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_partner_cannot_take_the_share_of_another() {
        let shares = Shares::default();
        let [werk, amt] = ["werk", "amt"].map(|id| PartnerId::parse(id).unwrap());
        let first = shares.take(&werk, 2).unwrap();
        let second = shares.take(&werk, 2).unwrap();
        assert_eq!(shares.take(&werk, 2).unwrap_err().code, "SB-1404");
        let other = shares.take(&amt, 2).unwrap();
        drop(first);
        let third = shares.take(&werk, 2).unwrap();
        drop((second, third, other));
        assert!(shares.counts().is_empty());
    }
}
