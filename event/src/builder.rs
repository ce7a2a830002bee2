//! Making events by hand, and variants of events.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::parts::Parts;
use crate::value::Value;

/// Collects attributes; [`EventBuilder::build`] checks them. A later call for the same attribute wins.
#[derive(Clone)]
#[must_use]
pub struct EventBuilder {
    parts: Parts<'static>,
    /// The first thing wrong, told at the end so that calls can be chained.
    problem: Option<EventError>,
}

impl EventBuilder {
    pub(crate) fn new(id: String, source: String, ty: String) -> Self {
        Self {
            parts: Parts::with_specversion(),
            problem: None,
        }
        .id(id)
        .source(source)
        .ty(ty)
    }

    pub(crate) fn from_event(event: &Event) -> Self {
        let mut builder = Self {
            parts: Parts::with_specversion(),
            problem: None,
        };
        for core in Core::ALL {
            let value = event.core(core);
            if !value.is_empty() {
                builder = builder.put(core, value.to_owned());
            }
        }
        for (name, value) in event.extensions() {
            builder = builder.extension(name, value.clone());
        }
        builder.parts.data.clone_from(&event.data);
        builder
    }

    fn put(mut self, core: Core, value: String) -> Self {
        self.parts.replace(core, Some(Cow::Owned(value)));
        self
    }

    /// Replaces `id`.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.put(Core::Id, id.into())
    }

    /// Replaces `source`.
    pub fn source(self, source: impl Into<String>) -> Self {
        self.put(Core::Source, source.into())
    }

    /// Replaces `type`.
    pub fn ty(self, ty: impl Into<String>) -> Self {
        self.put(Core::Type, ty.into())
    }

    /// Sets `subject`.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.put(Core::Subject, subject.into())
    }

    /// Sets `time`, RFC 3339.
    pub fn time(self, time: impl Into<String>) -> Self {
        self.put(Core::Time, time.into())
    }

    /// Sets `datacontenttype`.
    pub fn datacontenttype(self, media_type: impl Into<String>) -> Self {
        self.put(Core::DataContentType, media_type.into())
    }

    /// Sets `dataschema`, an absolute URI.
    pub fn dataschema(self, uri: impl Into<String>) -> Self {
        self.put(Core::DataSchema, uri.into())
    }

    /// Takes an optional attribute away, core or extension; a required one will be missed by `build`.
    pub fn without(mut self, name: &str) -> Self {
        match Core::of(name) {
            Some(core) => self.parts.replace(core, None),
            None => self.parts.remove_extension(name),
        }
        self
    }

    /// Sets an extension attribute.
    pub fn extension(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parts.remove_extension(name);
        if let Err(problem) = self.parts.set_extension(name, value.into()) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    /// Sets the payload. What it is follows from `datacontenttype`; without one it is bytes of unknown kind.
    pub fn data(mut self, bytes: impl Into<Bytes>) -> Self {
        self.parts.data = Some(Data::new(bytes.into(), Form::Bytes));
        self
    }

    /// Takes the payload away; `datacontenttype` and `dataschema` stay.
    pub fn without_data(mut self) -> Self {
        self.parts.data = None;
        self
    }

    /// Checks everything the specification demands of an event.
    ///
    /// # Errors
    /// SB-1103 to SB-1105 for attributes, SB-1406 for more than [`crate::EXTENSIONS_MAX`] extensions.
    pub fn build(self) -> Result<Event, EventError> {
        match self.problem {
            Some(problem) => Err(problem),
            None => self.parts.finish(),
        }
    }
}

/// Says nothing of what it holds, which is as personal as an event and not even checked.
impl fmt::Debug for EventBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBuilder")
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}
