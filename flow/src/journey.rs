//! "Wo ist mein Ereignis?": everything the bus did with one event, and why somebody did not get it.
//!
//! The past is read from the log (acceptance), from the settle facts (outcomes) and from the lanes (what is under
//! way); the reasons come from the same evaluator that routes. No payload is shown.

mod find;
mod outcomes;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

pub use find::find;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, LogName, Position};
use stadtbus_contracts::DataView;
use stadtbus_event::Event;

use crate::{
    Refusal,
    city::{LiveCity, Order},
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
    let now = SystemTime::now();
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
        let decision = order.explain_in(&view, now);
        subscription(&mut steps, order, decision, &logged, &outcomes, lanes);
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
    let line = |step: &str, outcome: &str, detail: String, rule: Option<String>| StepLine {
        at: at.clone(),
        step: step.to_owned(),
        outcome: outcome.to_owned(),
        detail,
        rule,
        ..StepLine::default()
    };
    let provenance = &logged.provenance;
    let who = match &provenance.cause {
        Some(cause) => line(
            "transform",
            "derived",
            format!(
                "derived by {} of {} from {cause}",
                provenance.by, provenance.partner
            ),
            None,
        ),
        None => line(
            "authenticate",
            "known",
            format!(
                "from {} of {}, token {}",
                provenance.by, provenance.partner, provenance.token_id
            ),
            None,
        ),
    };
    vec![
        who,
        line(
            "validate",
            "valid",
            format!("type {}", logged.event.ty()),
            Some(provenance.contract.clone()),
        ),
        line(
            "log",
            "accepted",
            format!("{} position {}", logged.log, logged.position),
            None,
        ),
    ]
}

fn subscription(
    steps: &mut Vec<StepLine>,
    order: &Order,
    decision: Decision,
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
    match decision {
        _ if facts.is_some() => {}
        Decision::Match => {}
        Decision::OtherType => {
            let types: Vec<_> = order.types().collect();
            return steps.push(StepLine {
                outcome: "not-matched".to_owned(),
                detail: "asks for other types".to_owned(),
                rule: Some(format!("types: {}", types.join(", "))),
                ..base
            });
        }
        Decision::NoMatch { clause } => {
            return steps.push(StepLine {
                outcome: "not-matched".to_owned(),
                detail: "a filter does not hold".to_owned(),
                rule: Some(clause),
                ..base
            });
        }
        Decision::Refused { code, detail } => {
            return steps.push(StepLine {
                outcome: "refused".to_owned(),
                detail,
                code: Some(code.to_owned()),
                rule: Some(order.subscription().purpose.clone()),
                ..base
            });
        }
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
    let ended = facts.is_some_and(|facts| facts.last().is_some_and(|fact| fact.outcome != Outcome::Retry));
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
    let plain = match fact.outcome {
        Outcome::Delivered if order.is_derivation() => "derived events are in the log",
        Outcome::Delivered => "the receiver has it",
        Outcome::Expired => "expirytime passed before it could be delivered",
        Outcome::Retry => "a scheduled retry owns it",
        Outcome::Filtered | Outcome::DeadLettered => "",
    };
    steps.push(StepLine {
        at: Some(rfc3339(from_millis(fact.at_ms))),
        step: step.to_owned(),
        outcome: fact.outcome.word().to_owned(),
        detail: fact.detail.as_deref().unwrap_or(plain).to_owned(),
        rule: order.plugin_name(),
        attempt: (fact.attempts > 0).then_some(fact.attempts),
        code: fact.code.as_deref().map(str::to_owned),
        ..base.clone()
    });
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
    match standing {
        Some(Standing::Waiting {
            attempts,
            next,
            notes,
        }) => StepLine {
            at: notes.last().map(|note| rfc3339(from_millis(note.at_ms))),
            detail: format!("next attempt in {:.1} s", next.as_secs_f64()),
            attempt: Some(attempts),
            code: notes.last().map(|note| note.code.clone()),
            ..base
        },
        Some(Standing::Queued) => StepLine {
            detail: "in the queue of its subscription".to_owned(),
            ..base
        },
        Some(Standing::UnderWay) => StepLine {
            detail: "under way".to_owned(),
            ..base
        },
        Some(Standing::NotYetRead) => StepLine {
            detail: "the subscription has not come that far".to_owned(),
            ..base
        },
        None if facts.is_some() => StepLine {
            detail: "waits for its scheduled retry".to_owned(),
            ..base
        },
        None if lane.is_none() => StepLine {
            detail: "another bus process serves this subscription".to_owned(),
            ..base
        },
        None => StepLine {
            outcome: "not-subscribed".to_owned(),
            detail: "accepted before the subscription began".to_owned(),
            ..base
        },
    }
}
