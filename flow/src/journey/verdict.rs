//! What routing decides about one event and one subscription, in the words of journeys and dry runs.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use stadtbus_contracts::{DataView, Grounds, Text};

use crate::route::{Decision, Rule};

/// The decision of [`Rule::explain`], told. The same words whether the event was accepted or is only tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The subscription.
    pub subscription: String,
    /// Its owner.
    pub partner: String,
    /// `matched`, `not-matched` or `refused`.
    pub outcome: String,
    /// In a sentence.
    pub detail: String,
    /// The same sentence in German.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_de: Option<String>,
    /// What decided: the types it asks for, the filter clause as the subscription spells it, or the purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Stable code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For what the subscriber wants it.
    pub purpose: String,
    /// The usage agreement that lets the subscriber have the type, or the one that comes closest; none for one's own
    /// events, and where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
}

impl Verdict {
    /// What routing decides at `now`.
    #[must_use]
    pub fn of(rule: &Rule, view: &DataView<'_>, now: SystemTime) -> Self {
        let purpose = &rule.subscription().purpose;
        let grounds = rule.grounds(view.event().ty(), now);
        let (outcome, detail, clause, code) = match rule.explain_in(view, now) {
            Decision::Match => {
                let title = rule.subscription().title.as_str();
                ("matched", Text::new(title, title), purpose.clone(), None)
            }
            Decision::OtherType => {
                let types: Vec<_> = rule.types().collect();
                let types = format!("types: {}", types.join(", "));
                let other = Text::new("fragt nach anderen Typen", "asks for other types");
                ("not-matched", other, types, None)
            }
            Decision::NoMatch { clause } => {
                let fails = Text::new("ein Filter trifft nicht zu", "a filter does not hold");
                ("not-matched", fails, clause, None)
            }
            Decision::Refused { code, detail } => {
                let german = grounds.as_ref().err().map(|refusal| refusal.detail.de.clone());
                let detail = Text::new(german.unwrap_or_else(|| detail.as_str().into()), detail);
                ("refused", detail, purpose.clone(), Some(code))
            }
        };
        Self {
            subscription: rule.id().to_string(),
            partner: rule.partner().to_string(),
            outcome: outcome.to_owned(),
            detail: detail.en.into(),
            detail_de: Some(detail.de.into()),
            rule: Some(clause),
            code: code.map(str::to_owned),
            purpose: purpose.clone(),
            agreement: match grounds {
                Ok(Grounds::Own) => None,
                Ok(Grounds::Agreement(agreement)) => Some(agreement.agreement.clone()),
                Err(refusal) => refusal.agreement,
            },
        }
    }

    /// Whether it is delivered.
    #[must_use]
    pub fn is_match(&self) -> bool {
        self.outcome == "matched"
    }
}
