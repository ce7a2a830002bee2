//! "Wo ist mein Ereignis?": everything the bus did with one event, and why somebody did not get it.
//!
//! The past is read from the log (acceptance), from the settle facts (outcomes) and from the lanes (what is under
//! way); the reasons come from the same evaluator that routes. No payload is shown.

mod dry_run;
mod find;
mod outcomes;
mod pending;
mod verdict;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

pub use dry_run::{Acceptable, DryRun, Tested, dry_run};
pub use find::find;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, LogName, Position};
use stadtbus_contracts::{DataView, Text};
use stadtbus_event::Event;
pub use verdict::Verdict;

use crate::{
    Refusal,
    city::{LiveCity, Order},
    clock,
    lanes::{Lanes, Outcome, Standing, settled::Fact},
    log::{self, Logged},
    route::Decision,
    written::{from_millis, rfc3339},
};

/// What is told of the event itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventCard {
    /// `id`.
    pub id: String,
    /// `source`.
    pub source: String,
    /// `type`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The publishing partner.
    pub partner: String,
    /// The log.
    pub log: String,
    /// The position.
    pub position: Position,
    /// When it was accepted.
    pub acceptedtime: String,
    /// The event it was derived from, `<log>:<position>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// One line of a journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    /// When, RFC 3339; absent for what did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `authenticate`, `validate`, `log`, `route`, `transform`, `deliver`: the folders of the flow.
    pub step: String,
    /// The subscription it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// The subscription's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// What came of it, in one word.
    pub outcome: String,
    /// In a sentence.
    pub detail: String,
    /// The same sentence in German, where it is the bus's own and not a plugin's or a receiver's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_de: Option<String>,
    /// The clause, contract or agreement that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Stable code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl StepLine {
    fn saying(mut self, text: Text) -> Self {
        self.detail = text.en.into();
        self.detail_de = Some(text.de.into());
        self
    }
}

/// A journey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journey {
    /// The event.
    pub event: EventCard,
    /// What happened, in order; then one line or more for each subscription.
    pub steps: Vec<StepLine>,
}

/// Tells the journey of the event at one position.
///
/// # Errors
/// `SB-2005` when there is no event, `SB-15xx` when the broker does not answer.
pub async fn tell(
    broker: &Arc<dyn Broker>,
    city: &LiveCity,
    lanes: Option<&Lanes>,
    log: &LogName,
    position: Position,
) -> Result<Journey, Refusal> {
    let record = broker
        .get(log, position)
        .await?
        .ok_or_else(|| Refusal::new("SB-2005", "There is no event at this position."))?;
    let logged = Arc::new(log::decode(record)?);
    let now = clock::now();
    let matching = matching(city, &logged.event, now);
    // Taken before the pages are read: a flush in between shows a fact twice at most, and that is sorted out.
    let unwritten = unwritten(city, lanes, &logged);
    let mut outcomes = outcomes::read(broker, &logged, &matching).await?;
    for (key, facts) in unwritten {
        let known: &mut Vec<Fact> = outcomes.entry(key).or_default();
        for fact in facts {
            if !known.contains(&fact) {
                known.push(fact);
            }
        }
    }
    let mut steps = acceptance(&logged);
    let view = DataView::new(&logged.event);
    for order in &city.orders {
        let verdict = Verdict::of(order, &view, now);
        subscription(&mut steps, order, verdict, &logged, &outcomes, lanes);
    }
    Ok(Journey {
        event: card(&logged),
        steps,
    })
}

/// Keys of the orders that get the event.
fn matching(city: &LiveCity, event: &Event, now: SystemTime) -> Vec<String> {
    let view = DataView::new(event);
    let orders = city.orders.iter();
    orders
        .filter(|order| order.explain_in(&view, now) == Decision::Match)
        .map(|order| order.key())
        .collect()
}

/// What the lanes of this process know and have not written yet.
fn unwritten(city: &LiveCity, lanes: Option<&Lanes>, logged: &Logged) -> Vec<(String, Vec<Fact>)> {
    let lane = |order: &Arc<Order>| lanes.and_then(|lanes| lanes.lane(order.id().as_str()));
    let facts =
        |order: &Arc<Order>| Some((order.key(), lane(order)?.unwritten(&logged.log, logged.position)));
    city.orders
        .iter()
        .filter_map(facts)
        .filter(|(_, facts)| !facts.is_empty())
        .collect()
}

fn card(logged: &Logged) -> EventCard {
    EventCard {
        id: logged.event.id().to_owned(),
        source: logged.event.source().to_owned(),
        ty: logged.event.ty().to_owned(),
        partner: logged.provenance.partner.to_string(),
        log: logged.log.to_string(),
        position: logged.position,
        acceptedtime: rfc3339(logged.provenance.accepted),
        cause: logged.provenance.cause.clone(),
    }
}

fn acceptance(logged: &Logged) -> Vec<StepLine> {
    let at = Some(rfc3339(logged.provenance.accepted));
    let line = |step: &str, outcome: &str, text: Text| {
        let line = StepLine {
            at: at.clone(),
            step: step.to_owned(),
            outcome: outcome.to_owned(),
            ..StepLine::default()
        };
        line.saying(text)
    };
    let provenance = &logged.provenance;
    let (by, partner, token) = (&provenance.by, &provenance.partner, &provenance.token_id);
    let who = match &provenance.cause {
        Some(cause) => line(
            "transform",
            "derived",
            Text::new(
                format!("abgeleitet durch {by} von {partner} aus {cause}"),
                format!("derived by {by} of {partner} from {cause}"),
            ),
        ),
        None => line(
            "authenticate",
            "known",
            Text::new(
                format!("von {by} bei {partner}, Token {token}"),
                format!("from {by} of {partner}, token {token}"),
            ),
        ),
    };
    let (ty, log, position) = (logged.event.ty(), &logged.log, logged.position);
    let valid = Text::new(format!("Typ {ty}"), format!("type {ty}"));
    let accepted = Text::new(
        format!("{log} Position {position}"),
        format!("{log} position {position}"),
    );
    vec![
        who,
        StepLine {
            rule: Some(provenance.contract.clone()),
            ..line("validate", "valid", valid)
        },
        line("log", "accepted", accepted),
    ]
}

fn subscription(
    steps: &mut Vec<StepLine>,
    order: &Order,
    verdict: Verdict,
    logged: &Logged,
    outcomes: &BTreeMap<String, Vec<Fact>>,
    lanes: Option<&Lanes>,
) {
    let base = StepLine {
        step: "route".to_owned(),
        subscription: Some(order.id().to_string()),
        partner: Some(order.partner().to_string()),
        ..StepLine::default()
    };
    let facts = outcomes.get(&order.key());
    // What has facts was matched when it was routed, whatever holds now.
    if facts.is_none() && !verdict.is_match() {
        return steps.push(StepLine {
            outcome: verdict.outcome,
            detail: verdict.detail,
            detail_de: verdict.detail_de,
            code: verdict.code,
            rule: verdict.rule,
            ..base
        });
    }
    steps.push(StepLine {
        outcome: "matched".to_owned(),
        detail: order.subscription().title.clone(),
        rule: Some(order.subscription().purpose.clone()),
        ..base.clone()
    });
    for fact in facts.into_iter().flatten() {
        settled(steps, order, fact, &base);
    }
    let ended = facts.is_some_and(|facts| facts.last().is_some_and(|fact| fact.outcome.is_end()));
    if !ended {
        steps.push(pending(order, logged, lanes, facts, base));
    }
}

fn settled(steps: &mut Vec<StepLine>, order: &Order, fact: &Fact, base: &StepLine) {
    for (n, note) in (1u32..).zip(fact.notes.iter()) {
        steps.push(StepLine {
            at: Some(rfc3339(from_millis(note.at_ms))),
            step: "deliver".to_owned(),
            outcome: "failed".to_owned(),
            detail: note.detail.clone(),
            attempt: Some(n),
            code: Some(note.code.clone()),
            ..base.clone()
        });
    }
    let step = if fact.outcome == Outcome::Filtered || order.is_derivation() {
        "transform"
    } else {
        "deliver"
    };
    let line = StepLine {
        at: Some(rfc3339(from_millis(fact.at_ms))),
        step: step.to_owned(),
        outcome: fact.outcome.word().to_owned(),
        detail: fact.detail.as_deref().unwrap_or_default().to_owned(),
        rule: order.plugin_name(),
        attempt: (fact.attempts > 0).then_some(fact.attempts),
        code: fact.code.as_deref().map(str::to_owned),
        ..base.clone()
    };
    let plain = plain(fact.outcome, order).filter(|_| fact.detail.is_none());
    steps.push(match plain {
        Some(text) => line.saying(text),
        None => line,
    });
}

/// What an outcome means where nobody said more.
fn plain(outcome: Outcome, order: &Order) -> Option<Text> {
    Some(match outcome {
        Outcome::Delivered if order.is_derivation() => Text::new(
            "die abgeleiteten Ereignisse stehen im Log",
            "derived events are in the log",
        ),
        Outcome::Delivered => Text::new("der Empfänger hat es", "the receiver has it"),
        Outcome::Expired => Text::new(
            "expirytime war vor der Zustellung vorbei",
            "expirytime passed before it could be delivered",
        ),
        Outcome::Parked => Text::new("geparkt", "parked"),
        Outcome::Retry => Text::new("ein späterer Versuch ist geplant", "a scheduled retry owns it"),
        Outcome::Filtered | Outcome::DeadLettered => return None,
    })
}

fn pending(
    order: &Order,
    logged: &Logged,
    lanes: Option<&Lanes>,
    facts: Option<&Vec<Fact>>,
    base: StepLine,
) -> StepLine {
    let lane = lanes.and_then(|lanes| lanes.lane(order.id().as_str()));
    let standing = lane
        .as_ref()
        .and_then(|lane| lane.standing(&logged.log, logged.position));
    let paused = lane.as_ref().and_then(|lane| lane.paused());
    let base = StepLine {
        step: "deliver".to_owned(),
        outcome: "pending".to_owned(),
        ..base
    };
    if let Some(pause) = paused {
        return StepLine {
            outcome: "paused".to_owned(),
            detail: pause.reason,
            code: Some(pause.code),
            ..base
        };
    }
    if let Some(Standing::Parked { stop }) = &standing {
        return pending::parked(base, stop.as_deref());
    }
    if let Some(Standing::Waiting {
        attempts,
        next,
        notes,
    }) = &standing
    {
        let line = StepLine {
            at: notes.last().map(|note| rfc3339(from_millis(note.at_ms))),
            attempt: Some(*attempts),
            code: notes.last().map(|note| note.code.clone()),
            ..base
        };
        let seconds = next.as_secs_f64();
        return line.saying(Text::new(
            format!("nächster Versuch in {seconds:.1} s"),
            format!("next attempt in {seconds:.1} s"),
        ));
    }
    if standing.is_none() && facts.is_none() && lane.is_some() {
        let line = StepLine {
            outcome: "not-subscribed".to_owned(),
            ..base
        };
        return line.saying(Text::new(
            "angenommen, bevor das Abonnement begann",
            "accepted before the subscription began",
        ));
    }
    base.saying(pending::whereabouts(standing.as_ref(), facts.is_some()))
}
