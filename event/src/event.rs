//! The event itself: attributes as checked strings, data as the bytes that came.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;

use crate::builder::EventBuilder;
use crate::media;
use crate::value::Value;

/// The attributes with a place of their own, in the order they are written out. `specversion` is always `1.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Core {
    Id,
    Source,
    Type,
    Subject,
    Time,
    DataContentType,
    DataSchema,
}

pub(crate) const CORE_COUNT: usize = 7;

impl Core {
    pub(crate) const ALL: [Self; CORE_COUNT] = [
        Self::Id,
        Self::Source,
        Self::Type,
        Self::Subject,
        Self::Time,
        Self::DataContentType,
        Self::DataSchema,
    ];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "source" => Self::Source,
            "type" => Self::Type,
            "subject" => Self::Subject,
            "time" => Self::Time,
            "datacontenttype" => Self::DataContentType,
            "dataschema" => Self::DataSchema,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::Subject => "subject",
            Self::Time => "time",
            Self::DataContentType => "datacontenttype",
            Self::DataSchema => "dataschema",
        }
    }
}

/// The member of the JSON format a payload came from. Formats without such members give `Bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Bytes as such: what they are follows from `datacontenttype` alone.
    Bytes,
    /// `data` holding JSON. Kept with `datacontenttype` absent or JSON only.
    Json,
    /// `data` holding a string of another media type. Kept with a `datacontenttype` that is not JSON only.
    Text,
    /// `data_base64`.
    Base64,
}

/// A payload and what is known of it.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) bytes: Bytes,
    pub(crate) form: Form,
    /// Whether the bytes are one JSON text, found out at most once: the same event goes out many times.
    json_text: OnceLock<bool>,
}

impl Data {
    pub(crate) fn new(bytes: Bytes, form: Form) -> Self {
        Self {
            bytes,
            form,
            json_text: OnceLock::new(),
        }
    }

    /// For bytes a JSON parser has just passed.
    pub(crate) fn parsed_json(bytes: Bytes) -> Self {
        Self {
            bytes,
            form: Form::Json,
            json_text: OnceLock::from(true),
        }
    }

    /// The bytes as JSON text, where they are that. Never taken on trust: text that is put unchecked into an
    /// envelope could bring attributes of its own.
    fn json_text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        let check = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        self.json_text.get_or_init(check).then_some(text)
    }
}

/// How a payload stands in the JSON format.
pub(crate) enum Member<'a> {
    /// `data`, this JSON text.
    Json(&'a str),
    /// `data`, a string.
    Text(&'a str),
    /// `data_base64`.
    Base64(&'a [u8]),
}

/// A CloudEvent 1.0: checked when made, immutable, cheap to share in an `Arc`.
///
/// Values keep their spelling (time zones, fraction digits, number forms inside data) and the payload is the slice of
/// the body it came in. Extensions are ordered by name. Two events are equal when no consumer could tell them apart:
/// same attributes, same payload bytes, same answer to [`Event::has_json_data`].
#[derive(Clone)]
pub struct Event {
    /// All core attributes, one after the other; an absent one is empty, for none may be present and empty.
    pub(crate) text: Box<str>,
    pub(crate) ends: [usize; CORE_COUNT],
    pub(crate) extensions: Vec<(Cow<'static, str>, Value)>,
    pub(crate) data: Option<Data>,
}

impl Event {
    /// Starts an event from its three required attributes; `specversion` is `1.0`.
    pub fn builder(id: impl Into<String>, source: impl Into<String>, ty: impl Into<String>) -> EventBuilder {
        EventBuilder::new(id.into(), source.into(), ty.into())
    }

    /// A builder holding everything this event holds.
    pub fn to_builder(&self) -> EventBuilder {
        EventBuilder::from_event(self)
    }

    pub(crate) fn core(&self, attribute: Core) -> &str {
        let at = attribute as usize;
        let start = at
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        self.ends
            .get(at)
            .and_then(|end| self.text.get(start..*end))
            .unwrap_or_default()
    }

    fn optional(&self, attribute: Core) -> Option<&str> {
        Some(self.core(attribute)).filter(|value| !value.is_empty())
    }

    /// `id`: unique within the source (CORE-10).
    #[must_use]
    pub fn id(&self) -> &str {
        self.core(Core::Id)
    }

    /// `source`: a URI-reference, as spelled.
    #[must_use]
    pub fn source(&self) -> &str {
        self.core(Core::Source)
    }

    /// `type`.
    #[must_use]
    pub fn ty(&self) -> &str {
        self.core(Core::Type)
    }

    /// `subject`.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.optional(Core::Subject)
    }

    /// `time`: RFC 3339, as spelled. [`Event::timestamp`] is the instant.
    #[must_use]
    pub fn time(&self) -> Option<&str> {
        self.optional(Core::Time)
    }

    /// The instant `time` names, cut to nanoseconds; none where there is no `time` or it lies beyond the year 9999.
    #[must_use]
    pub fn timestamp(&self) -> Option<jiff::Timestamp> {
        let time = self.time()?;
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits <= 9 {
            return time.parse().ok();
        }
        format!("{seconds}.{}{}", fraction.get(..9)?, fraction.get(digits..)?)
            .parse()
            .ok()
    }

    /// `datacontenttype`, as spelled. Absent too where the JSON format left it out and meant `application/json`;
    /// ask [`Event::has_json_data`] instead of guessing.
    #[must_use]
    pub fn datacontenttype(&self) -> Option<&str> {
        self.optional(Core::DataContentType)
    }

    /// `dataschema`: a URI, as spelled.
    #[must_use]
    pub fn dataschema(&self) -> Option<&str> {
        self.optional(Core::DataSchema)
    }

    /// The payload, byte for byte: JSON text under a JSON type, decoded where it came as `data_base64`, the string's
    /// UTF-8 where it came as a string of another type. `data: null` is the payload `null`.
    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        self.data.as_ref().map(|data| &data.bytes)
    }

    /// One extension attribute.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Value> {
        let at = self
            .extensions
            .binary_search_by(|(held, _)| held.as_ref().cmp(name))
            .ok()?;
        self.extensions.get(at).map(|(_, value)| value)
    }

    /// All extension attributes, ordered by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.extensions.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Any context attribute by name in canonical string form, `specversion` and extensions included.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        if name == "specversion" {
            return Some(Cow::Borrowed("1.0"));
        }
        match Core::of(name) {
            Some(core) => self.optional(core).map(Cow::Borrowed),
            None => self.extension(name).map(Value::canonical),
        }
    }

    /// Whether there is a payload declared to be JSON (JSON-4): `datacontenttype` says so, or it is absent and the
    /// event came as `data` of the JSON format, where absence means `application/json`. Says nothing about whether
    /// the bytes keep that promise.
    #[must_use]
    pub fn has_json_data(&self) -> bool {
        let Some(data) = &self.data else { return false };
        match self.datacontenttype() {
            Some(declared) => media::is_json(declared),
            None => data.form == Form::Json,
        }
    }

    /// About how many bytes the event takes on the wire in binary mode: names, values, separators and payload.
    /// Percent-coding is not counted.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const HEADER: usize = "ce-: \r\n".len();
        const CORE_NAMES: usize = "specversion1.0idsourcetypesubjecttimedatacontenttypedataschema".len();
        let extensions: usize = self
            .extensions
            .iter()
            .map(|(name, value)| HEADER + name.len() + value.size_bytes())
            .sum();
        HEADER * (CORE_COUNT + 1)
            + CORE_NAMES
            + self.text.len()
            + extensions
            + self.data().map_or(0, Bytes::len)
    }

    /// The content type to write where a binding has no way to leave it out and mean JSON (CORE-11).
    pub(crate) fn explicit_content_type(&self) -> Option<&str> {
        self.datacontenttype()
            .or_else(|| self.has_json_data().then_some("application/json"))
    }

    pub(crate) fn member(&self) -> Option<Member<'_>> {
        let data = self.data.as_ref()?;
        let declared = self.datacontenttype();
        let json = match data.form {
            Form::Json => true,
            Form::Bytes => declared.is_some_and(media::is_json),
            Form::Text | Form::Base64 => false,
        };
        let text =
            data.form == Form::Text || data.form == Form::Bytes && declared.is_some_and(media::is_text);
        let member = if json {
            data.json_text().map(Member::Json)
        } else if text {
            std::str::from_utf8(&data.bytes).ok().map(Member::Text)
        } else {
            None
        };
        Some(member.unwrap_or(Member::Base64(&data.bytes)))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends
            && self.text == other.text
            && self.extensions == other.extensions
            && self.data() == other.data()
            && self.has_json_data() == other.has_json_data()
    }
}

impl Eq for Event {}

/// Names the event without its payload and personal attributes, so that a stray `{:?}` in a log discloses nothing.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id())
            .field("source", &self.source())
            .field("type", &self.ty())
            .field("data_bytes", &self.data().map(Bytes::len))
            .finish_non_exhaustive()
    }
}
