//! Where every format and binding meets: attributes come in one at a time and leave as a checked [`Event`].
//!
//! One place for the rules of the core specification, so that no door of the bus is laxer than another.

use std::borrow::Cow;

use crate::check;
use crate::error::EventError;
use crate::event::{CORE_COUNT, Core, Data, Event, Form};
use crate::media;
use crate::value::Value;

/// Most extension attributes of one event. Headers are counted by every server on the way.
pub const EXTENSIONS_MAX: usize = 256;

/// An event under construction; borrows from what it is read from as long as it can.
#[derive(Clone, Default)]
pub(crate) struct Parts<'a> {
    specversion: bool,
    core: [Option<Cow<'a, str>>; CORE_COUNT],
    extensions: Vec<(Cow<'static, str>, Value)>,
    /// Names given as `null`: no attributes, but a second member of that name is still a duplicate (CORE-4).
    unset: Vec<Cow<'a, str>>,
    pub(crate) data: Option<Data>,
}

impl<'a> Parts<'a> {
    /// For those who speak 1.0 by construction.
    pub(crate) fn with_specversion() -> Self {
        Self {
            specversion: true,
            ..Self::default()
        }
    }

    /// An attribute whose value is a string.
    pub(crate) fn set(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), EventError> {
        if let Some(core) = Core::of(name) {
            let slot = self.slot(core);
            if slot.is_some() {
                return Err(EventError::twice(name));
            }
            *slot = Some(value);
            return Ok(());
        }
        if name == "specversion" {
            return self.set_specversion(&value);
        }
        self.set_extension(name, Value::String(value.into_owned()))
    }

    /// An extension with its type. Duplicates come to light in [`Parts::finish`].
    pub(crate) fn set_extension(&mut self, name: &str, value: Value) -> Result<(), EventError> {
        if !check::name(name) || name == "specversion" || Core::of(name).is_some() {
            return Err(EventError::bad_name(name));
        }
        if self.extensions.len() + self.unset.len() >= EXTENSIONS_MAX {
            return Err(too_many());
        }
        if let Value::String(text) = &value
            && !check::text(text)
        {
            return Err(EventError::bad_value(
                name,
                "contains control characters or noncharacters",
            ));
        }
        if self.extensions.is_empty() {
            self.extensions.reserve(8);
        }
        self.extensions.push((intern(name), value));
        Ok(())
    }

    /// An attribute in a format with types. Those of the core specification are strings, all of them.
    pub(crate) fn set_typed(&mut self, name: &str, value: Value) -> Result<(), EventError> {
        if name == "specversion" || Core::of(name).is_some() {
            return Err(EventError::bad_value(name, "is not a string"));
        }
        self.set_extension(name, value)
    }

    /// An attribute given as `null` (JSON-1).
    pub(crate) fn set_unset(&mut self, name: Cow<'a, str>) -> Result<(), EventError> {
        if !check::name(&name) {
            return Err(EventError::bad_name(&name));
        }
        if self.extensions.len() + self.unset.len() >= EXTENSIONS_MAX {
            return Err(too_many());
        }
        self.unset.push(name);
        Ok(())
    }

    fn set_specversion(&mut self, version: &str) -> Result<(), EventError> {
        if std::mem::replace(&mut self.specversion, true) {
            return Err(EventError::twice("specversion"));
        }
        match version {
            "1.0" => Ok(()),
            "" => Err(EventError::missing("specversion")),
            _ => Err(EventError::at(
                "SB-1111",
                "specversion",
                "only specversion 1.0 is supported",
            )),
        }
    }

    fn slot(&mut self, core: Core) -> &mut Option<Cow<'a, str>> {
        let [id, source, ty, subject, time, datacontenttype, dataschema] = &mut self.core;
        match core {
            Core::Id => id,
            Core::Source => source,
            Core::Type => ty,
            Core::Subject => subject,
            Core::Time => time,
            Core::DataContentType => datacontenttype,
            Core::DataSchema => dataschema,
        }
    }

    /// Puts a core attribute whatever was there before; nothing clears it.
    pub(crate) fn replace(&mut self, core: Core, value: Option<Cow<'a, str>>) {
        *self.slot(core) = value;
    }

    /// Takes an extension away, if it is there.
    pub(crate) fn remove_extension(&mut self, name: &str) {
        self.extensions.retain(|(held, _)| held != name);
    }

    /// Gives string extensions back the type they had, as long as they are its canonical form.
    pub(crate) fn retype(&mut self, name: &str, typed: fn(&str) -> Option<Value>) {
        for (held, value) in &mut self.extensions {
            if held == name
                && let Value::String(text) = value
                && let Some(better) = typed(text)
            {
                *value = better;
            }
        }
    }

    pub(crate) fn core(&mut self, core: Core) -> Option<&str> {
        self.slot(core).as_deref()
    }

    pub(crate) fn datacontenttype(&mut self) -> Option<&str> {
        self.core(Core::DataContentType)
    }

    /// The payload's type from the message's own content type. An attribute beside it that says the same is taken, for the
    /// examples of the specification have it both ways; two types are none.
    pub(crate) fn declare(&mut self, content_type: Option<&'a str>) -> Result<(), EventError> {
        match (self.datacontenttype(), content_type) {
            (_, None) => Ok(()),
            (None, Some(declared)) => self.set("datacontenttype", declared.into()),
            (Some(held), Some(declared)) if held == declared => Ok(()),
            (Some(_), Some(_)) => Err(EventError::twice("datacontenttype")),
        }
    }

    /// Checks the whole and closes it.
    pub(crate) fn finish(mut self) -> Result<Event, EventError> {
        if !self.specversion {
            return Err(EventError::missing("specversion"));
        }
        self.check_unset()?;
        let length = self.core.iter().flatten().map(|value| value.len()).sum();
        let mut text = String::with_capacity(length);
        let mut ends = [0; CORE_COUNT];
        for ((core, value), end) in Core::ALL.into_iter().zip(&self.core).zip(&mut ends) {
            check_core(core, value.as_deref())?;
            text.push_str(value.as_deref().unwrap_or_default());
            *end = text.len();
        }
        self.extensions.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let doubled = self.extensions.windows(2).find_map(|pair| match pair {
            [(a, _), (b, _)] if a == b => Some(a),
            _ => None,
        });
        if let Some(name) = doubled {
            return Err(EventError::twice(name));
        }
        let data = self
            .data
            .take()
            .map(|data| settle_form(data, self.datacontenttype()));
        Ok(Event {
            text: text.into_boxed_str(),
            ends,
            extensions: self.extensions,
            data,
        })
    }

    fn check_unset(&mut self) -> Result<(), EventError> {
        if self.unset.is_empty() {
            return Ok(());
        }
        let mut unset = std::mem::take(&mut self.unset);
        unset.sort_unstable();
        for pair in unset.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                return Err(EventError::twice(a));
            }
        }
        for name in &unset {
            let set = match Core::of(name) {
                Some(core) => self.slot(core).is_some(),
                None => name == "specversion" || self.extensions.iter().any(|(held, _)| held == name),
            };
            // A `null` specversion without a second one has already been refused as missing.
            if set {
                return Err(EventError::twice(name));
            }
        }
        Ok(())
    }
}

/// A form that the content type contradicts (set later, or claimed by a header) is dropped, not believed.
fn settle_form(mut data: Data, declared: Option<&str>) -> Data {
    let json = declared.map(media::is_json);
    match (data.form, json) {
        (Form::Json, Some(false)) | (Form::Text, None | Some(true)) => data.form = Form::Bytes,
        _ => {}
    }
    data
}

fn check_core(core: Core, value: Option<&str>) -> Result<(), EventError> {
    let name = core.name();
    let required = matches!(core, Core::Id | Core::Source | Core::Type);
    let value = match value {
        None | Some("") if required => return Err(EventError::missing(name)),
        None => return Ok(()),
        Some("") => {
            return Err(EventError::bad_value(
                name,
                "is empty; leave the attribute out instead",
            ));
        }
        Some(value) => value,
    };
    let (fine, must) = match core {
        Core::Id | Core::Type | Core::Subject => {
            (check::text(value), "contains control characters or noncharacters")
        }
        Core::Source => (check::uri(value, false), "is not a URI-reference (RFC 3986)"),
        Core::Time => (
            check::timestamp(value),
            "is not an RFC 3339 timestamp such as 2026-11-23T14:00:00+01:00",
        ),
        Core::DataContentType => (
            media::valid(value),
            "is not a media type such as application/json",
        ),
        Core::DataSchema => (check::uri(value, true), "is not an absolute URI (RFC 3986)"),
    };
    if fine {
        Ok(())
    } else {
        Err(EventError::bad_value(name, must))
    }
}

pub(crate) fn too_many() -> EventError {
    EventError::new(
        "SB-1406",
        format!("an event may have {EXTENSIONS_MAX} extension attributes at most"),
    )
}

/// The extensions everyone uses need no allocation for their names.
fn intern(name: &str) -> Cow<'static, str> {
    Cow::Borrowed(match name {
        "causationid" => "causationid",
        "correlationid" => "correlationid",
        "dataclassification" => "dataclassification",
        "datacontract" => "datacontract",
        "dataref" => "dataref",
        "expirytime" => "expirytime",
        "partitionkey" => "partitionkey",
        "recordedtime" => "recordedtime",
        "sequence" => "sequence",
        "traceparent" => "traceparent",
        "tracestate" => "tracestate",
        _ => return Cow::Owned(name.to_owned()),
    })
}
