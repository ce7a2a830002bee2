//! Extensions with a meaning: typed, checked views of what the documented extensions of CloudEvents promise.
//!
//! An event that exists carries every extension unchanged, whatever it says; that is what makes the bus an intermediary.
//! Who accepts an event for others asks [`check_extensions`] besides, so that what is documented can be relied on: a time
//! that is a time, a class of data that somebody knows how to treat. Each view has `of`, which is `Ok(None)` where the
//! extension is not used, and an error where it is used and breaks its document.
//!
//! What needs a memory of earlier events (a trace that is not rewritten, a sunset that is not shortened, a sequence without
//! gaps) is not an event's to answer; the views compare two of their kind for those who remember.

mod auth;
mod classification;
mod correlation;
mod dataref;
mod deprecation;
mod order;
mod severity;
mod times;
mod tracing;

#[cfg(test)]
mod tests;

pub use auth::{AuthContext, AuthType};
pub use classification::{Classification, DataClassification};
pub use correlation::Correlation;
pub use dataref::DataRef;
pub use deprecation::Deprecation;
pub use order::{PartitionKey, Sequence};
pub use severity::Severity;
pub use times::{ExpiryTime, RecordedTime, Time};
pub use tracing::{DistributedTracing, TraceParent};

use crate::check;
use crate::error::EventError;
use crate::event::Event;
use crate::value::Value;

/// Checks every documented extension an event uses, and tells the first violation.
///
/// # Errors
/// SB-1114 where an extension breaks its document, SB-1115 where data is classified in a way nobody here knows how to treat.
pub fn check_extensions(event: &Event) -> Result<(), EventError> {
    if event.extensions.is_empty() {
        return Ok(());
    }
    DistributedTracing::of(event)?;
    PartitionKey::of(event)?;
    Sequence::of(event)?;
    ExpiryTime::of(event)?;
    RecordedTime::of(event)?;
    DataRef::of(event)?;
    Correlation::of(event)?;
    Severity::of(event)?;
    DataClassification::of(event)?;
    Deprecation::of(event)?;
    AuthContext::of(event)?;
    Ok(())
}

fn violation(attribute: &str, must: &str) -> EventError {
    EventError::at(
        "SB-1114",
        attribute,
        format!("the extension attribute `{attribute}` {must}"),
    )
}

/// An attribute whose type is String and which may not be empty.
fn text<'a>(event: &'a Event, name: &str) -> Result<Option<&'a str>, EventError> {
    match event.extension(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(Value::String(_)) => Err(violation(name, "is empty; leave it out instead")),
        Some(Value::Integer(_) | Value::Boolean(_)) => Err(violation(name, "is not a string")),
    }
}

/// An attribute whose type is Timestamp.
fn time<'a>(event: &'a Event, name: &str) -> Result<Option<Time<'a>>, EventError> {
    match text(event, name)? {
        None => Ok(None),
        Some(text) if check::timestamp(text) => Ok(Some(Time::new(text))),
        Some(_) => Err(violation(
            name,
            "is not an RFC 3339 timestamp such as 2026-11-23T14:00:00+01:00",
        )),
    }
}

/// The required attribute of an extension, when one of its optional attributes is there.
fn required<T>(found: Option<T>, name: &str, because: &str) -> Result<T, EventError> {
    found.ok_or_else(|| {
        violation(
            name,
            &format!("is missing, and `{because}` means nothing without it"),
        )
    })
}
