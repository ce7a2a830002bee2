//! The owner of a subscription hears when its receiver's breaker opens and closes: by an event of the bus itself.

use super::{Dispatcher, notice::Notice};
use crate::{
    city::LiveCity,
    facts::BreakerMoved,
    lanes::{Lane, Moved},
};

/// The type of the events that tell of breakers.
pub const BREAKER_MOVED: &str = "de.stadtbus.subscription.breaker.v1";

impl Dispatcher {
    /// Tells that a breaker opened or closed.
    pub(super) async fn breaker_moved(&self, lane: &Lane, city: &LiveCity, moved: &Moved) {
        BreakerMoved {
            subscription: lane.order.id().as_str(),
            open: moved.open,
            failures: moved.failures,
        }
        .emit();
        let notice = Notice {
            ty: BREAKER_MOVED,
            state: if moved.open { "open" } else { "closed" },
            since_ms: moved.since_ms,
            more: ("failures", moved.failures.into()),
        };
        self.tell_owner(lane, city, notice).await;
    }
}
