//! How the event came to the bus, from what stands beside it in the log.

use stadtbus_contracts::Text;

use super::{Basis, EventCard, StepLine};
use crate::{log::Logged, written::rfc3339};

/// The event without its data.
pub(super) fn card(logged: &Logged) -> EventCard {
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

/// Who brought it, by which contract it was judged, where it stands.
pub(super) fn lines(logged: &Logged) -> Vec<StepLine> {
    let at = Some(rfc3339(logged.provenance.accepted));
    let line = |step: &str, outcome: &str, text: Text| {
        let line = StepLine {
            at: at.clone(),
            step: step.to_owned(),
            outcome: outcome.to_owned(),
            basis: Some(Basis::Recorded),
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
        None => StepLine {
            rule: Some(by.clone()),
            credential: Some(token.clone()).filter(|token| !token.is_empty()),
            ..line(
                "authenticate",
                "known",
                Text::new(
                    format!("von {by} bei {partner}, Token {token}"),
                    format!("from {by} of {partner}, token {token}"),
                ),
            )
        },
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

/// The line of who brought it, for those whom the publisher's credential does not concern.
pub(super) fn without_credential(line: &mut StepLine, partner: &str) {
    let by = line.rule.as_deref().unwrap_or_default();
    let text = Text::new(
        format!("von {by} bei {partner}"),
        format!("from {by} of {partner}"),
    );
    *line = std::mem::take(line).saying(text);
}
