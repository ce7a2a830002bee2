//! Back into the log: a subscription whose sink is the log publishes derived events.
//!
//! Outputs first, in one group append; then state; then the input counts as settled. Each output is a
//! publication of the subscription's owner and is validated like one. What an earlier life published and did not live to
//! remember is looked up first ([`published`]).

use std::{collections::BTreeMap, sync::Arc};

use stadtbus_broker::BrokerError;
use stadtbus_contracts::{Registry, Sink};
use stadtbus_event::Event;
use stadtbus_plugin_host::{Draft, OwnedInput};

use super::{Dispatcher, versions::Versions};
use crate::{
    city::{LiveCity, Order},
    clock,
    facts::SpanKind,
    lanes::{Item, Lane, Outcome},
    log::{Logged, Provenance},
    transform::{self, Held, Transform, TransformError, Transformed, event_input, identity},
};

mod published;
mod versions;

/// What became of one input.
enum Derived {
    Events(Vec<(Arc<Event>, Provenance)>),
    Dropped { code: String, reason: String },
}

/// State after the inputs of one pass, by key.
type Changes = BTreeMap<String, Held>;

impl Dispatcher {
    /// Transform → log → state → settle, for a whole group of events.
    pub(super) async fn derive(&self, lane: &Lane, city: &LiveCity, items: Vec<Item>) {
        let Some(placed) = &lane.order.transform else {
            return;
        };
        let versions = self.versions(placed);
        let plugin = &*versions.service;
        if let Err(error) = self.look_up_outputs(lane, &items).await {
            tracing::warn!(subscription = %lane.order.id(), %error, "It is not known what was derived before; the inputs wait.");
            return items.into_iter().for_each(|item| lane.put_back(item));
        }
        // What was published before its time was over counts, too.
        let (mut items, expired) = items
            .into_iter()
            .partition::<Vec<_>, _>(|item| !item.has_expired() || !lane.outputs_of(item).is_empty());
        for item in expired {
            lane.untried();
            self.end(lane, item, Outcome::Expired, None, None);
        }
        if items.is_empty() {
            return;
        }
        let mut changes = Changes::new();
        let mut made = match &plugin.state {
            None => self.derive_stateless(lane, city, &versions, &mut items).await,
            Some(_) => {
                self.derive_in_turn(lane, city, &versions, &mut items, &mut changes)
                    .await
            }
        };
        for one in &made {
            self.judge_plugin(lane, city, one.as_ref().err()).await;
        }
        for (item, derived) in items.iter().zip(&mut made) {
            if let Ok(Derived::Events(events)) = derived {
                let published = lane.outputs_of(item);
                events.retain(|(event, _)| !published.contains(event.id()));
            }
        }
        self.write_down(lane, plugin, items, made, changes).await;
    }

    /// Log → state → settle.
    async fn write_down(
        &self,
        lane: &Lane,
        plugin: &Transform,
        mut items: Vec<Item>,
        made: Vec<Result<Derived, TransformError>>,
        changes: Changes,
    ) {
        let outputs: Vec<_> = made
            .iter()
            .filter_map(|one| one.as_ref().ok())
            .flat_map(Derived::events)
            .cloned()
            .collect();
        items.iter_mut().for_each(|item| item.begun = true);
        let mut written = self
            .log
            .append_all(lane.order.partner(), &outputs)
            .await
            .into_iter();
        let mut unwritten = Vec::new();
        let mut finished = Vec::new();
        let (mut in_order, mut last) = (true, 0);
        for (item, one) in items.into_iter().zip(made) {
            match one {
                Err(error) => {
                    // What waits for the broker ended the turn; a dead letter that could not be written did not,
                    // and must not be overtaken in the state by what came after it.
                    let waits = error.transient;
                    in_order &= self.transform_failed(lane, item, error).await || waits;
                }
                Ok(Derived::Dropped { code, reason }) => {
                    finished.push((item, Outcome::Filtered, Some(code), Some(reason)))
                }
                Ok(Derived::Events(events)) => {
                    // All of them must be looked at, or the next input would get this one's answers.
                    let outcomes: Vec<_> = written.by_ref().take(events.len()).collect();
                    match outcomes.into_iter().collect::<Result<Vec<_>, _>>() {
                        Ok(receipts) => {
                            last = receipts
                                .iter()
                                .map(|receipt| receipt.position)
                                .fold(last, u64::max);
                            finished.push((item, Outcome::Delivered, None, None));
                        }
                        Err(refusal) => unwritten.push((item, refusal)),
                    }
                }
            }
        }
        if let Err(error) = self
            .keep_state(plugin, changes, in_order && unwritten.is_empty())
            .await
        {
            tracing::warn!(subscription = %lane.order.id(), %error, "Plugin state could not be written; the inputs are run again.");
            finished.drain(..).for_each(|(item, ..)| lane.put_back(item));
            last = 0;
        }
        for (item, outcome, code, reason) in finished {
            self.end(lane, item, outcome, code.as_deref(), reason);
        }
        if last > 0 && unwritten.is_empty() {
            lane.published(last);
        }
        for (item, refusal) in unwritten {
            tracing::warn!(subscription = %lane.order.id(), %refusal, "A derived event could not be written yet.");
            lane.put_back(item);
        }
    }

    /// Inputs with one state key see each other's state, so a plugin with state runs them in turn. One that has
    /// to wait ends the turn: run later, it would meet a state that is ahead of it.
    async fn derive_in_turn(
        &self,
        lane: &Lane,
        city: &LiveCity,
        versions: &Versions<'_>,
        items: &mut [Item],
        changes: &mut Changes,
    ) -> Vec<Result<Derived, TransformError>> {
        let mut made = Vec::with_capacity(items.len());
        let mut waits: Option<TransformError> = None;
        for item in items {
            let one = match &waits {
                None => self.derive_one(lane, city, versions, item, changes).await,
                Some(error) => Err(error.clone()),
            };
            waits = one.as_ref().err().filter(|error| error.transient).cloned();
            made.push(one);
        }
        made
    }

    async fn derive_one(
        &self,
        lane: &Lane,
        city: &LiveCity,
        versions: &Versions<'_>,
        item: &mut Item,
        changes: &mut Changes,
    ) -> Result<Derived, TransformError> {
        let plugin = &*versions.service;
        let input = OwnedInput::Event(Arc::clone(&item.logged.event));
        let (Some(key), Some(store)) = (plugin.state_key(&input)?, &plugin.state) else {
            return Err(TransformError::new(
                "SB-4007",
                "The plugin keeps state but has no place for it.",
            ));
        };
        let held = match changes.get(&key) {
            Some(held) => held.clone(),
            None => store.get(&key).await?,
        };
        let (log, position) = (item.logged.log.clone(), item.logged.position);
        // A dead letter that is sent again comes after later inputs that the state includes, and so does what was parked
        // before the plugin kept state.
        let included = match (item.due, item.parked) {
            (None, None) => held.includes(log.as_str(), position),
            _ => held.ends_with(&event_input(log.as_str(), position)),
        };
        if included {
            return Ok(Derived::Dropped {
                code: "already-included".to_owned(),
                reason: "The plugin's state includes this event already.".to_owned(),
            });
        }
        let before = (key, held.value.clone());
        let (derived, change) = self.derive_with(lane, city, versions, item, &before).await?;
        changes.insert(before.0, held.after_event(change, log.as_str(), position));
        Ok(derived)
    }

    fn outputs(
        &self,
        lane: &Lane,
        city: &LiveCity,
        plugin: &Transform,
        logged: &Arc<Logged>,
        result: Transformed,
    ) -> Result<Derived, TransformError> {
        match result {
            Transformed::Dropped { code, reason } => Ok(Derived::Dropped { code, reason }),
            Transformed::Encoded { .. } => Err(TransformError::new(
                "SB-4107",
                "Foreign bytes cannot go into the log.",
            )),
            Transformed::Drafts(drafts) => {
                let made = drafts
                    .into_iter()
                    .enumerate()
                    .map(|(n, draft)| self.publication(lane, city, plugin, logged, draft, n));
                Ok(Derived::Events(made.collect::<Result<_, _>>()?))
            }
        }
    }

    fn publication(
        &self,
        lane: &Lane,
        city: &LiveCity,
        plugin: &Transform,
        logged: &Arc<Logged>,
        draft: Draft,
        n: usize,
    ) -> Result<(Arc<Event>, Provenance), TransformError> {
        let hops = logged.provenance.hops.saturating_add(1);
        if hops > self.limits.hops_max {
            return Err(TransformError::new(
                "SB-2006",
                format!("The event was derived {} times already.", self.limits.hops_max),
            ));
        }
        let (event, contract) = make(&lane.order, &city.registry, plugin, logged, draft, n)?;
        let span = self.span("transform", SpanKind::Producer, lane, logged);
        let traceparent = span.traceparent();
        span.end(None);
        let provenance = Provenance {
            partner: lane.order.partner().clone(),
            by: published::publisher(lane),
            token_id: String::new(),
            accepted: clock::now(),
            contract,
            hops,
            cause: Some(published::cause(logged)),
            traceparent,
        };
        Ok((Arc::new(event), provenance))
    }

    async fn keep_state(
        &self,
        plugin: &Transform,
        changes: Changes,
        all_written: bool,
    ) -> Result<(), BrokerError> {
        let Some(store) = &plugin.state else { return Ok(()) };
        if !all_written {
            return if changes.is_empty() {
                Ok(())
            } else {
                Err(BrokerError::Unavailable("outputs are not written yet".to_owned()))
            };
        }
        for (key, held) in changes {
            store.put(&key, held).await?;
        }
        Ok(())
    }
}

/// A plugin's output with the host's identity, validated against its contract, which is named.
pub(super) fn make(
    order: &Order,
    registry: &Registry,
    plugin: &Transform,
    logged: &Logged,
    draft: Draft,
    n: usize,
) -> Result<(Event, String), TransformError> {
    let sink = &order.subscription().sink;
    if let Sink::Log(sink) = sink
        && !sink.publishes.iter().any(|ty| ty.as_str() == draft.ty)
    {
        return Err(TransformError::new(
            "SB-4111",
            "The plugin's output has a type that this subscription may not publish.",
        ));
    }
    if !plugin.produces(&draft.ty) {
        return Err(TransformError::new(
            "SB-4111",
            "The plugin's output has a type that its manifest does not name.",
        ));
    }
    let source = match sink {
        Sink::Log(sink) => sink.source.clone(),
        _ => logged.event.source().to_owned(),
    };
    let origin = identity::Origin::Event {
        event: &logged.event,
        log: logged.log.as_str(),
        position: logged.position,
        subscription: order.id().as_str(),
    };
    let event = identity::identify(order.partner(), &source, draft, n, origin)
        .map_err(|error| TransformError::new("SB-4107", format!("output is no CloudEvent: {error}")))?;
    // Into the log a partner publishes what it has contracts for; to itself it may also hand a view of
    // somebody else's event, if that type's own contract describes it.
    let holder = || {
        let contract = registry.contract(event.ty())?;
        Some(&contract.contract().publisher)
    };
    let publisher = match order.is_derivation() {
        true => order.partner(),
        false => holder().unwrap_or(order.partner()),
    };
    let contract = transform::check_output(registry, publisher, &event)?;
    Ok((event, contract))
}

impl Derived {
    fn events(&self) -> &[(Arc<Event>, Provenance)] {
        match self {
            Self::Events(events) => events,
            Self::Dropped { .. } => &[],
        }
    }
}
