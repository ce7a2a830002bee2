//! Digests by position, in files of a fixed layout: one slot for each position, so that any is found without an index.
//!
//! A slot carries a check of its own. One that was torn by a crash, or that the disk has changed, is *unknown* and is
//! learnt again from the broker; it is never taken for damage of the log.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use stadtbus_broker::Position;

use super::digest::Digest;

/// Positions in one file.
const SLOTS_PER_FILE: u64 = 65_536;
/// Digest, seconds, check.
const SLOT_BYTES: u64 = 24;
/// Files kept open.
const OPEN_MAX: usize = 4;
/// What stands in for the digest of a record that an operator has given up.
const LOST: Digest = [0xff; 16];

/// What is known of one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) digest: Digest,
    /// When it was acknowledged, in seconds since 1970.
    pub(super) at_s: u32,
}

impl Slot {
    pub(super) fn lost() -> Self {
        Self {
            digest: LOST,
            at_s: 0,
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.digest == LOST
    }

    fn bytes(&self, position: Position) -> [u8; 24] {
        let mut bytes = [0; 24];
        let check = check(position, &self.digest, self.at_s).to_le_bytes();
        let parts = self
            .digest
            .iter()
            .chain(&self.at_s.to_le_bytes())
            .chain(&check)
            .copied()
            .collect::<Vec<u8>>();
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }

    fn read(position: Position, bytes: &[u8]) -> Option<Self> {
        let digest: Digest = bytes.get(..16)?.try_into().ok()?;
        let at_s = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let given = u32::from_le_bytes(bytes.get(20..24)?.try_into().ok()?);
        (given == check(position, &digest, at_s)).then_some(Self { digest, at_s })
    }
}

/// FNV-1a over all that the slot says, its place included; never 0, so that an empty slot is unknown.
fn check(position: Position, digest: &Digest, at_s: u32) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for byte in digest
        .iter()
        .chain(&at_s.to_le_bytes())
        .chain(&position.to_le_bytes())
    {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash.max(1)
}

/// The slots of one log.
#[derive(Debug)]
pub(super) struct Slots {
    dir: PathBuf,
    open: BTreeMap<u64, File>,
}

impl Slots {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            open: BTreeMap::new(),
        }
    }

    /// What is known of `count` positions from `from` on.
    pub(super) fn range(&mut self, from: Position, count: u64) -> io::Result<Vec<Option<Slot>>> {
        let mut slots = Vec::new();
        let mut position = from;
        while position < from.saturating_add(count) {
            let within = position % SLOTS_PER_FILE;
            let here = (SLOTS_PER_FILE - within).min(from + count - position);
            let mut bytes = vec![0; usize::try_from(here * SLOT_BYTES).unwrap_or(0)];
            if let Some(file) = self.file(position / SLOTS_PER_FILE, false)? {
                read_full(file, &mut bytes, within * SLOT_BYTES)?;
            }
            let found = bytes.chunks(24).zip(position..);
            slots.extend(found.map(|(bytes, position)| Slot::read(position, bytes)));
            position += here;
        }
        Ok(slots)
    }

    /// What is known of one position.
    pub(super) fn get(&mut self, position: Position) -> io::Result<Option<Slot>> {
        Ok(self.range(position, 1)?.into_iter().next().flatten())
    }

    /// Writes slots, sorted by position, and waits for the disk.
    pub(super) fn write(&mut self, slots: &[(Position, Slot)]) -> io::Result<()> {
        let mut rest = slots;
        while let Some((first, _)) = rest.first() {
            let file_no = first / SLOTS_PER_FILE;
            let run = rest
                .iter()
                .zip(*first..)
                .take_while(|((position, _), next)| position == next && position / SLOTS_PER_FILE == file_no)
                .count();
            let (now, later) = rest.split_at(run.max(1));
            let bytes: Vec<u8> = now
                .iter()
                .flat_map(|(position, slot)| slot.bytes(*position))
                .collect();
            if let Some(file) = self.file(file_no, true)? {
                file.write_all_at(&bytes, first % SLOTS_PER_FILE * SLOT_BYTES)?;
            }
            let ends = later
                .first()
                .is_none_or(|(next, _)| next / SLOTS_PER_FILE != file_no);
            if ends && let Some(file) = self.open.get(&file_no) {
                file.sync_data()?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Gives up the files that lie wholly below `first`.
    pub(super) fn forget_below(&mut self, first: Position) -> io::Result<()> {
        for number in self.numbers()? {
            if (number + 1).saturating_mul(SLOTS_PER_FILE) <= first {
                self.open.remove(&number);
                fs::remove_file(self.path(number))?;
            }
        }
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.open.clear();
        for number in self.numbers()? {
            fs::remove_file(self.path(number))?;
        }
        Ok(())
    }

    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".slots"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:012}.slots"))
    }

    fn file(&mut self, number: u64, make: bool) -> io::Result<Option<&File>> {
        if !self.open.contains_key(&number) {
            let path = self.path(number);
            if !make && !path.exists() {
                return Ok(None);
            }
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            if self.open.len() >= OPEN_MAX {
                self.open.pop_first();
            }
            self.open.insert(number, file);
        }
        Ok(self.open.get(&number))
    }
}

/// As much as the file has; the rest stays zero, which is unknown.
fn read_full(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64)? {
            0 => return Ok(()),
            read => done += read,
        }
    }
    Ok(())
}
