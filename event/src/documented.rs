//! The attributes whose type the specification and its documented extensions fix, where a format has types to give.
//!
//! Inside this crate such values stay strings as spelled ([`crate::Value`]). Formats with richer types write them in the
//! type they have, so that readers elsewhere find what the documents promise.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A type of the CloudEvents type system that other formats write as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Documented {
    Uri,
    UriReference,
    Timestamp,
    Binary,
}

impl Documented {
    /// The type of an attribute with a name that is documented; nothing for plain strings and for names unknown.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "time" | "expirytime" | "recordedtime" | "deprecationfrom" | "deprecationsunset" => {
                Self::Timestamp
            }
            "dataschema" | "deprecationmigration" => Self::Uri,
            "source" | "dataref" => Self::UriReference,
            "dssematerial" => Self::Binary,
            _ => return None,
        })
    }
}

/// The bytes of a binary value, where its string is the canonical one; else the string has to travel.
pub(crate) fn canonical_binary(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    (STANDARD.encode(&bytes) == text).then_some(bytes)
}

/// The canonical string of a binary value (CORE-5).
pub(crate) fn binary_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
