//! What an event carries: made from (seed, number) alone, so that the oracle need not remember it.
//!
//! The data is spelled as no serialiser would spell it again (spaces, escapes, a trailing zero): a bus that reads and writes
//! it anew is found out by the hash.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Hash of the data of one event.
pub(crate) type Hash = [u8; 32];

const TEXT_WORDS_MAX: usize = 120;
/// Keys that events share.
const KEYS: u64 = 64;
const WORDS: [&str; 6] = [
    "Straße ",
    "\\u00dcbergabe ",
    "Netz\\tknoten ",
    "\\\"Kurz\\\" ",
    "4711 ",
    "Köln\\/Krefeld ",
];

/// The id of the event with this number.
pub(crate) fn event_id(seed: u64, number: u64) -> String {
    format!("probe-{seed}-{number}")
}

/// The key of the event with this number: events of one key are to stay in order where that is asked for.
pub(crate) fn key(number: u64) -> u64 {
    number % KEYS
}

/// The data of the event with this number, as the bytes of a JSON object.
pub(crate) fn data(seed: u64, number: u64) -> String {
    let mut random =
        fastrand::Rng::with_seed(seed.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut text = format!(
        "{{ \"nr\":{number}, \"seed\" : {seed},\"wert\": {}.{}0,\"text\":\"",
        random.u32(0..100_000),
        random.u32(0..1_000)
    );
    for _ in 0..random.usize(0..TEXT_WORDS_MAX) {
        text.push_str(random.choice(WORDS).unwrap_or_default());
    }
    text.push_str("\" }");
    text
}

/// The whole event, structured.
pub(crate) fn event(seed: u64, number: u64) -> String {
    let data = data(seed, number);
    let mut event = String::with_capacity(data.len() + 256);
    let _ = write!(
        event,
        "{{\"specversion\":\"1.0\",\"id\":\"{}\",\"source\":\"urn:pruefstand:pub:sender\",\"type\":\"de.pruefstand.pub.probe.sent.v1\",\"partitionkey\":\"k-{}\",\"datacontenttype\":\"application/json\",\"data\":{data}}}",
        event_id(seed, number),
        key(number)
    );
    event
}

/// The hash of some data.
pub(crate) fn hash(data: &[u8]) -> Hash {
    Sha256::digest(data).into()
}

/// The (seed, number) that received data speaks of, if it is one of ours at all.
pub(crate) fn origin(data: &[u8]) -> Option<(u64, u64)> {
    #[derive(serde::Deserialize)]
    struct Origin {
        nr: u64,
        seed: u64,
    }
    let origin: Origin = serde_json::from_slice(data).ok()?;
    Some((origin.seed, origin.nr))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{data, event, hash, origin};

    #[test]
    fn an_event_is_json_that_says_where_it_is_from() {
        for number in 0..500 {
            let text = event(7, number);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let sent = data(7, number);
            assert!(value.get("data").unwrap().get("text").unwrap().is_string());
            assert_eq!(origin(sent.as_bytes()), Some((7, number)));
            assert_eq!(sent, data(7, number), "the same data twice");
            let again = serde_json::to_string(value.get("data").unwrap()).unwrap();
            assert_ne!(
                hash(sent.as_bytes()),
                hash(again.as_bytes()),
                "a rewritten payload must show"
            );
        }
    }
}
