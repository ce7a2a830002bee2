//! What of a record is witnessed: subject, headers and payload. Position and log are where it is kept.

use sha2::{Digest as _, Sha256};
use stadtbus_broker::{Entry, Record};

/// The first half of a SHA-256.
pub(super) type Digest = [u8; 16];

pub(super) fn of_entry(entry: &Entry) -> Digest {
    of(&entry.subject, &entry.headers, &entry.payload)
}

pub(super) fn of_record(record: &Record) -> Digest {
    of(&record.subject, &record.headers, &record.payload)
}

/// Headers are sorted and trimmed: a broker may keep them in another order.
fn of(subject: &str, headers: &[(String, String)], payload: &[u8]) -> Digest {
    let mut sorted: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (&**name, value.trim()))
        .collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(subject.as_bytes());
    for (name, value) in sorted {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(payload);
    let mut digest = Digest::default();
    for (to, from) in digest.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    digest
}

/// The next link of a log's chain.
pub(super) fn link(chain: &[u8; 32], position: u64, digest: &Digest) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(chain);
    hash.update(position.to_be_bytes());
    hash.update(digest);
    hash.finalize().into()
}
