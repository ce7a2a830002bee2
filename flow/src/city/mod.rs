//! The configuration that both halves share: the city, compiled and in force.
//!
//! *Promise*: a city is in force whole or not at all. It is one document; it is compiled with all its contracts
//! and plugins before anything changes, and it changes by one write, guarded by the city it was planned against.
//! Every bus process watches that one cell. A city that cannot be compiled leaves the last good one in force.

mod admission;
mod apply;
mod grants;
mod live;
mod order;
mod ordered;
mod store;
mod trial;

use std::sync::Arc;

pub use admission::{Admission, Grants, Signatures};
pub use apply::{Applied, Deployment, Plan, Proposal};
use arc_swap::ArcSwapOption;
pub use grants::{Granted, InForce, Lacking, Request, Standing};
pub use live::{LiveCity, LiveRoute};
pub use order::Order;
pub use ordered::{Changed, Impossible};
use stadtbus_broker::Broker;
use stadtbus_plugin_host::{Host, Pool};
pub(crate) use store::{CITY, CURRENT};
use tokio::sync::watch;
pub use trial::Candidate;

use crate::{Limits, Refusal, deliver::credential::Keeper};

/// Called with each city before it comes into force, for what must change with it (the egress policy).
pub type OnChange = Box<dyn Fn(&LiveCity) + Send + Sync>;

/// Where the city comes from and where it is changed.
pub struct Cities {
    broker: Arc<dyn Broker>,
    host: Arc<Host>,
    pool: Arc<Pool>,
    limits: Limits,
    live: ArcSwapOption<LiveCity>,
    changes: watch::Sender<String>,
    changing: tokio::sync::Mutex<()>,
    on_change: OnChange,
    keeper: Option<Arc<Keeper>>,
    admission: Admission,
}

impl Cities {
    /// Nothing is in force yet; see [`Cities::watch`].
    #[must_use]
    pub fn new(
        broker: Arc<dyn Broker>,
        host: Arc<Host>,
        pool: Arc<Pool>,
        limits: Limits,
        on_change: OnChange,
    ) -> Self {
        let (changes, _) = watch::channel(String::new());
        Self {
            broker,
            host,
            pool,
            limits,
            live: ArcSwapOption::empty(),
            changes,
            changing: tokio::sync::Mutex::default(),
            on_change,
            keeper: None,
            admission: Admission::default(),
        }
    }

    /// The same with the keys that seal and open the credentials of receivers.
    #[must_use]
    pub fn with_keeper(mut self, keeper: Option<Arc<Keeper>>) -> Self {
        self.keeper = keeper;
        self
    }

    /// The same with other demands on plugins than the strict ones.
    #[must_use]
    pub fn with_admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// The keys that seal and open the credentials of receivers, if this process has any.
    #[must_use]
    pub fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_deref()
    }

    /// The city in force.
    ///
    /// # Errors
    /// `SB-1405` before the first city was applied.
    pub fn current(&self) -> Result<Arc<LiveCity>, Refusal> {
        self.live
            .load_full()
            .ok_or_else(|| Refusal::new("SB-1405", "No city is loaded yet.").hint("stadtbus apply FOLDER"))
    }

    /// Changes whenever another city comes into force; the value is its digest.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<String> {
        self.changes.subscribe()
    }

    fn put_in_force(&self, city: LiveCity) {
        (self.on_change)(&city);
        let digest = city.digest.clone();
        self.live.store(Some(Arc::new(city)));
        tracing::info!(digest, "City in force.");
        self.changes.send_replace(digest);
    }
}
