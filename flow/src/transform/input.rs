//! What a plugin is given, owned, so that it can wait its turn.

use std::sync::Arc;

use bytes::Bytes;
use stadtbus_event::Event;

/// One input of a plugin.
#[derive(Debug, Clone)]
pub enum Input {
    /// Foreign bytes, for a decoder.
    Raw {
        /// The media type the sender named.
        content_type: String,
        /// The body.
        bytes: Bytes,
        /// When the bus received it, RFC 3339. Part of the input, so that a repetition gives the same output.
        received: String,
    },
    /// An event, for a transformer or encoder.
    Event(Arc<Event>),
}

impl Input {
    /// As the host takes it.
    #[must_use]
    pub(super) fn borrowed(&self) -> stadtbus_plugin_host::Input<'_> {
        match self {
            Self::Raw {
                content_type,
                bytes,
                received,
            } => stadtbus_plugin_host::Input::Raw {
                content_type,
                bytes,
                received,
            },
            Self::Event(event) => stadtbus_plugin_host::Input::Event(event),
        }
    }
}
