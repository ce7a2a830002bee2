//! `correlationid` and `causationid`.

use crate::error::EventError;
use crate::event::Event;

/// The extension that ties events together: all of one matter by `correlationid`, an effect to its cause by `causationid`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Correlation<'a> {
    /// What the matter is called; the same on all its events.
    pub correlationid: Option<&'a str>,
    /// The `id` of the event that caused this one.
    pub causationid: Option<&'a str>,
}

impl<'a> Correlation<'a> {
    /// Reads both.
    ///
    /// # Errors
    /// SB-1114 where one is empty or no string.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        let correlationid = super::text(event, "correlationid")?;
        let causationid = super::text(event, "causationid")?;
        let used = correlationid.is_some() || causationid.is_some();
        Ok(used.then_some(Self {
            correlationid,
            causationid,
        }))
    }
}
