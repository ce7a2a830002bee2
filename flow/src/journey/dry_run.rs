//! "Wer bekäme das?": what the bus would do with an event that nobody sends.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use stadtbus_contracts::{DataView, Registry};
use stadtbus_event::{Event, PartnerId};

use super::Verdict;
use crate::{Refusal, route::Rule, validate};

/// The answer to a dry run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DryRun {
    /// The event that was tried.
    pub event: Tested,
    /// Whether the bus would take it.
    pub acceptable: Acceptable,
    /// What would become of it in each subscription that the asker may see.
    pub subscriptions: Vec<Verdict>,
    /// The same for a subscription that was given along and is not created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Verdict>,
}

/// The event that was tried. Nothing of its data is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tested {
    /// `id`.
    pub id: String,
    /// `source`.
    pub source: String,
    /// `type`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// Whether the bus would take the event from the holder of its contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acceptable {
    /// Whether it would.
    pub accepted: bool,
    /// Who holds the contract of its type; absent: nobody does, and nobody can get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PartnerId>,
    /// The contract, `<id>@<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Stable code of the refusal: `SB-12xx`, `SB-1306`, `SB-1114`, `SB-1115`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where in the event, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// In a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Tries an event on these rules at `now`. An event that would not be accepted is tried all the same: the rules say what
/// would become of it if it were.
#[must_use]
pub fn dry_run<'r>(
    registry: &Registry,
    rules: impl IntoIterator<Item = &'r Rule>,
    proposed: Option<&Rule>,
    event: &Event,
    now: SystemTime,
) -> DryRun {
    let view = DataView::new(event);
    DryRun {
        event: Tested {
            id: event.id().to_owned(),
            source: event.source().to_owned(),
            ty: event.ty().to_owned(),
        },
        acceptable: acceptable(registry, event, now),
        subscriptions: rules
            .into_iter()
            .map(|rule| Verdict::of(rule, &view, now))
            .collect(),
        proposed: proposed.map(|rule| Verdict::of(rule, &view, now)),
    }
}

fn acceptable(registry: &Registry, event: &Event, now: SystemTime) -> Acceptable {
    let held = registry
        .contract(event.ty())
        .map(stadtbus_contracts::CompiledContract::contract);
    let publisher = held.map(|contract| contract.publisher.clone());
    let judged = match &publisher {
        Some(publisher) => owned(registry, publisher, event)
            .and_then(|()| validate::promised(registry, publisher, event, now)),
        None => {
            let types = registry
                .city()
                .contracts
                .iter()
                .map(|contract| contract.event_type.as_str());
            let nearest = stadtbus_contracts::nearest(event.ty(), types);
            let refusal = Refusal::new(
                "SB-1201",
                "There is no contract for this event type: nobody can publish or get it.",
            );
            Err(match nearest {
                Some(ty) => refusal.at("/type").hint(format!("Did you mean `{ty}`?")),
                None => refusal.at("/type"),
            })
        }
    };
    let refused = judged.as_ref().err();
    Acceptable {
        accepted: judged.is_ok(),
        publisher,
        contract: held.map(validate::reference),
        code: refused.map(|refusal| refusal.code.to_owned()),
        pointer: refused.and_then(|refusal| refusal.pointer.clone()),
        detail: refused.map(|refusal| refusal.detail.clone()),
        hint: refused.and_then(|refusal| refusal.hint.clone()),
    }
}

fn owned(registry: &Registry, publisher: &PartnerId, event: &Event) -> Result<(), Refusal> {
    if registry
        .partner(publisher)
        .is_some_and(|partner| partner.owns_source(event.source()))
    {
        return Ok(());
    }
    Err(Refusal::new(
        "SB-1306",
        format!("No publishing system of {publisher} owns this source."),
    )
    .at("/source"))
}
