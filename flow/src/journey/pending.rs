//! Where an event is that has not come to its end.

use stadtbus_broker::Position;
use stadtbus_contracts::Text;

use super::StepLine;
use crate::{
    lanes::{Standing, Stop},
    written::{from_millis, rfc3339},
};

/// Why the event at `position` stands in the log of parked events: it stopped its key, or stands behind one that did.
pub(super) fn parked(base: StepLine, stop: Option<&Stop>, position: Position) -> StepLine {
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
    let whose = base.subscription.clone().unwrap_or_default();
    // The attempts are those at the event that stopped the key, and no other's.
    let stopped_it = stop.position == position;
    let line = StepLine {
        at: Some(rfc3339(from_millis(stop.since_ms))),
        next: stop.until_ms.map(|until| rfc3339(from_millis(until))),
        attempt: (stopped_it && stop.attempts > 0).then_some(stop.attempts),
        code: Some(stop.code.clone()),
        ..base
    };
    line.saying(match (stop.until_ms, stopped_it) {
        (Some(_), true) => Text::new(
            "sein Schlüssel wartet auf den nächsten Versuch",
            "its key waits for the next attempt",
        ),
        (Some(_), false) => Text::new(
            "steht hinter einem früheren Ereignis seines Schlüssels, das auf den nächsten Versuch wartet",
            "stands behind an earlier event of its key that waits for its next attempt",
        ),
        (None, true) => Text::new(
            format!("sein Schlüssel ist geparkt, bis jemand entscheidet (stadtbus parked list {whose})"),
            format!("its key is parked until somebody decides (stadtbus parked list {whose})"),
        ),
        (None, false) => Text::new(
            format!(
                "steht hinter einem früheren Ereignis seines Schlüssels, der geparkt ist, bis jemand entscheidet (stadtbus parked list {whose})"
            ),
            format!("stands behind an earlier event of its key, which is parked until somebody decides (stadtbus parked list {whose})"),
        ),
    })
}

/// It stands in the log of parked events, and its lane works elsewhere.
pub(super) fn parked_elsewhere(base: StepLine) -> StepLine {
    let line = StepLine {
        outcome: "parked".to_owned(),
        ..base
    };
    let whose = line.subscription.clone().unwrap_or_default();
    line.saying(Text::new(
        format!("geparkt, mit seinem Schlüssel (stadtbus parked list {whose})"),
        format!("parked, with its key (stadtbus parked list {whose})"),
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
