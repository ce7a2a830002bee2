//! The CloudEvent of the bus: a byte-preserving core type, its formats, its bindings.
//!
//! **Why a type of our own.** A router is judged by what it does *not* change. Libraries made for publishers parse the
//! payload into a tree, normalise times to UTC and URIs to their taste; after them a signature over the data no longer
//! holds and a big integer is another number. Here attributes are checked strings spelled as received, and the payload
//! is the slice of the request body it came in.
//!
//! **Promise.** Receive tolerantly, send strictly. An [`Event`] that exists satisfies the core specification, so what
//! the bus sends is sound whatever came in. The same event read from the log and written in the mode it came in says
//! the same, to the byte and to the type.
//!
//! **What it refuses.** Everything where guessing would change meaning: attributes given twice, unknown event formats,
//! strings that are no Unicode, header values that are no UTF-8. Each refusal is an [`EventError`] with a stable code,
//! and none repeats what it refused. It judges no contract and no permission; that is for those who know the parties.
//!
//! ```
//! use bytes::Bytes;
//! use stadtbus_event::{Event, http_binding, json};
//!
//! let body = Bytes::from_static(
//!     br#"{"specversion":"1.0","id":"1","source":"urn:krefeld:ngn:leitwarte","type":"de.krefeld.swk.outage.reported.v1",
//!          "time":"2026-11-23T14:00:00+01:00","data":{"kunden":31200,"faktor":1.0e2}}"#,
//! );
//! let event = json::parse(&body)?;
//! assert_eq!(event.time(), Some("2026-11-23T14:00:00+01:00"));
//! assert_eq!(event.data().map(|data| &data[..]), Some(&br#"{"kunden":31200,"faktor":1.0e2}"#[..]));
//!
//! // Over HTTP in binary mode: attributes in headers, and the JSON that was implied is said.
//! let (headers, body) = http_binding::encode_binary(&event);
//! assert_eq!(headers["ce-id"], "1");
//! assert_eq!(headers["content-type"], "application/json");
//! assert_eq!(&body[..], br#"{"kunden":31200,"faktor":1.0e2}"#);
//!
//! let derived = event.to_builder().id("2").extension("causationid", "1").build()?;
//! assert_eq!(derived.attribute("causationid").as_deref(), Some("1"));
//! # Ok::<(), stadtbus_event::EventError>(())
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod amqp_binding;
pub mod avro;
mod builder;
mod check;
mod documented;
mod error;
mod event;
pub mod extensions;
pub mod format;
pub mod http_binding;
mod instant;
pub mod json;
pub mod kafka_binding;
pub mod media;
pub mod mqtt_binding;
pub mod names;
pub mod nats_binding;
mod parts;
mod percent;
pub mod protobuf;
pub mod sdk;
mod value;
pub mod verifiability;
pub mod websocket;

pub use builder::EventBuilder;
pub use check::ATTRIBUTE_NAME_BYTES_MAX;
pub use error::EventError;
pub use event::Event;
pub use extensions::check_extensions;
pub use format::{Format, Mode};
pub use names::{EventType, NameError, PartnerId, SubscriptionId, SystemId};
pub use parts::EXTENSIONS_MAX;
pub use value::Value;
