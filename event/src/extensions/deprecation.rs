//! `deprecated` and what goes with it.

use super::times::Time;
use super::violation;
use crate::check;
use crate::error::EventError;
use crate::event::Event;
use crate::value::Value;

/// That the type of this event is on its way out, since when, until when, and what comes instead.
#[derive(Clone, Copy, Debug)]
pub struct Deprecation<'a> {
    /// `deprecationfrom`
    pub from: Option<Time<'a>>,
    /// `deprecationsunset`, not before `from`
    pub sunset: Option<Time<'a>>,
    /// `deprecationmigration`: a URI, as spelled.
    pub migration: Option<&'a str>,
}

impl<'a> Deprecation<'a> {
    /// Reads all four attributes. Bindings without types carry `true` as a string.
    ///
    /// # Errors
    /// SB-1114 where `deprecated` is not `true`, or missing beside one of the others, where a time is not a timestamp, the
    /// sunset lies before the beginning, or the link is not a URI.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        const DEPRECATED: &str = "deprecated";
        let from = super::time(event, "deprecationfrom")?;
        let sunset = super::time(event, "deprecationsunset")?;
        let migration = super::text(event, "deprecationmigration")?;
        match event.extension(DEPRECATED) {
            Some(Value::Boolean(true)) => {}
            Some(Value::String(text)) if text == "true" => {}
            Some(_) => return Err(violation(DEPRECATED, "is not `true`; leave it out instead")),
            None => {
                let because = [
                    from.map(|_| "deprecationfrom"),
                    sunset.map(|_| "deprecationsunset"),
                    migration.map(|_| "deprecationmigration"),
                ];
                return match because.into_iter().flatten().next() {
                    Some(because) => super::required(None, DEPRECATED, because),
                    None => Ok(None),
                };
            }
        }
        if migration.is_some_and(|uri| !check::uri(uri, true)) {
            return Err(violation(
                "deprecationmigration",
                "is not an absolute URI (RFC 3986)",
            ));
        }
        if let (Some(from), Some(sunset)) = (&from, &sunset)
            && !sunset.is_at_or_after(from)
        {
            return Err(violation("deprecationsunset", "lies before `deprecationfrom`"));
        }
        Ok(Some(Self {
            from,
            sunset,
            migration,
        }))
    }

    /// Whether an earlier event of the type promised a longer life than this one does: a sunset may be put off, never brought
    /// forward.
    #[must_use]
    pub fn shortens(&self, earlier: &Self) -> bool {
        match (&self.sunset, &earlier.sunset) {
            (Some(now), Some(then)) => !now.is_at_or_after(then),
            _ => false,
        }
    }
}
