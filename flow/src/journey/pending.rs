//! Where an event is that has not come to its end.

use stadtbus_contracts::Text;

use super::StepLine;
use crate::{
    lanes::{Standing, Stop},
    written::{from_millis, rfc3339},
};

/// Why an event stands in the log of parked events: its key was stopped, or others of its key come first.
pub(super) fn parked(base: StepLine, stop: Option<&Stop>) -> StepLine {
    let base = StepLine {
        outcome: "parked".to_owned(),
        ..base
    };
    let Some(stop) = stop else {
        return base.saying(Text::new(
            "wartet auf frühere Ereignisse desselben Schlüssels",
            "waits for earlier events of the same key",
        ));
    };
    let line = StepLine {
        at: Some(rfc3339(from_millis(stop.since_ms))),
        next: stop.until_ms.map(|until| rfc3339(from_millis(until))),
        attempt: (stop.attempts > 0).then_some(stop.attempts),
        code: Some(stop.code.clone()),
        ..base
    };
    match stop.until_ms {
        Some(_) => line.saying(Text::new(
            "sein Schlüssel wartet auf den nächsten Versuch",
            "its key waits for the next attempt",
        )),
        None => line.saying(Text::new(
            "sein Schlüssel ist geparkt, bis jemand entscheidet (stadtbus parked)",
            "its key is parked until somebody decides (stadtbus parked)",
        )),
    }
}

/// It stands in the log of parked events, and its lane works elsewhere.
pub(super) fn parked_elsewhere(base: StepLine) -> StepLine {
    let line = StepLine {
        outcome: "parked".to_owned(),
        ..base
    };
    line.saying(Text::new(
        "geparkt, mit seinem Schlüssel (stadtbus parked)",
        "parked, with its key (stadtbus parked)",
    ))
}

/// Where an event is that has not come to its end and waits for nothing of its own.
pub(super) fn whereabouts(standing: Option<&Standing>, here: bool) -> Text {
    match standing {
        Some(Standing::Queued) => Text::new(
            "in der Warteschlange des Abonnements",
            "in the queue of its subscription",
        ),
        Some(Standing::Behind) => Text::new(
            "wartet auf ein früheres Ereignis desselben Schlüssels",
            "waits for an earlier event of the same key",
        ),
        Some(Standing::NotYetRead) => Text::new(
            "das Abonnement ist noch nicht so weit",
            "the subscription has not come that far",
        ),
        Some(Standing::HandedOut) => Text::new(
            "ausgegeben, noch nicht bestätigt",
            "handed out, not confirmed yet",
        ),
        _ if here => Text::new("unterwegs", "under way"),
        _ => Text::new(
            "unterwegs, in einem anderen Bus-Prozess",
            "under way, in another bus process",
        ),
    }
}
