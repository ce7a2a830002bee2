//! Writing: one block of attributes, then the payload as bytes or text.

use bytes::Bytes;

use super::{attribute, data};
use crate::documented::{Documented, canonical_binary};
use crate::event::{Core, Event, Form};
use crate::value::Value;

/// One event in this format.
#[must_use]
pub fn to_bytes(event: &Event) -> Bytes {
    let mut out = Vec::with_capacity(event.size_bytes() + 64);
    let core: Vec<(Core, &str)> = Core::ALL
        .into_iter()
        .map(|core| match core {
            Core::DataContentType => (core, event.explicit_content_type().unwrap_or_default()),
            _ => (core, event.core(core)),
        })
        .filter(|(_, value)| !value.is_empty())
        .collect();
    length(&mut out, 1 + core.len() + event.extensions.len());
    string(&mut out, "specversion");
    long(&mut out, attribute::STRING);
    string(&mut out, "1.0");
    for (core, value) in core {
        string(&mut out, core.name());
        long(&mut out, attribute::STRING);
        string(&mut out, value);
    }
    for (name, value) in event.extensions() {
        string(&mut out, name);
        extension(&mut out, name, value);
    }
    // An empty block ends the map.
    length(&mut out, 0);
    match &event.data {
        None => long(&mut out, data::NULL),
        Some(held) => {
            let text = held.form == Form::Text && std::str::from_utf8(&held.bytes).is_ok();
            long(&mut out, if text { data::STRING } else { data::BYTES });
            bytes(&mut out, &held.bytes);
        }
    }
    Bytes::from(out)
}

fn extension(out: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Boolean(truth) => {
            long(out, attribute::BOOLEAN);
            out.push(u8::from(*truth));
        }
        Value::Integer(number) => {
            long(out, attribute::INT);
            long(out, i64::from(*number));
        }
        Value::String(text) => {
            let binary = Documented::of(name) == Some(Documented::Binary);
            if let Some(decoded) = binary.then(|| canonical_binary(text)).flatten() {
                long(out, attribute::BYTES);
                bytes(out, &decoded);
            } else {
                long(out, attribute::STRING);
                string(out, text);
            }
        }
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    bytes(out, text.as_bytes());
}

fn bytes(out: &mut Vec<u8>, content: &[u8]) {
    length(out, content.len());
    out.extend_from_slice(content);
}

/// No memory holds more than `i64::MAX` bytes, so the conversion cannot fail.
fn length(out: &mut Vec<u8>, length: usize) {
    long(out, i64::try_from(length).unwrap_or(i64::MAX));
}

fn long(out: &mut Vec<u8>, number: i64) {
    let mut zigzag = (number << 1 ^ number >> 63).cast_unsigned();
    while zigzag >= 0x80 {
        out.push((zigzag & 0x7F) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}
