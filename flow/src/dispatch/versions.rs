//! Which version of its plugin an event goes through, where a rollout says so.
//!
//! A version is chosen once for each run, so that a promotion in between meets no event half-way. What fails in a canary
//! goes through the version in service before anybody hears of it: a bad version costs time, and no event.

use std::{borrow::Cow, sync::Arc};

use stadtbus_contracts::Registry;
use stadtbus_plugin_host::OwnedInput;

use super::{Dispatcher, Made, Parcel, derive::make, shadow::Job};
use crate::{
    city::{LiveCity, Order},
    deliver::webhook::Foreign,
    lanes::{Item, Key, Lane},
    log::Logged,
    rollout::{Live, Part, Rollouts, Seen, Taken, compare::Outcome},
    transform::{Run, Transform, TransformError, Transformed},
};

/// What came of one version.
pub(super) type Judged = Result<Outcome, TransformError>;

/// The versions that a plugin has in one place at this moment.
pub(super) struct Versions<'a> {
    /// The one that takes all events but those of a canary.
    pub(super) service: Cow<'a, Transform>,
    placed: &'a Transform,
    live: Option<Arc<Live>>,
}

impl Versions<'_> {
    /// The rollout, if there is one.
    pub(super) fn live(&self) -> Option<&Arc<Live>> {
        self.live.as_ref()
    }

    /// The rollout, if the canary takes this event.
    pub(super) fn canary(&self, order: &Order, logged: &Logged) -> Option<&Arc<Live>> {
        let live = self.live.as_ref()?;
        live.takes(&key_of(order, &self.service, logged)).then_some(live)
    }

    /// The new version in this place.
    pub(super) fn candidate(&self, live: &Live) -> Transform {
        live.candidate(self.placed)
    }

    /// Writes down that the version in service took the event.
    pub(super) fn note(&self, item: &mut Item) {
        item.ran = match &self.live {
            Some(live) if live.shadows() => Some(live.ran(Part::Shadow)),
            Some(live) => live.service(self.placed),
            None => None,
        };
    }
}

/// What an event is given its version by, so that what belongs together goes through the same: the key of its state, else that
/// of its order, else the event itself.
fn key_of(order: &Order, plugin: &Transform, logged: &Logged) -> Vec<u8> {
    if plugin.state.is_some() {
        let input = OwnedInput::Event(Arc::clone(&logged.event));
        if let Ok(Some(key)) = plugin.state_key(&input) {
            return key.into_bytes();
        }
    }
    let ordered = order.subscription().order.as_ref();
    let rest = match ordered.and_then(|ordered| Key::of(&ordered.by, logged)) {
        Some(key) => key.value().to_owned(),
        None => logged.event.id().to_owned(),
    };
    [logged.event.source(), rest.as_str()].join("\0").into_bytes()
}

impl Dispatcher {
    pub(super) fn versions<'a>(&self, placed: &'a Transform) -> Versions<'a> {
        let live = self.rollouts.as_ref().and_then(|rollouts| rollouts.of(placed));
        let service = match &live {
            Some(live) => live.in_service(placed),
            None => Cow::Borrowed(placed),
        };
        Versions {
            service,
            placed,
            live,
        }
    }

    pub(super) fn rollouts(&self) -> Option<&Arc<Rollouts>> {
        self.rollouts.as_ref()
    }

    /// Runs the version that is to take a delivery.
    pub(super) async fn run_versions(
        &self,
        lane: &Lane,
        city: &LiveCity,
        placed: &Transform,
        item: &mut Item,
    ) -> Result<Made, TransformError> {
        let versions = self.versions(placed);
        let (order, registry) = (&lane.order, &city.registry);
        if let Some(live) = versions.canary(order, &item.logged) {
            let new = run(order, registry, &versions.candidate(live), &item.logged).await;
            let mut old = None;
            if new.outcome.is_err() || live.compares() {
                old = Some(run(order, registry, &versions.service, &item.logged).await);
            }
            self.count_taken(live, order, item, &new, old.as_ref());
            let (part, taken) = match (new.outcome, old) {
                (Err(_), Some(old)) => (Part::Fallback, old.outcome),
                (new, _) => (Part::Canary, new),
            };
            item.ran = Some(live.ran(part));
            return taken.map(made);
        }
        versions.note(item);
        let ran = run(order, registry, &versions.service, &item.logged).await;
        self.count_old(&versions, lane, city, item, &ran, None);
        ran.outcome.map(made)
    }

    /// What the version in service did is part of a trial, too: to compare times with, or all of it.
    pub(super) fn count_old(
        &self,
        versions: &Versions<'_>,
        lane: &Lane,
        city: &LiveCity,
        item: &Item,
        old: &Run<Judged>,
        before: Option<&(String, Option<bytes::Bytes>)>,
    ) {
        let (Some(live), Some(rollouts)) = (versions.live(), self.rollouts()) else {
            return;
        };
        if !live.rollout.stage.is_trial() || item.attempts > 0 {
            return;
        }
        if !live.shadows() {
            return rollouts.count_old(live, &old.cost);
        }
        // What is sent once more was seen before.
        if lane.order.replay.is_none() && item.due.is_none() {
            let job = Job {
                live: Arc::clone(live),
                order: Arc::clone(&lane.order),
                registry: Arc::clone(&city.registry),
                placed: versions.placed.clone(),
                logged: Arc::clone(&item.logged),
                old: told(old),
                before: before.cloned(),
            };
            self.shadows.submit(rollouts, job);
        }
    }

    /// Counts an event that the canary was given. Only its first attempt: what a receiver does not take says nothing of a
    /// version.
    pub(super) fn count_taken(
        &self,
        live: &Live,
        order: &Order,
        item: &Item,
        new: &Run<Judged>,
        old: Option<&Run<Judged>>,
    ) {
        let Some(rollouts) = self.rollouts().filter(|_| item.attempts == 0) else {
            return;
        };
        let (new, old) = (told(new), old.map(told));
        let taken = Taken {
            seen: seen(order, &item.logged),
            new: &new,
            old: old.as_ref(),
        };
        rollouts.count_taken(live, &taken);
    }
}

/// Where an event was met.
pub(super) fn seen(order: &Order, logged: &Logged) -> Seen {
    Seen {
        place: order.id().to_string(),
        at: Some((logged.log.as_str().to_owned(), logged.position)),
    }
}

/// The outcome as it is compared: a failure is one, too.
pub(super) fn told(run: &Run<Judged>) -> Run<Outcome> {
    let outcome = match &run.outcome {
        Ok(outcome) => outcome.clone(),
        Err(error) => Outcome::Failed {
            code: error.code.to_owned(),
        },
    };
    Run {
        outcome,
        cost: run.cost,
    }
}

/// Runs one version on one event, without state.
pub(super) async fn run(
    order: &Order,
    registry: &Registry,
    plugin: &Transform,
    logged: &Logged,
) -> Run<Judged> {
    let step = plugin.run_events(vec![Arc::clone(&logged.event)]).await.pop();
    let step = step.unwrap_or_else(|| Err(TransformError::busy()));
    match step {
        Err(error) => Run {
            cost: error.cost,
            outcome: Err(error),
        },
        Ok(step) => Run {
            cost: step.cost,
            outcome: judged(order, registry, plugin, logged, step.result),
        },
    }
}

/// What becomes of what a plugin made: outputs get their identity and are held against their contract.
pub(super) fn judged(
    order: &Order,
    registry: &Registry,
    plugin: &Transform,
    logged: &Logged,
    result: Transformed,
) -> Judged {
    match result {
        Transformed::Dropped { code, reason } => Ok(Outcome::Dropped { code, reason }),
        Transformed::Encoded { .. } if order.is_derivation() => Err(TransformError::new(
            "SB-4107",
            "Foreign bytes cannot go into the log.",
        )),
        Transformed::Encoded {
            content_type,
            headers,
            body,
        } => Ok(Outcome::Encoded {
            content_type,
            headers,
            body,
        }),
        Transformed::Drafts(drafts) if !order.is_derivation() && drafts.len() != 1 => {
            Err(TransformError::new(
                "SB-4107",
                "A delivery takes one event for each event; more need a derivation.",
            ))
        }
        Transformed::Drafts(drafts) => {
            let events = drafts.into_iter().enumerate().map(|(n, draft)| {
                let (event, _) = make(order, registry, plugin, logged, draft, n)?;
                Ok(Arc::new(event))
            });
            Ok(Outcome::Events(events.collect::<Result<_, TransformError>>()?))
        }
    }
}

/// What came out, as it goes to a receiver.
fn made(outcome: Outcome) -> Made {
    match outcome {
        Outcome::Dropped { code, reason } => Made::Nothing { code, reason },
        Outcome::Encoded {
            content_type,
            headers,
            body,
        } => Made::Parcel(Parcel::Foreign(Foreign {
            content_type,
            headers,
            body,
        })),
        Outcome::Events(events) => match events.into_iter().next() {
            Some(event) => Made::Parcel(Parcel::Event(event)),
            None => nothing(),
        },
        Outcome::Failed { .. } => nothing(),
    }
}

/// Neither occurs: what failed is an error, and a delivery takes exactly one event.
fn nothing() -> Made {
    Made::Nothing {
        code: "nothing".to_owned(),
        reason: "The plugin gave nothing.".to_owned(),
    }
}
