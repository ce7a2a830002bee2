//! Writing: attributes in a fixed order, the payload embedded as it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::event::{Core, Event, Member};
use crate::value::Value;

/// One event in the JSON format. JSON payloads are embedded as they are, text becomes a string, the rest `data_base64`.
/// A payload that is declared JSON and is not, goes as `data_base64`, so that the envelope is always sound.
#[must_use]
pub fn to_bytes(event: &Event) -> Bytes {
    let mut out = String::with_capacity(capacity(event));
    write(event, &mut out);
    Bytes::from(out)
}

/// A batch in the JSON format.
pub fn batch_to_bytes<'a>(events: impl Iterator<Item = &'a Event>) -> Bytes {
    let mut out = String::from("[");
    for event in events {
        if out.len() > 1 {
            out.push(',');
        }
        out.reserve(capacity(event));
        write(event, &mut out);
    }
    out.push(']');
    Bytes::from(out)
}

/// Room for quotes and commas beyond the estimate of the wire size; a guess that spares growing, nothing more.
fn capacity(event: &Event) -> usize {
    event.size_bytes() + 64
}

fn write(event: &Event, out: &mut String) {
    out.push_str(r#"{"specversion":"1.0""#);
    for core in Core::ALL {
        let value = event.core(core);
        if !value.is_empty() {
            name(out, core.name());
            string(out, value);
        }
    }
    for (extension, value) in event.extensions() {
        name(out, extension);
        match value {
            Value::String(text) => string(out, text),
            Value::Integer(_) | Value::Boolean(_) => out.push_str(&value.canonical()),
        }
    }
    match event.member() {
        None => {}
        Some(Member::Json(text)) => {
            name(out, "data");
            out.push_str(text);
        }
        Some(Member::Text(text)) => {
            name(out, "data");
            string(out, text);
        }
        Some(Member::Base64(bytes)) => {
            name(out, "data_base64");
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
    }
    out.push('}');
}

fn name(out: &mut String, name: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
}

pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some((plain, from)) = rest.find(special).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(plain);
        let mut characters = from.chars();
        if let Some(c) = characters.next() {
            escape(out, c);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn special(c: char) -> bool {
    c < ' ' || c == '"' || c == '\\'
}

fn escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => {
            let code = u32::from(c);
            out.push_str("\\u00");
            for digit in [code >> 4, code & 0xF] {
                out.push(char::from_digit(digit, 16).unwrap_or('0'));
            }
        }
    }
}
