//! What stands in the index instead of names: hashes, with two bytes that tell more.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use stadtbus_broker::{LogName, Position, Record};

use crate::{lanes::settled::Page, log};

/// Positions that share one entry for a page of facts; which of them are meant stands in the two bytes beside it.
const BLOCK: Position = 16;

/// One entry of a record: its key, and two bytes more.
pub(super) type Key = (u64, u16);

/// The key of an event's id.
pub(super) fn of_id(id: &str) -> u64 {
    digest(&[b"id", id.as_bytes()])
}

/// The two bytes beside it: of the source, since ids are unique for each source only.
pub(super) fn of_source(source: &str) -> u16 {
    let [.., high, low] = digest(&[b"source", source.as_bytes()]).to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The key of what is known of an event's place, and the bit that stands for it.
pub(super) fn of_fact(log: &LogName, position: Position) -> Key {
    let block = (position / BLOCK).to_be_bytes();
    (
        digest(&[b"fact", log.as_str().as_bytes(), &block]),
        1 << (position % BLOCK),
    )
}

/// What to remember of an event. Nothing of a record that is none.
pub(super) fn of_event_record(record: Record) -> Vec<Key> {
    log::decode(record).map_or_else(
        |_| Vec::new(),
        |logged| vec![(of_id(logged.event.id()), of_source(logged.event.source()))],
    )
}

/// What to remember of a page: one entry for each block of positions in it.
pub(super) fn of_page_record(record: &Record) -> Vec<Key> {
    let Ok(page) = Page::read(record) else {
        return Vec::new();
    };
    let mut blocks: BTreeMap<(&str, Position), u16> = BTreeMap::new();
    for fact in &page.facts {
        let block = (fact.log.as_str(), fact.position / BLOCK);
        *blocks.entry(block).or_default() |= 1 << (fact.position % BLOCK);
    }
    blocks
        .into_iter()
        .map(|((log, block), bits)| (digest(&[b"fact", log.as_bytes(), &block.to_be_bytes()]), bits))
        .collect()
}

/// Eight bytes of SHA-256, the parts kept apart by their lengths.
pub(super) fn digest(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    hash.iter()
        .take(8)
        .fold(0, |key, byte| (key << 8) | u64::from(*byte))
}
