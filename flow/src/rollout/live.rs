//! The rollouts as this process follows them, with both versions of each ready to run.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use stadtbus_broker::Broker;
use stadtbus_plugin_host::Plugin;
use tokio::sync::Notify;

use super::{By, Part, ROLLOUTS, Ran, Rollout, Stage, Tally, change, store};
use crate::{
    Refusal,
    city::Cities,
    clock,
    facts::{Facts, RolloutMoved},
    follow::{Told, follow},
    transform::Transform,
};

/// How often counts are written down, and what could not be written is tried again.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// A rollout at work in this process.
pub struct Live {
    /// As it was decided.
    pub rollout: Rollout,
    old: Arc<Plugin>,
    new: Arc<Plugin>,
    /// What this process counted.
    pub tally: Arc<Tally>,
    /// Why this process stopped the canary, before everybody is told.
    stopped: Mutex<Option<String>>,
    is_stopped: AtomicBool,
    names: [Arc<Ran>; 4],
}

impl Live {
    /// The version that takes the events, or all but a canary's share.
    #[must_use]
    pub fn in_service<'a>(&self, placed: &'a Transform) -> Cow<'a, Transform> {
        let plugin = match self.rollout.stage {
            Stage::Promoted => &self.new,
            _ => &self.old,
        };
        if placed.digest() == plugin.digest() {
            return Cow::Borrowed(placed);
        }
        Cow::Owned(placed.with(plugin))
    }

    /// The new version in the same place.
    #[must_use]
    pub fn candidate(&self, placed: &Transform) -> Transform {
        placed.with(&self.new)
    }

    /// Whether the event with this key goes through the new version.
    #[must_use]
    pub fn takes(&self, key: &[u8]) -> bool {
        !self.has_stopped() && self.rollout.takes(key)
    }

    /// Whether this process has stopped the canary.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Whether the new version runs beside the old one.
    #[must_use]
    pub fn shadows(&self) -> bool {
        self.rollout.stage == Stage::Shadow
    }

    /// Whether both versions run for each event that a canary takes.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.rollout.policy.difference_percent_max.is_some()
    }

    /// What is written down of an event: which version it went through, and as what.
    #[must_use]
    pub fn ran(&self, part: Part) -> Arc<Ran> {
        let at = match part {
            Part::Canary => 0,
            Part::Fallback => 1,
            Part::Service => 2,
            Part::Shadow => 3,
        };
        let ran = self.names.get(at).map(Arc::clone);
        ran.unwrap_or_else(|| Arc::new(named(&self.old, &self.new, part)))
    }

    /// As which part the version in service takes an event that no canary takes: worth a word only where the city names
    /// another one.
    #[must_use]
    pub fn service(&self, placed: &Transform) -> Option<Arc<Ran>> {
        let other = self.rollout.in_service().digest != placed.digest();
        other.then(|| self.ran(Part::Service))
    }
}

/// All rollouts of one process.
pub struct Rollouts {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) cities: Arc<Cities>,
    pub(super) facts: Arc<Facts>,
    member: String,
    live: ArcSwap<BTreeMap<String, Arc<Live>>>,
    wanted: Mutex<BTreeMap<String, Rollout>>,
    changing: tokio::sync::Mutex<()>,
    changed: Notify,
}

impl Rollouts {
    /// Knows of none yet; see [`Rollouts::load`]. `member` names this process among the others.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, cities: Arc<Cities>, facts: Arc<Facts>, member: &str) -> Self {
        Self {
            broker,
            cities,
            facts,
            member: member.to_owned(),
            live: ArcSwap::default(),
            wanted: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The rollout that says which version runs in this place, if one does.
    #[must_use]
    pub fn of(&self, placed: &Transform) -> Option<Arc<Live>> {
        let live = self.live.load();
        if live.is_empty() {
            return None;
        }
        live.get(&placed.plugin_name())
            .filter(|live| live.rollout.governs(placed.digest()))
            .cloned()
    }

    /// Reads all rollouts before anything runs.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn load(&self) -> Result<(), Refusal> {
        let rollouts = store::list(&*self.broker).await?;
        self.want(|wanted| *wanted = by_plugin(rollouts));
        self.settle().await;
        Ok(())
    }

    /// Follows every change, and writes down what is counted, for ever.
    pub async fn run(self: Arc<Self>) {
        let following = tokio::spawn(Arc::clone(&self).follow());
        let _ends = AbortOnDrop(following);
        let mut tick = tokio::time::interval(WRITE_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.changed.notified() => self.settle().await,
                _ = tick.tick() => self.write_counts().await,
            }
            self.tell_stops().await;
        }
    }

    /// Holds here at once what this process wrote itself.
    pub async fn heed(&self, rollout: Rollout) {
        self.want(|wanted| drop(wanted.insert(rollout.plugin.clone(), rollout)));
        self.settle().await;
    }

    /// Writes down what is counted and was not written yet.
    pub async fn write_counts(&self) {
        for live in self.live.load_full().values() {
            let Some(counts) = live.tally.news() else { continue };
            let written = store::write_counts(&*self.broker, &live.rollout, &self.member, &counts).await;
            if let Err(error) = written {
                tracing::warn!(plugin = live.rollout.plugin, %error, "What a rollout counted could not be written down yet.");
                live.tally.again();
            }
        }
    }

    /// The canary ends here and now; the others are told by the cell.
    pub(super) fn stop(&self, live: &Live, why: String) {
        if live.is_stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        *live.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.changed.notify_one();
    }

    /// Writes down which canaries this process stopped.
    async fn tell_stops(&self) {
        for live in self.live.load_full().values() {
            let why = live
                .stopped
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let Some(why) = why.filter(|_| live.rollout.stage == Stage::Canary) else {
                continue;
            };
            let stopped = change(&*self.broker, &live.rollout.plugin, |stored| {
                Ok(stored
                    .filter(|stored| stored.id == live.rollout.id)
                    .and_then(|mut stored| {
                        let by = By {
                            who: "bus".to_owned(),
                            at_ms: clock::millis_now(),
                            why: format!("SB-4034: {why}"),
                        };
                        stored.stop(by).then_some(stored)
                    }))
            });
            match stopped.await {
                Ok(Some(rollout)) => self.heed(rollout).await,
                Ok(None) => {}
                Err(refusal) => {
                    tracing::warn!(plugin = live.rollout.plugin, %refusal, "That a canary stopped could not be written down yet; in this process it has.");
                }
            }
        }
    }

    fn want(&self, change: impl FnOnce(&mut BTreeMap<String, Rollout>)) {
        change(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn follow(self: Arc<Self>) {
        let heed = |told| {
            self.want(|wanted| match told {
                Told::All(cells) => *wanted = by_plugin(cells.iter().filter_map(store::read)),
                Told::Put(cell) => {
                    if let Some(rollout) = store::read(&cell) {
                        wanted.insert(rollout.plugin.clone(), rollout);
                    }
                }
                Told::Deleted(key) => wanted.retain(|plugin, _| store::key(plugin) != key),
            });
            self.changed.notify_one();
        };
        follow(&*self.broker, ROLLOUTS, heed).await;
    }

    /// Makes of what is wanted what runs.
    async fn settle(&self) {
        let _turn = self.changing.lock().await;
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let before = self.live.load_full();
        let mut next = BTreeMap::new();
        for (plugin, rollout) in wanted {
            let known = before.get(&plugin);
            if let Some(live) = known.filter(|live| live.rollout == rollout) {
                next.insert(plugin, Arc::clone(live));
                continue;
            }
            match self.put_to_work(rollout, known).await {
                Ok(live) => drop(next.insert(plugin, Arc::new(live))),
                Err(refusal) => {
                    tracing::error!(plugin, %refusal, "A rollout cannot be followed here; the version that the city names runs.");
                }
            }
        }
        self.live.store(Arc::new(next));
    }

    async fn put_to_work(&self, rollout: Rollout, before: Option<&Arc<Live>>) -> Result<Live, Refusal> {
        let again = before.filter(|live| live.rollout.id == rollout.id);
        let (old, new) = match again {
            Some(live) => (Arc::clone(&live.old), Arc::clone(&live.new)),
            None => (
                self.cities.version(&rollout.old).await?,
                self.cities.version(&rollout.new).await?,
            ),
        };
        RolloutMoved { rollout: &rollout }.emit(&self.facts);
        let tally = again.map_or_else(Arc::default, |live| Arc::clone(&live.tally));
        let names = [Part::Canary, Part::Fallback, Part::Service, Part::Shadow].map(|part| {
            let (other, taking) = match (part, rollout.stage) {
                (Part::Service, Stage::Promoted) => (&old, &new),
                _ => (&new, &old),
            };
            Arc::new(match part {
                Part::Canary => named(&new, &new, part),
                Part::Service => named(taking, taking, part),
                Part::Fallback | Part::Shadow => named(taking, other, part),
            })
        });
        Ok(Live {
            rollout,
            old,
            new,
            tally,
            stopped: Mutex::default(),
            is_stopped: AtomicBool::new(false),
            names,
        })
    }
}

/// The task that follows ends with the one that it works for.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn named(taking: &Plugin, other: &Plugin, part: Part) -> Ran {
    Ran {
        plugin: Transform::name_of(taking),
        beside: matches!(part, Part::Fallback | Part::Shadow).then(|| Transform::name_of(other)),
        part,
    }
}

fn by_plugin(rollouts: impl IntoIterator<Item = Rollout>) -> BTreeMap<String, Rollout> {
    rollouts
        .into_iter()
        .map(|rollout| (rollout.plugin.clone(), rollout))
        .collect()
}
