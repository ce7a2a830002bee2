//! "Wo ist mein Ereignis?": everything the bus did with one event, and why somebody did not get it.
//!
//! The past is read from the log (acceptance), from the settle facts (outcomes) and from the lanes (what is under
//! way); the reasons come from the same evaluator that routes. What was recorded when it happened wins over what today's
//! configuration says, and each line says which of both it is ([`Basis`]). No payload is shown.

mod acceptance;
mod course;
mod dry_run;
mod find;
mod german;
mod outcomes;
mod pending;
mod places;
mod verdict;
mod versions;
mod whereabouts;

use std::{io, sync::Arc, time::Duration};

use course::Asked;
pub use dry_run::{Acceptable, DryRun, Tested, dry_run};
pub use find::find;
pub use places::Places;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, LogName, Position};
use stadtbus_contracts::{DataView, Text};
use stadtbus_event::PartnerId;
pub use verdict::Verdict;

use crate::{
    Refusal,
    city::{LiveCity, Order},
    lanes::Lanes,
    log::{self, Logged},
    transform::TableVersions,
};

/// How often it is looked again for what a lane is just writing down.
const LOOKS_MAX: u32 = 4;
/// How long such a write may take until it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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

/// On what a statement rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Written down when it happened.
    Recorded,
    /// How it stands at the moment of asking.
    Present,
    /// Not written down: what today's configuration says for the time of acceptance.
    Evaluated,
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
    /// The clause, contract, agreement or plugin that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The lookup tables that the plugin was given, by the city's name for them, each with its version.
    #[serde(default, skip_serializing_if = "TableVersions::is_empty")]
    pub tables: TableVersions,
    /// The usage agreement that lets the subscriber have the event, or the one that comes closest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Stable code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it is tried again, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Id of the token that was used: its `jti`, or the beginning of its digest. Told to the publisher and operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// On what the line rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

impl StepLine {
    fn saying(mut self, text: Text) -> Self {
        self.detail = text.en.into();
        self.detail_de = Some(text.de.into());
        self
    }
}

/// How an event stands with one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The subscription.
    pub subscription: String,
    /// Its owner.
    pub partner: String,
    /// In one word: that of its last line.
    pub state: String,
    /// On what that rests.
    pub basis: Basis,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Attempts made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Stable code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it is tried again, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A journey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journey {
    /// The event.
    pub event: EventCard,
    /// How it stands with each subscription.
    pub subscriptions: Vec<Stand>,
    /// What happened, in order; then one line or more for each subscription.
    pub steps: Vec<StepLine>,
}

impl Journey {
    /// What a recipient may see of it: how the event came to the bus, without the publisher's credential, and its own
    /// subscriptions. Nothing, if none of them was to get it.
    #[must_use]
    pub fn for_recipient(mut self, partner: &PartnerId) -> Option<Self> {
        let own = |owner: &str| owner == partner.as_str();
        self.subscriptions.retain(|stand| own(&stand.partner));
        let foreign = |state: &str| state == "not-matched" || state == "refused";
        if self.subscriptions.iter().all(|stand| foreign(&stand.state)) {
            return None;
        }
        self.steps.retain(|line| line.partner.as_deref().is_none_or(own));
        for line in &mut self.steps {
            if line.credential.take().is_some() {
                acceptance::without_credential(line, &self.event.partner);
            }
        }
        Some(self)
    }
}

/// Tells the journey of the event at one position.
///
/// # Errors
/// `SB-2005` when there is no event, `SB-1411` and `SB-1412` when the index cannot say what became of it, `SB-15xx` when
/// the broker does not answer.
pub async fn tell(
    broker: &Arc<dyn Broker>,
    places: Option<&Places>,
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
    let mut looks = 0;
    loop {
        looks += 1;
        let (subscriptions, lines, doubtful) = courses(broker, places, city, lanes, &logged).await?;
        // Between a lane and the log a fact is in neither of them for a moment.
        if doubtful && looks < LOOKS_MAX {
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        let mut steps = acceptance::lines(&logged);
        steps.extend(lines);
        return Ok(Journey {
            event: acceptance::card(&logged),
            subscriptions,
            steps,
        });
    }
}

/// How it stands with all subscriptions, with the lines that say why; and whether that is doubtful of one of them.
async fn courses(
    broker: &Arc<dyn Broker>,
    places: Option<&Places>,
    city: &LiveCity,
    lanes: Option<&Lanes>,
    logged: &Arc<Logged>,
) -> Result<(Vec<Stand>, Vec<StepLine>, bool), Refusal> {
    let verdicts = {
        let view = DataView::new(&logged.event);
        let of = |order: &Arc<Order>| Verdict::of(order, &view, logged.provenance.accepted);
        let orders = city.orders.iter();
        orders
            .map(|order| (Arc::clone(order), of(order)))
            .collect::<Vec<_>>()
    };
    let matching = verdicts.iter().filter(|(_, verdict)| verdict.is_match());
    let matching: Vec<_> = matching.map(|(order, _)| Arc::clone(order)).collect();
    // Lanes first, then facts: what ends in between is found in the facts.
    let whereabouts = whereabouts::read(broker, lanes, &matching, logged).await?;
    let unwritten = outcomes::unwritten(city, lanes, logged);
    let keys: Vec<_> = matching.iter().map(|order| order.key()).collect();
    let mut outcomes = outcomes::read(broker, places, logged, &keys).await?;
    for (key, facts) in unwritten {
        outcomes.add(key, facts);
    }
    let mut asked = Asked {
        logged,
        outcomes,
        whereabouts,
    };
    let (mut stands, mut lines, mut doubtful) = (Vec::new(), Vec::new(), false);
    for (order, verdict) in verdicts {
        let course = asked.course_of(&order, verdict);
        doubtful |= course.doubtful;
        stands.push(course.stand);
        lines.extend(course.lines);
    }
    let replayed = asked.of_replays();
    for course in asked.of_cancelled() {
        stands.push(course.stand);
        lines.extend(course.lines);
    }
    lines.extend(replayed);
    Ok((stands, lines, doubtful))
}

/// The index does not reach far enough yet.
fn building(log: &LogName, covered: Position, last: Position) -> Refusal {
    let detail = format!("The index of {log} is being built: {covered} of {last} records are in it.");
    Refusal::new("SB-1411", detail)
}

/// The index cannot be read.
fn unreadable(error: &io::Error) -> Refusal {
    Refusal::new(
        "SB-1412",
        format!("The index of events cannot be read and is built anew: {error}"),
    )
}
