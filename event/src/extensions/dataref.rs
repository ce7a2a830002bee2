//! `dataref`: the claim check.

use super::violation;
use crate::check;
use crate::error::EventError;
use crate::event::Event;

/// The extension `dataref`: where the payload is kept. It is the same there as in the event, if it is in the event; it may be
/// left out of the event only for receivers that are known to follow the reference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DataRef<'a> {
    /// A URI-reference, as spelled.
    pub uri: &'a str,
}

impl<'a> DataRef<'a> {
    /// Reads `dataref`.
    ///
    /// # Errors
    /// SB-1114 where it is not a URI-reference.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        match super::text(event, "dataref")? {
            None => Ok(None),
            Some(uri) if check::uri(uri, false) => Ok(Some(Self { uri })),
            Some(_) => Err(violation("dataref", "is not a URI-reference (RFC 3986)")),
        }
    }
}
