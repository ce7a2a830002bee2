//! New versions of plugins, as one process follows them.

use std::sync::Arc;

use stadtbus_broker::Broker;
use stadtbus_flow::{Refusal, city::Cities, facts::Facts, rollout::Rollouts};

use crate::{Bus, StartError};

/// Knows of none yet.
pub(crate) fn rollouts(broker: &Arc<dyn Broker>, cities: &Arc<Cities>, facts: &Arc<Facts>) -> Arc<Rollouts> {
    let member = uuid::Uuid::new_v4().simple().to_string();
    let (broker, cities, facts) = (Arc::clone(broker), Arc::clone(cities), Arc::clone(facts));
    Arc::new(Rollouts::new(broker, cities, facts, &member))
}

impl Bus {
    /// Knows which version of each plugin is in service before any runs, and follows that.
    pub(crate) async fn load_rollouts(&self) -> Result<(), StartError> {
        let unread = |refusal: Refusal| StartError::new(refusal.code, refusal.detail);
        self.rollouts.load().await.map_err(unread)?;
        self.keep(tokio::spawn(Arc::clone(&self.rollouts).run()));
        Ok(())
    }
}
