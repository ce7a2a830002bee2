//! Attribute values in headers (HTTP binding §3.1.3.2, NATS binding §3.1.3.2; HTTP-4, HTTP-5, NATS-3).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS};

const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// Percent-codes what must be: space, `"`, `%` and everything outside U+0021..=U+007E.
pub(crate) fn encode(value: &str) -> Cow<'_, str> {
    let plain = value.bytes().fold(true, |plain, b| {
        plain & (0x21..0x7F).contains(&b) & (b != b'"') & (b != b'%')
    });
    if plain {
        Cow::Borrowed(value)
    } else {
        percent_encoding::utf8_percent_encode(value, ENCODED).into()
    }
}

/// Undoes a double-quoted string, then exactly one round of percent-coding. Nothing where the result is not UTF-8,
/// a triplet is broken or a quoted string is not closed. Raw UTF-8 bytes are taken: older senders do not encode.
pub(crate) fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let unquoted = match value {
        [b'"', rest @ ..] => Cow::Owned(unquote(rest)?),
        _ => Cow::Borrowed(value),
    };
    if !unquoted.contains(&b'%') {
        return utf8(unquoted);
    }
    if !triplets_whole(&unquoted) {
        return None;
    }
    let decoded: Vec<u8> = percent_encoding::percent_decode(&unquoted).collect();
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn utf8(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

fn unquote(rest: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'"' => return bytes.as_slice().is_empty().then_some(text),
            b'\\' => text.push(*bytes.next()?),
            _ => text.push(*b),
        }
    }
    None
}

fn triplets_whole(value: &[u8]) -> bool {
    let mut bytes = value.iter();
    while let Some(b) = bytes.next() {
        let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
        if *b == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return false;
        }
    }
    true
}
