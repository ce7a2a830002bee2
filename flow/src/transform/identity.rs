//! The identity of what a plugin makes: always the host's, never the guest's.
//!
//! A guest may name the natural identity of its output (`NGN-2026-004711#2`); what becomes the event's `id` is
//! a UUIDv5 (RFC 9562) over partner, source, type and that key, or, without a key, over the input and the number
//! of the output. Both are the same on every repetition, so a repeat is recognised as one.

use stadtbus_broker::Position;
use stadtbus_event::{Event, EventError, PartnerId};
use stadtbus_plugin_host::Draft;
use uuid::Uuid;

/// Attributes that a guest cannot set, because they say where an event comes from.
const HOST_OWNED: [&str; 5] = ["id", "source", "specversion", "causationid", SIGNATURE];
/// A signature is over `id` and `source`, too, so that a copied one cannot hold (verifiability, l. 418-430: re-sign, strip
/// or refuse).
const SIGNATURE: &str = stadtbus_event::verifiability::ATTRIBUTE;

/// Where an output comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// An event of the log, through a subscription.
    Event {
        /// The event.
        event: &'a Event,
        /// Its log.
        log: &'a str,
        /// Its position.
        position: Position,
        /// The subscription.
        subscription: &'a str,
    },
    /// Foreign bytes, through a route.
    Raw {
        /// The route.
        route: &'a str,
        /// SHA-256 of the bytes.
        digest: &'a [u8],
    },
}

/// The `n`-th output of one plugin run as an event of `partner`.
///
/// # Errors
/// When the draft has attributes that are no CloudEvents attributes.
pub fn identify(
    partner: &PartnerId,
    source: &str,
    draft: Draft,
    n: usize,
    origin: Origin<'_>,
) -> Result<Event, EventError> {
    let id = id(partner, source, &draft, n, origin);
    let mut builder = Event::builder(id, source, draft.ty);
    if let Some(subject) = draft.subject {
        builder = builder.subject(subject);
    }
    if let Some(time) = draft.time {
        builder = builder.time(time);
    }
    if let Some(content_type) = draft.datacontenttype {
        builder = builder.datacontenttype(content_type);
    }
    if let Some(schema) = draft.dataschema {
        builder = builder.dataschema(schema);
    }
    let mut carries_trace = false;
    for (name, value) in draft.extensions {
        if !HOST_OWNED.contains(&name.as_str()) {
            carries_trace |= name == "traceparent" || name == "correlationid";
            builder = builder.extension(&name, value);
        }
    }
    if let Origin::Event { event, .. } = origin {
        builder = builder.extension("causationid", event.id());
        if !carries_trace {
            for name in ["traceparent", "tracestate", "correlationid"] {
                if let Some(value) = event.extension(name) {
                    builder = builder.extension(name, value.clone());
                }
            }
        }
    }
    if let Some(data) = draft.data {
        builder = builder.data(data);
    }
    builder.build()
}

fn id(partner: &PartnerId, source: &str, draft: &Draft, n: usize, origin: Origin<'_>) -> String {
    let mut name = Vec::with_capacity(128);
    let mut part = |bytes: &[u8]| {
        name.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        name.extend_from_slice(bytes);
    };
    match (&draft.key, origin) {
        (Some(key), _) => [partner.as_str(), source, &draft.ty, key].map(|text| part(text.as_bytes())),
        (
            None,
            Origin::Event {
                log,
                position,
                subscription,
                ..
            },
        ) => [log, &position.to_string(), subscription, &n.to_string()].map(|text| part(text.as_bytes())),
        (None, Origin::Raw { route, digest }) => {
            part(digest);
            [route, "", "", &n.to_string()].map(|text| part(text.as_bytes()))
        }
    };
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_event_does_not_carry_the_signature_of_what_it_was_made_from() {
        let event = Event::builder("1", "urn:a", "t")
            .extension("dssematerial", "AAAA")
            .extension("correlationid", "c")
            .build()
            .unwrap();
        let draft = Draft {
            ty: "u".to_owned(),
            extensions: event
                .extensions()
                .map(|(name, value)| (name.to_owned(), value.canonical().into_owned()))
                .collect(),
            ..Draft::default()
        };
        let origins = [
            Origin::Event {
                event: &event,
                log: "LOG_A",
                position: 1,
                subscription: "s",
            },
            Origin::Raw {
                route: "r",
                digest: b"x",
            },
        ];
        for origin in origins {
            let derived =
                identify(&PartnerId::parse("a").unwrap(), "urn:b", draft.clone(), 0, origin).unwrap();
            assert_eq!(derived.extension("dssematerial"), None, "{origin:?}");
            assert_eq!(
                derived.attribute("correlationid").as_deref(),
                Some("c"),
                "{origin:?}"
            );
        }
    }
}
