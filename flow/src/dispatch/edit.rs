//! Other data for an event that nobody can take as it is: a dead letter, or the first event of a parked key.
//!
//! *Promise*: the event keeps its identity, what was accepted is kept beside it, and whoever gets it sees that it was edited
//! and by whom. What is put in must satisfy the contract, or the next receiver would be the first to notice.

use bytes::Bytes;
use stadtbus_event::{Event, PartnerId};

use crate::{
    Refusal,
    city::LiveCity,
    clock,
    deliver::dead_letter::{Edited, Edits, Structured},
    validate,
    written::rfc3339,
};

/// The extension of an event that was edited: who did it, as `<partner>/<system>`.
const EDITED: &str = "stadtbusedited";
/// Most edits of an event that are remembered, the last ones.
const EDITS_KEPT_MAX: usize = 32;

/// What is put in.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The new data, JSON.
    pub data: Bytes,
    /// Who does it, `<partner>/<system>`.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

/// The event of `publisher` as it goes on, and what was done to it so far.
///
/// # Errors
/// `SB-2071` when its data is no JSON, `SB-12xx` when the contract does not allow it.
pub(super) fn edited(
    city: &LiveCity,
    publisher: &PartnerId,
    before: &Event,
    history: Option<Edits>,
    edit: Edit,
) -> Result<(Event, Edits), Refusal> {
    if !before.has_json_data() {
        return Err(Refusal::new(
            "SB-2071",
            "The data of this event is no JSON; it can be sent again or thrown away, but not edited.",
        ));
    }
    let now = clock::now();
    let event = before
        .to_builder()
        .extension(EDITED, edit.by.clone())
        .data(edit.data)
        .build()?;
    validate::promised(&city.registry, publisher, &event, now)?;
    let mut history = history.unwrap_or_else(|| Edits {
        original: Structured(before.clone()),
        edits: Vec::new(),
    });
    history.edits.push(Edited {
        by: edit.by,
        at: rfc3339(now),
        reason: edit.reason,
    });
    let surplus = history.edits.len().saturating_sub(EDITS_KEPT_MAX);
    history.edits.drain(..surplus);
    Ok((event, history))
}
