//! The cursor that a reader keeps: up to where it has read the feed of one subscription.
//!
//! *Promise*: it is opaque, short, and says the same after a restart and on another process, because it names positions
//! in logs and not what some process remembers; whatever stands up to there was handed to the reader before. *What it
//! refuses*: text that was cut or changed, and another subscription's. It is no credential: whoever shows it has proved
//! by a token that the subscription is theirs, so a forged one could only confirm the forger's own events, and a
//! check sum is enough.
//!
//! It is called a bookmark here, for [`crate::lanes::cursor`] is the lane's own.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stadtbus_broker::{LogName, Position};

#[cfg(test)]
mod tests;

/// Longest text of a bookmark, in bytes; it has to fit into a header field.
pub const BOOKMARK_BYTES_MAX: usize = 8 << 10;

/// What every text begins with: the form, so that another one can be told apart later.
const FORM: &str = "b1.";
/// Bytes that say which subscription it belongs to.
const OWNER_BYTES: usize = 8;
/// Bytes of the check sum.
const SUM_BYTES: usize = 6;

/// Up to where a reader has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    owner: [u8; OWNER_BYTES],
    /// The life of the lane that gave it out.
    pub life: u64,
    /// The last event handed out in that life that it covers.
    pub number: u64,
    /// In each log: everything up to here was handed out, or ended otherwise.
    pub read: BTreeMap<LogName, Position>,
}

/// Why a text is no bookmark of this subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is none, or it was cut or changed.
    Unreadable,
    /// It belongs to another subscription.
    Foreign,
}

impl Bookmark {
    /// A bookmark in the feed of the lane with this key.
    #[must_use]
    pub fn new(key: &str, life: u64, number: u64, read: BTreeMap<LogName, Position>) -> Self {
        Self {
            owner: owner(key),
            life,
            number,
            read,
        }
    }

    /// Reads what [`fmt::Display`] wrote, for the lane with this key.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn parse(text: &str, key: &str) -> Result<Self, Unusable> {
        let bookmark = Self::read_from(text).ok_or(Unusable::Unreadable)?;
        if bookmark.owner == owner(key) {
            Ok(bookmark)
        } else {
            Err(Unusable::Foreign)
        }
    }

    fn read_from(text: &str) -> Option<Self> {
        let coded = text
            .strip_prefix(FORM)
            .filter(|_| text.len() <= BOOKMARK_BYTES_MAX)?;
        let bytes = URL_SAFE_NO_PAD.decode(coded).ok()?;
        let (content, found) = bytes.split_at_checked(bytes.len().checked_sub(SUM_BYTES)?)?;
        if sum(content) != found {
            return None;
        }
        let mut rest = content;
        let owner = take(&mut rest, OWNER_BYTES)?.try_into().ok()?;
        let life = u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
        let number = whole(&mut rest)?;
        let mut read = BTreeMap::new();
        while !rest.is_empty() {
            let length = usize::try_from(whole(&mut rest)?).ok()?;
            let name = std::str::from_utf8(take(&mut rest, length)?).ok()?;
            read.insert(LogName::new(name).ok()?, whole(&mut rest)?);
        }
        Some(Self {
            owner,
            life,
            number,
            read,
        })
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(32 + 24 * self.read.len());
        bytes.extend_from_slice(&self.owner);
        bytes.extend_from_slice(&self.life.to_be_bytes());
        put(&mut bytes, self.number);
        for (log, position) in &self.read {
            put(&mut bytes, log.as_str().len() as u64);
            bytes.extend_from_slice(log.as_str().as_bytes());
            put(&mut bytes, *position);
        }
        bytes.extend_from_slice(&sum(&bytes));
        write!(f, "{FORM}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn owner(key: &str) -> [u8; OWNER_BYTES] {
    beginning(Sha256::new_with_prefix("stadtbus feed ").chain_update(key))
}

fn sum(content: &[u8]) -> [u8; SUM_BYTES] {
    beginning(Sha256::new_with_prefix("stadtbus bookmark 1 ").chain_update(content))
}

fn beginning<const N: usize>(hash: Sha256) -> [u8; N] {
    let mut first = [0; N];
    for (to, from) in first.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    first
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// A whole number, seven bits to a byte, the low ones first (LEB128).
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes().first().copied().unwrap_or(0) & 0x7f;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn whole(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        let part = u64::from(byte & 0x7f);
        number |= part.checked_shl(shift).filter(|set| *set >> shift == part)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
