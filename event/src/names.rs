//! The names of those who meet on the bus, as types: whoever holds one knows it is well formed.
//!
//! They stand in this crate because every other room needs them, and a name must not be spelled two ways. A partner's
//! name is part of every key, subject and path, so the rule is the narrowest that all of those can carry unescaped.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text breaks the rule of its name; `Display` says which rule. Code `SB-5013`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: {rule}")]
pub struct NameError {
    kind: &'static str,
    rule: &'static str,
}

impl NameError {
    /// The stable code, `SB-5013`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "SB-5013"
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the rule and takes a copy; clones of the result are cheap.
            ///
            /// # Errors
            /// [`NameError`] with the rule, where the text breaks it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(Arc::from(text))) } else { Err(NameError { kind: $kind, rule: $rule }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        /// Lets a map with these keys be asked with a `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// An organisation on the bus: `[a-z][a-z0-9-]{0,39}`.
    PartnerId,
    "partner name",
    "1 to 40 characters of a-z, 0-9 and `-`, starting with a letter",
    |text| label(text, 40)
);
name!(
    /// One credentialed application of a partner: `[a-z][a-z0-9-]{0,39}`, unique within the partner.
    SystemId,
    "system name",
    "1 to 40 characters of a-z, 0-9 and `-`, starting with a letter",
    |text| label(text, 40)
);
name!(
    /// A subscription: `[a-z][a-z0-9-]{0,79}`, unique on the bus.
    SubscriptionId,
    "subscription name",
    "1 to 80 characters of a-z, 0-9 and `-`, starting with a letter",
    |text| label(text, 80)
);
name!(
    /// The type of events under a contract: reverse DNS of at least two labels of `[a-z0-9-]`, up to 200 characters.
    ///
    /// Narrower than what CloudEvents allows for `type`, because it becomes part of the log's subjects.
    EventType,
    "event type",
    "up to 200 characters of a-z, 0-9, `-` and `.`, with at least two parts between the dots and none empty",
    event_type
);

fn label(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(label_byte)
}

fn label_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
}

fn event_type(text: &str) -> bool {
    text.len() <= 200
        && text.contains('.')
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(label_byte))
}
