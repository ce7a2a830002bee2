//! Derivations whose plugin has a new version on trial.

use std::sync::Arc;

use bytes::Bytes;
use stadtbus_plugin_host::{OwnedInput, StateChange};

use super::{Derived, Dispatcher, Versions};
use crate::{
    city::LiveCity,
    dispatch::versions::Judged,
    lanes::{Item, Lane},
    rollout::{Live, Part, compare::Outcome},
    transform::{Run, Step, Transform, TransformError},
};

/// Events that a canary is given at a time: after each of them it may have to stop.
const FEW: usize = 4;

type Made = Result<Derived, TransformError>;
/// With the state that follows.
type Stepped = Result<(Derived, StateChange), TransformError>;

impl Dispatcher {
    /// Events go through the version that is theirs: first, few at a time, those of a canary that may have to stop, then all
    /// the others together.
    pub(super) async fn derive_stateless(
        &self,
        lane: &Lane,
        city: &LiveCity,
        versions: &Versions<'_>,
        items: &mut [Item],
    ) -> Vec<Made> {
        let mut made: Vec<Option<Made>> = items.iter().map(|_| None).collect();
        if let Some(live) = versions.live() {
            let taken: Vec<usize> = items
                .iter()
                .enumerate()
                .filter(|(_, item)| versions.canary(&lane.order, &item.logged).is_some())
                .map(|(n, _)| n)
                .collect();
            for few in taken.chunks(FEW) {
                if live.has_stopped() {
                    break;
                }
                for (n, outcome) in self.try_few(lane, city, versions, live, items, few).await {
                    if let Some(place) = made.get_mut(n) {
                        *place = Some(outcome);
                    }
                }
            }
        }
        let rest: Vec<usize> = (0..items.len())
            .filter(|n| made.get(*n).is_some_and(Option::is_none))
            .collect();
        let old = self.pass(lane, city, &versions.service, items, &rest).await;
        for (n, old) in rest.into_iter().zip(old) {
            let (Some(item), Some(place)) = (items.get_mut(n), made.get_mut(n)) else {
                continue;
            };
            versions.note(item);
            if versions.live().is_some() {
                self.count_old(versions, lane, city, item, &judged(&old), None);
            }
            *place = Some(old.outcome);
        }
        let missing = || Err(TransformError::busy());
        made.into_iter()
            .map(|made| made.unwrap_or_else(missing))
            .collect()
    }

    /// A canary's events; what fails goes through the version in service.
    async fn try_few(
        &self,
        lane: &Lane,
        city: &LiveCity,
        versions: &Versions<'_>,
        live: &Live,
        items: &mut [Item],
        few: &[usize],
    ) -> Vec<(usize, Made)> {
        let candidate = versions.candidate(live);
        let new = self.pass(lane, city, &candidate, items, few).await;
        let again: Vec<usize> = few
            .iter()
            .zip(&new)
            .filter(|(_, new)| live.compares() || new.outcome.is_err())
            .map(|(n, _)| *n)
            .collect();
        let mut old = self
            .pass(lane, city, &versions.service, items, &again)
            .await
            .into_iter();
        let mut made = Vec::with_capacity(few.len());
        for (n, new) in few.iter().zip(new) {
            let old = again.contains(n).then(|| old.next()).flatten();
            let Some(item) = items.get_mut(*n) else { continue };
            let compared = old.as_ref().map(judged);
            self.count_taken(live, &lane.order, item, &judged(&new), compared.as_ref());
            let (part, outcome) = match (new.outcome, old) {
                (Err(_), Some(old)) => (Part::Fallback, old.outcome),
                (new, _) => (Part::Canary, new),
            };
            item.ran = Some(live.ran(part));
            made.push((*n, outcome));
        }
        made
    }

    /// One event with the state before it.
    pub(super) async fn derive_with(
        &self,
        lane: &Lane,
        city: &LiveCity,
        versions: &Versions<'_>,
        item: &mut Item,
        before: &(String, Option<Bytes>),
    ) -> Stepped {
        let Some(live) = versions.canary(&lane.order, &item.logged) else {
            versions.note(item);
            let old = self.step(lane, city, &versions.service, item, before).await;
            if versions.live().is_some() {
                let judged = judged_step(&old);
                self.count_old(versions, lane, city, item, &judged, Some(before));
            }
            return old.outcome;
        };
        let new = self
            .step(lane, city, &versions.candidate(live), item, before)
            .await;
        let mut old = None;
        if new.outcome.is_err() || live.compares() {
            old = Some(self.step(lane, city, &versions.service, item, before).await);
        }
        let compared = old.as_ref().map(judged_step);
        self.count_taken(live, &lane.order, item, &judged_step(&new), compared.as_ref());
        let (part, outcome) = match (new.outcome, old) {
            (Err(_), Some(old)) => (Part::Fallback, old.outcome),
            (new, _) => (Part::Canary, new),
        };
        item.ran = Some(live.ran(part));
        outcome
    }

    async fn step(
        &self,
        lane: &Lane,
        city: &LiveCity,
        version: &Transform,
        item: &Item,
        (_, state): &(String, Option<Bytes>),
    ) -> Run<Stepped> {
        let input = OwnedInput::Event(Arc::clone(&item.logged.event));
        let step = version.run_one(input, state.clone()).await;
        let cost = step.as_ref().map_or_else(|error| error.cost, |step| step.cost);
        let outcome = step.and_then(|step| {
            let Step { result, state, .. } = step;
            let derived = self.outputs(lane, city, version, &item.logged, result)?;
            Ok((derived, state))
        });
        Run { outcome, cost }
    }

    /// Runs one version on the events in these places; the answers are in their order.
    async fn pass(
        &self,
        lane: &Lane,
        city: &LiveCity,
        version: &Transform,
        items: &[Item],
        places: &[usize],
    ) -> Vec<Run<Made>> {
        let chosen: Vec<&Item> = places.iter().filter_map(|n| items.get(*n)).collect();
        let events = chosen.iter().map(|item| Arc::clone(&item.logged.event)).collect();
        let steps = version.run_events(events).await;
        let made = |(item, step): (&Item, Result<Step, TransformError>)| match step {
            Err(error) => Run {
                cost: error.cost,
                outcome: Err(error),
            },
            Ok(step) => Run {
                cost: step.cost,
                outcome: self.outputs(lane, city, version, &item.logged, step.result),
            },
        };
        chosen.into_iter().zip(steps).map(made).collect()
    }
}

fn judged(run: &Run<Made>) -> Run<Judged> {
    let outcome = match &run.outcome {
        Ok(derived) => Ok(told(derived)),
        Err(error) => Err(error.clone()),
    };
    Run {
        outcome,
        cost: run.cost,
    }
}

fn judged_step(run: &Run<Stepped>) -> Run<Judged> {
    let outcome = match &run.outcome {
        Ok((derived, _)) => Ok(told(derived)),
        Err(error) => Err(error.clone()),
    };
    Run {
        outcome,
        cost: run.cost,
    }
}

fn told(derived: &Derived) -> Outcome {
    match derived {
        Derived::Events(events) => {
            Outcome::Events(events.iter().map(|(event, _)| Arc::clone(event)).collect())
        }
        Derived::Dropped { code, reason } => Outcome::Dropped {
            code: code.clone(),
            reason: reason.clone(),
        },
    }
}
