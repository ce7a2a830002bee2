//! A receiver that may not be delivered to: it does not consent, or wants nothing any more.
//!
//! *Promise*: its subscription stands still and loses nothing, no event uses its attempts up on it, and its owner hears of
//! it by an event of the bus itself. What has become too old for its subscription meanwhile is given up as anywhere else.

use super::{Dispatcher, notice::Notice};
use crate::{
    city::LiveCity,
    clock,
    facts::SubscriptionHeld,
    lanes::{Item, Lane, Moved, Pause, TOO_OLD, WITHHELD},
};

/// The type of the notice.
const NOTICE_TYPE: &str = "de.stadtbus.subscription.held.v1";

impl Dispatcher {
    /// The receiver does not consent: the event stays where it is, unless it has become too old.
    pub(super) async fn hold(&self, lane: &Lane, city: &LiveCity, item: Item) {
        if lane.is_too_old(&item, std::time::Duration::ZERO) {
            lane.untried();
            let why = format!("{TOO_OLD} The receiver never consented: {WITHHELD}");
            self.give_up(lane, item, "SB-3024", why).await;
            return;
        }
        let moved = lane.consented(false);
        lane.put_back(item);
        self.consent_moved(lane, city, moved).await;
    }

    /// Tells that a receiver began to withhold its consent, or gave it.
    pub(super) async fn consent_moved(&self, lane: &Lane, city: &LiveCity, moved: Option<Moved>) {
        if let Some(Moved { open, since_ms, .. }) = moved {
            self.held(lane, city, WITHHELD, open, since_ms).await;
        }
    }

    /// The receiver is gone, or wants nothing any more: its lane stands still until somebody resumes it, and the events with
    /// it.
    pub(super) async fn gone(&self, lane: &Lane, city: &LiveCity) {
        let pause = Pause::receiver_gone();
        // Others may be under way and hear the same.
        if lane.paused().as_ref() == Some(&pause) {
            return;
        }
        lane.set_paused(Some(pause.clone()));
        match &lane.order.replay {
            Some(_) => self.hold_replay(lane, &pause).await,
            None => self.remember_pause(lane, &pause).await,
        }
        self.held(lane, city, "SB-3005", true, clock::millis_now()).await;
    }

    async fn held(&self, lane: &Lane, city: &LiveCity, code: &'static str, held: bool, since_ms: u64) {
        SubscriptionHeld {
            subscription: lane.order.id().as_str(),
            code,
            held,
        }
        .emit();
        let notice = Notice {
            ty: NOTICE_TYPE,
            state: if held { "held" } else { "released" },
            since_ms,
            more: vec![("code", code.into())],
        };
        self.tell_owner(lane, city, notice).await;
    }
}
