//! The one error of this crate: a stable code, one sentence, and the attribute at fault.

use std::borrow::Cow;
use std::fmt;

/// Why something is not a CloudEvent the bus can carry.
///
/// The sentence is safe to log and to send back: it names attributes, never their values and never payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    code: &'static str,
    detail: Cow<'static, str>,
    attribute: Option<Box<str>>,
}

/// A name from outside is shown only as far as it helps, so that nobody writes their own text into a log.
const SHOWN_CHARS_MAX: usize = 40;

impl EventError {
    pub(crate) fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            attribute: None,
        }
    }

    pub(crate) fn at(code: &'static str, attribute: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            attribute: Some(shown(attribute).into()),
        }
    }

    pub(crate) fn missing(attribute: &str) -> Self {
        Self::at(
            "SB-1103",
            attribute,
            format!("the required attribute `{attribute}` is missing or empty"),
        )
    }

    pub(crate) fn bad_name(name: &str) -> Self {
        let detail = format!(
            "`{}` is not an attribute name: only a-z and 0-9, and not `data`",
            shown(name)
        );
        Self::at("SB-1104", name, detail)
    }

    pub(crate) fn bad_value(attribute: &str, must: &str) -> Self {
        Self::at(
            "SB-1105",
            attribute,
            format!("the value of `{}` {must}", shown(attribute)),
        )
    }

    pub(crate) fn twice(attribute: &str) -> Self {
        Self::at(
            "SB-1106",
            attribute,
            format!("`{}` appears more than once", shown(attribute)),
        )
    }

    pub(crate) fn bad_percent(attribute: &str) -> Self {
        let detail = format!(
            "the header value of `{}` is not percent-coded UTF-8",
            shown(attribute)
        );
        Self::at("SB-1110", attribute, detail)
    }

    pub(crate) fn no_event(detail: &'static str) -> Self {
        Self::new("SB-1101", detail)
    }

    pub(crate) fn unsupported_format() -> Self {
        Self::new(
            "SB-1109",
            "this event format is not supported; send application/cloudevents+json in UTF-8, +protobuf, +avro, or binary mode",
        )
    }

    /// The stable code, such as `SB-1103`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// One English sentence without the code.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The attribute (or JSON member) at fault, where there is one; cleaned and cut for display.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for EventError {}

fn shown(name: &str) -> String {
    name.chars()
        .take(SHOWN_CHARS_MAX)
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}
