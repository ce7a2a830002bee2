//! A sorted file of entries for some consecutive positions of one log, written once.
//!
//! ```text
//! magic 8 · from 8 · to 8 · last record 8 · its witness 8 · its time 8 · count 4 · 257 starts 4 each · SHA-256 32
//! entries: key 8 · position − from 2 · tag 2, ascending
//! ```
//!
//! All numbers big-endian. `starts` says where the keys with each first byte begin, so that a look-up reads one piece of
//! about three kilobytes. The digest is over everything else; a file whose digest is wrong is as good as none.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use stadtbus_broker::Position;

const MAGIC: &[u8; 8] = b"SBPLACE1";
/// Most entries that one record may add to a full file: as many as a page has facts.
const ENTRIES_MAX: usize = super::series::ENTRIES_FULL + crate::lanes::settled::PAGE_FACTS_MAX;
const STARTS: usize = 257;
const HEAD_BYTES: usize = 8 * 6 + 4 + STARTS * 4 + 32;
const ENTRY_BYTES: usize = 12;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) key: u64,
    /// Position, counted from the first of its file.
    pub(super) at: u16,
    pub(super) tag: u16,
}

/// The positions that a file is about, and the last record among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// First position.
    pub(super) from: Position,
    /// Last position; all between were looked at.
    pub(super) to: Position,
    /// The last record that was there.
    pub(super) last: Position,
    /// By what it is known again.
    pub(super) witness: u64,
    /// When it was stored, in milliseconds since 1970.
    pub(super) last_ms: u64,
}

/// A file, its head in memory.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) span: Span,
    path: PathBuf,
    starts: Vec<u32>,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Run {
    /// Writes a file. It is there whole or not at all.
    pub(super) fn write(dir: &Path, span: Span, mut entries: Vec<Entry>) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        entries.sort_unstable();
        let mut starts = Vec::with_capacity(STARTS);
        for byte in 0..=256_u64 {
            let first = entries.partition_point(|entry| entry.key >> 56 < byte);
            starts.push(u32::try_from(first).map_err(|_| damaged("too many entries"))?);
        }
        let mut bytes = Vec::with_capacity(HEAD_BYTES + entries.len() * ENTRY_BYTES);
        bytes.extend_from_slice(MAGIC);
        for number in [span.from, span.to, span.last, span.witness, span.last_ms] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
        for start in &starts {
            bytes.extend_from_slice(&start.to_be_bytes());
        }
        let head = bytes.len();
        for entry in &entries {
            bytes.extend_from_slice(&entry.key.to_be_bytes());
            bytes.extend_from_slice(&entry.at.to_be_bytes());
            bytes.extend_from_slice(&entry.tag.to_be_bytes());
        }
        let digest = Sha256::digest(&bytes);
        let body = bytes.split_off(head);
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&body);
        let path = dir.join(format!("{:020}-{:020}.run", span.from, span.to));
        let fresh = dir.join("fresh.tmp");
        fs::write(&fresh, &bytes)?;
        fs::rename(&fresh, &path)?;
        Ok(Self { span, path, starts })
    }

    /// Reads a file and checks its digest.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let most = HEAD_BYTES + ENTRIES_MAX * ENTRY_BYTES;
        let mut bytes = Vec::new();
        File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        let (head, body) = bytes
            .split_at_checked(HEAD_BYTES)
            .ok_or_else(|| damaged("too short"))?;
        let (head, digest) = head
            .split_at_checked(HEAD_BYTES - 32)
            .ok_or_else(|| damaged("too short"))?;
        let mut hash = Sha256::new();
        hash.update(head);
        hash.update(body);
        if hash.finalize().as_slice() != digest || !head.starts_with(MAGIC) {
            return Err(damaged("its digest is wrong"));
        }
        let mut numbers = head.get(8..48).unwrap_or_default().chunks_exact(8).map(number);
        let mut next = || numbers.next().unwrap_or_default();
        let span = Span {
            from: next(),
            to: next(),
            last: next(),
            witness: next(),
            last_ms: next(),
        };
        let starts = head.get(52..).unwrap_or_default().chunks_exact(4);
        let starts = starts
            .map(|bytes| u32::try_from(number(bytes)).unwrap_or_default())
            .collect();
        Ok(Self {
            span,
            path: path.to_owned(),
            starts,
        })
    }

    /// The positions under this key whose tag fits, newest first.
    pub(super) fn look_up(&self, key: u64, fits: &dyn Fn(u16) -> bool) -> io::Result<Vec<Position>> {
        let byte = usize::try_from(key >> 56).unwrap_or_default();
        let start = |at: usize| self.starts.get(at).copied().unwrap_or_default() as usize;
        let (first, end) = (start(byte), start(byte + 1));
        let mut piece = vec![0; end.saturating_sub(first) * ENTRY_BYTES];
        if piece.is_empty() {
            return Ok(Vec::new());
        }
        File::open(&self.path)?.read_exact_at(&mut piece, (HEAD_BYTES + first * ENTRY_BYTES) as u64)?;
        let mut found: Vec<Position> = piece
            .chunks_exact(ENTRY_BYTES)
            .map(entry)
            .filter(|entry| entry.key == key && fits(entry.tag))
            .map(|entry| self.span.from + Position::from(entry.at))
            .collect();
        found.reverse();
        Ok(found)
    }

    /// Deletes the file.
    pub(super) fn delete(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "A file of the index could not be deleted.");
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn entry(bytes: &[u8]) -> Entry {
    let short = |range| u16::try_from(number(bytes.get(range).unwrap_or_default())).unwrap_or_default();
    Entry {
        key: number(bytes.get(..8).unwrap_or_default()),
        at: short(8..10),
        tag: short(10..12),
    }
}
