//! A call that can travel to the thread that runs it.

use std::sync::Arc;

use bytes::Bytes;
use stadtbus_event::Event;

use crate::call::{Call, Input};
use crate::tables::Tables;

/// A call that owns what it is given, to travel to another thread.
#[derive(Debug, Clone)]
pub struct OwnedCall {
    /// The input.
    pub input: OwnedInput,
    /// Configuration, JSON text.
    pub config: Bytes,
    /// Stored state.
    pub state: Option<Bytes>,
    /// Lookup tables.
    pub tables: Tables,
}

/// The input of an [`OwnedCall`].
#[derive(Debug, Clone)]
pub enum OwnedInput {
    /// A foreign message.
    Raw {
        /// The media type the sender named.
        content_type: String,
        /// The body.
        bytes: Bytes,
        /// When the bus received it, RFC 3339.
        received: String,
    },
    /// An event.
    Event(Arc<Event>),
}

impl OwnedCall {
    /// The call as [`Plugin::run`](crate::Plugin::run) takes it.
    #[must_use]
    pub fn borrowed(&self) -> Call<'_> {
        let input = match &self.input {
            OwnedInput::Raw {
                content_type,
                bytes,
                received,
            } => Input::Raw {
                content_type,
                bytes,
                received,
            },
            OwnedInput::Event(event) => Input::Event(event),
        };
        Call {
            input,
            config: &self.config,
            state: self.state.as_deref(),
            tables: &self.tables,
        }
    }
}
