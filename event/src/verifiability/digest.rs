//! The digests over attributes and data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256, digest};

use super::refused;
use crate::documented::{Documented, canonical_binary};
use crate::error::EventError;
use crate::event::{Core, Event};
use crate::instant;
use crate::value::Value;

/// SHA-256.
pub(super) type Digest = [u8; 32];

/// The type of an attribute, which decides what bytes of it are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// Signed as `true` or `false`.
    Boolean,
    /// Signed as decimal number.
    Integer,
    /// Signed as it is in UTF-8.
    String,
    /// Signed as the bytes that its base64 means.
    Binary,
    /// Signed as it is.
    Uri,
    /// Signed as it is.
    UriReference,
    /// Signed in UTC with whole seconds.
    Timestamp,
}

impl AttributeType {
    /// The type of an attribute of the documented extensions.
    fn documented(name: &str) -> Option<Self> {
        Some(match (name, Documented::of(name)) {
            (_, Some(Documented::Timestamp)) => Self::Timestamp,
            (_, Some(Documented::Uri)) => Self::Uri,
            (_, Some(Documented::UriReference)) => Self::UriReference,
            (_, Some(Documented::Binary)) => Self::Binary,
            ("severitynumber", None) => Self::Integer,
            ("deprecated", None) => Self::Boolean,
            (
                "authclaims" | "authid" | "authtype" | "causationid" | "correlationid" | "datacategory"
                | "dataclassification" | "dataregulation" | "partitionkey" | "sequence" | "severitytext"
                | "traceparent" | "tracestate",
                None,
            ) => Self::String,
            _ => return None,
        })
    }
}

/// The digest of the core: of the digests of all its attributes, absent ones as empty, and of the exact bytes of the data.
pub(super) fn core(event: &Event) -> Result<Digest, EventError> {
    let time = match event.time() {
        None => String::new(),
        Some(time) => normalised(time)?,
    };
    let attribute = |core| event.core(core).as_bytes();
    Ok(combined(
        [
            attribute(Core::Id),
            attribute(Core::Source),
            b"1.0",
            attribute(Core::Type),
            attribute(Core::DataContentType),
            attribute(Core::DataSchema),
            attribute(Core::Subject),
            time.as_bytes(),
            event.data().map_or(&[], |data| data),
        ]
        .into_iter()
        .map(Cow::Borrowed),
    ))
}

/// The digest of these extensions in this order; nothing where the type of one that is there is not known.
pub(super) fn extensions(
    event: &Event,
    names: &[String],
    types: &BTreeMap<String, AttributeType>,
) -> Result<Option<Digest>, EventError> {
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        let known = types
            .get(name)
            .copied()
            .or_else(|| AttributeType::documented(name));
        let bytes = match (event.extension(name), known) {
            (None, _) => Vec::new(),
            (Some(Value::String(text)), Some(of)) => canonical(text, of)?,
            (Some(Value::String(_)), None) => return Ok(None),
            // The format has told the type.
            (Some(value @ (Value::Integer(_) | Value::Boolean(_))), _) => {
                value.canonical().into_owned().into_bytes()
            }
        };
        values.push(bytes);
    }
    Ok(Some(combined(values.into_iter().map(Cow::Owned))))
}

fn canonical(text: &str, of: AttributeType) -> Result<Vec<u8>, EventError> {
    match of {
        AttributeType::Binary => {
            canonical_binary(text).ok_or_else(|| refused("signs a binary extension that is not base64"))
        }
        AttributeType::Timestamp => normalised(text).map(String::into_bytes),
        AttributeType::Boolean
        | AttributeType::Integer
        | AttributeType::String
        | AttributeType::Uri
        | AttributeType::UriReference => Ok(text.as_bytes().to_vec()),
    }
}

fn normalised(time: &str) -> Result<String, EventError> {
    instant::utc_seconds(time)
        .ok_or_else(|| refused("signs a time that is not one between the years 0 and 9999"))
}

fn combined<'a>(values: impl Iterator<Item = Cow<'a, [u8]>>) -> Digest {
    let mut all = Context::new(&SHA256);
    for value in values {
        all.update(digest(&SHA256, &value).as_ref());
    }
    let mut out = Digest::default();
    for (byte, found) in out.iter_mut().zip(all.finish().as_ref()) {
        *byte = *found;
    }
    out
}
