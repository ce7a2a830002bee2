//! The owner of a subscription hears when its receiver's breaker opens and closes, or its plugin's: by an event of the bus
//! itself.

use serde_json::json;

use super::{Dispatcher, notice::Notice};
use crate::{
    city::LiveCity,
    facts::BreakerMoved,
    lanes::{Lane, Moved},
    transform::TransformError,
};

/// The type of the events that tell of breakers.
pub const BREAKER_MOVED: &str = "de.stadtbus.subscription.breaker.v1";

impl Dispatcher {
    /// Tells that a receiver's breaker opened or closed.
    pub(super) async fn breaker_moved(&self, lane: &Lane, city: &LiveCity, moved: &Moved) {
        BreakerMoved {
            subscription: lane.order.id().as_str(),
            plugin: None,
            open: moved.open,
            failures: moved.failures,
        }
        .emit();
        let more = vec![("failures", moved.failures.into())];
        self.tell_owner(lane, city, notice(moved, more)).await;
    }

    /// What became of an event in the plugin says something of the plugin, too. An input that it rejects, and trouble with the
    /// broker, say nothing against it.
    pub(super) async fn judge_plugin(&self, lane: &Lane, city: &LiveCity, error: Option<&TransformError>) {
        if error.is_some_and(|error| error.transient) {
            return;
        }
        let Some(moved) = lane.transformed(error.is_some_and(TransformError::is_fault)) else {
            return;
        };
        let plugin = lane.order.plugin_name();
        BreakerMoved {
            subscription: lane.order.id().as_str(),
            plugin: Some(plugin.as_deref().unwrap_or_default()),
            open: moved.open,
            failures: moved.failures,
        }
        .emit();
        let more = vec![("failures", moved.failures.into()), ("of", json!("plugin"))];
        self.tell_owner(lane, city, notice(&moved, more)).await;
    }
}

fn notice(moved: &Moved, more: Vec<(&'static str, serde_json::Value)>) -> Notice {
    Notice {
        ty: BREAKER_MOVED,
        state: if moved.open { "open" } else { "closed" },
        since_ms: moved.since_ms,
        more,
    }
}
