//! What an event carries: made from (seed, number) alone, so that the oracle need not remember it.
//!
//! The data is spelled as no serialiser would spell it again (spaces, escapes, a trailing zero): a bus that reads and
//! writes it anew is found out byte by byte.

use serde::Deserialize;

const TEXT_WORDS_MAX: usize = 12;
const WORDS: [&str; 5] = [
    "Straße ",
    "\\u00dcbergabe ",
    "Netz\\tknoten ",
    "\\\"Kurz\\\" ",
    "4711 ",
];
/// Places that are counted separately.
const PLACES: u64 = 3;
/// Partition keys there are; some events have none.
const PARTITIONS: u64 = 4;
const WITHOUT_PARTITION: u64 = 7;
const SUBJECTS: u64 = 2;

/// The id of the event with this number.
pub(crate) fn event_id(seed: u64, number: u64) -> String {
    format!("probe-{seed}-{number}")
}

/// The data of the event with this number, as the bytes of a JSON object.
pub(crate) fn data(seed: u64, number: u64) -> String {
    let mut random =
        fastrand::Rng::with_seed(seed.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut text = format!(
        "{{ \"nr\":{number}, \"seed\" : {seed},\"ort\": \"{}\", \"wert\": {}.{}0,\"text\":\"",
        place(number),
        random.u32(0..100_000),
        random.u32(0..1_000)
    );
    for _ in 0..random.usize(0..TEXT_WORDS_MAX) {
        text.push_str(random.choice(WORDS).unwrap_or_default());
    }
    text.push_str("\" }");
    text
}

/// Where the event with this number is counted.
pub(crate) fn place(number: u64) -> String {
    format!("o{}", number % PLACES)
}

/// The `partitionkey` of the event with this number, if it has one.
pub(crate) fn partition_key(number: u64) -> Option<String> {
    (!number.is_multiple_of(WITHOUT_PARTITION)).then(|| format!("k{}", number % PARTITIONS))
}

/// The `subject` of the event with this number.
pub(crate) fn subject(number: u64) -> String {
    format!("s{}", number % SUBJECTS)
}

#[derive(Deserialize)]
struct Origin {
    nr: u64,
    seed: u64,
}

/// The number that received data speaks of, if it is of this seed at all.
pub(crate) fn number(seed: u64, data: &[u8]) -> Option<u64> {
    let origin: Origin = serde_json::from_slice(data).ok()?;
    (origin.seed == seed).then_some(origin.nr)
}

#[cfg(test)]
mod tests {
    use super::{data, number};

    #[test]
    fn data_says_where_it_is_from_and_shows_when_it_was_rewritten() {
        for nr in 0..300 {
            let sent = data(7, nr);
            assert_eq!(number(7, sent.as_bytes()), Some(nr));
            assert_eq!(number(8, sent.as_bytes()), None);
            let again = serde_json::from_str::<serde_json::Value>(&sent).map(|read| read.to_string());
            assert!(again.is_ok_and(|again| again != sent));
        }
    }
}
