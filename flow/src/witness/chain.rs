//! The hash chain of a log: each link covers the one before, the position and the digest of its record.

use std::io;

use stadtbus_broker::Position;

use super::{digest, head::Head, slots::Slots};
use crate::written::hex;

/// Links added in one flush, so that a flush is short.
const LINKS_MAX: u64 = 65_536;
/// Slots read at a time.
const LINKS_AT_ONCE: u64 = 4_096;

/// Adds the links whose records are known, in order, without gap.
pub(super) fn grow(slots: &mut Slots, head: &mut Head, mark: Position) -> io::Result<()> {
    if head.chain_from == 0 {
        return Ok(());
    }
    let mut chain = unhex(&head.chain);
    let mut links = 0;
    'growing: while links < LINKS_MAX && head.chain_position < mark {
        let from = head.chain_position + 1;
        let count = LINKS_AT_ONCE.min(mark - head.chain_position);
        for slot in slots.range(from, count)? {
            let Some(slot) = slot else { break 'growing };
            head.chain_position += 1;
            chain = digest::link(&chain, head.chain_position, &slot.digest);
            links += 1;
        }
    }
    if links > 0 {
        head.chain = hex(&chain);
    }
    Ok(())
}

fn unhex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(at * 2..at * 2 + 2);
        *byte = pair
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .unwrap_or(0);
    }
    bytes
}
