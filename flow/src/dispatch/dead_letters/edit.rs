//! Another payload for a dead letter whose own one nobody can take.

use stadtbus_broker::LogName;

use super::{Buried, DeadLetters};
use crate::{
    Refusal,
    city::LiveCity,
    dispatch::edit::{Edit, edited},
    log::DEAD_LOG,
};

impl DeadLetters {
    /// Puts other data into a letter, which gets another position by that.
    ///
    /// # Errors
    /// `SB-2071` when its data is no JSON, `SB-2072` when somebody else was faster, `SB-12xx` when the contract does not
    /// allow it, `SB-15xx`.
    pub async fn edit(&self, city: &LiveCity, buried: Buried, edit: Edit) -> Result<Buried, Refusal> {
        let Buried { position, mut letter } = buried;
        let (event, history) = edited(city, &letter.publisher, &letter.event, letter.edited.take(), edit)?;
        letter.event = event;
        letter.edited = Some(history);
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
