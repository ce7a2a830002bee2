//! Another payload for a dead letter whose own one nobody can take.
//!
//! The event keeps its identity, the letter keeps what was accepted, and whoever gets the event sees that it was edited and
//! by whom. What is put in must satisfy the contract, or the next receiver would be the first to notice.

use bytes::Bytes;
use stadtbus_broker::LogName;
use stadtbus_event::PartnerId;

use super::{Buried, DeadLetters};
use crate::{
    Refusal,
    city::LiveCity,
    clock,
    deliver::dead_letter::{DeadLetter, Edited, Edits, Structured},
    log::DEAD_LOG,
    validate,
    written::rfc3339,
};

/// The extension of an event that was edited: who did it, as `<partner>/<system>`.
const EDITED: &str = "stadtbusedited";
/// Most edits that a letter remembers, the last ones.
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

impl DeadLetters {
    /// Puts other data into a letter, which gets another position by that.
    ///
    /// # Errors
    /// `SB-2071` when its data is no JSON, `SB-2072` when somebody else was faster, `SB-12xx` when the contract does not
    /// allow it, `SB-15xx`.
    pub async fn edit(&self, city: &LiveCity, buried: Buried, edit: Edit) -> Result<Buried, Refusal> {
        let Buried { position, letter } = buried;
        let publisher = letter.publisher.clone();
        let letter = edited(city, &publisher, letter, edit)?;
        let log = LogName::new(DEAD_LOG)?;
        let subject = format!("dead.{}.{}", letter.partner, letter.subscription);
        // One edit for each letter: who comes second meets the letter that the first one left.
        let entry = letter.encode(&subject)?.with_id(format!("edit.{position}"));
        let appended = self.broker.append(&log, entry).await?;
        if appended.duplicate {
            return Err(Refusal::new(
                "SB-2072",
                "This dead letter was edited meanwhile; the list names the one that took its place.",
            ));
        }
        self.broker.remove(&log, position).await?;
        Ok(Buried {
            position: appended.position,
            letter,
        })
    }
}

fn edited(
    city: &LiveCity,
    publisher: &PartnerId,
    mut letter: DeadLetter,
    edit: Edit,
) -> Result<DeadLetter, Refusal> {
    if !letter.event.has_json_data() {
        return Err(Refusal::new(
            "SB-2071",
            "The data of this event is no JSON; it can be sent again or thrown away, but not edited.",
        ));
    }
    let now = clock::now();
    let event = letter
        .event
        .to_builder()
        .extension(EDITED, edit.by.clone())
        .data(edit.data)
        .build()?;
    validate::promised(&city.registry, publisher, &event, now)?;
    let accepted = std::mem::replace(&mut letter.event, event);
    let history = letter.edited.get_or_insert_with(|| Edits {
        original: Structured(accepted),
        edits: Vec::new(),
    });
    history.edits.push(Edited {
        by: edit.by,
        at: rfc3339(now),
        reason: edit.reason,
    });
    let surplus = history.edits.len().saturating_sub(EDITS_KEPT_MAX);
    history.edits.drain(..surplus);
    Ok(letter)
}
