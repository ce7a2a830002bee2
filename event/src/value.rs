//! The value of an extension attribute.

use std::borrow::Cow;
use std::fmt;

/// An extension's value in the CloudEvents type system, as far as a format can tell types apart.
///
/// URIs, timestamps and binaries travel as strings in every format and stay strings here, as spelled.
/// `Display` is the canonical string form of the specification (§3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Also URI, URI-reference, timestamp and base64, spelled as received.
    String(String),
    /// 32 bits, signed.
    Integer(i32),
    /// `true` or `false`.
    Boolean(bool),
}

impl Value {
    /// The canonical string form; borrowed where the value is a string.
    #[must_use]
    pub fn canonical(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
        }
    }

    /// The string, or nothing for integers and booleans.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Integer(_) | Self::Boolean(_) => None,
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Integer(_) => 11,
            Self::Boolean(_) => 5,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}
