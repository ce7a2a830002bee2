//! What is known of a log besides its slots, in one small file that is replaced whole.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;

use super::damage::Damage;

const FILE: &str = "head.json";

/// The head of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Head {
    /// The name, so that a directory that was moved is not taken for another log's.
    pub(super) log: String,
    /// The high-water mark: the highest position that was acknowledged or seen.
    pub(super) mark: Position,
    /// The first position at the last look.
    pub(super) first: Position,
    /// How long records are kept, in seconds; 0: for ever.
    pub(super) age_max_s: u64,
    /// Where the chain begins.
    pub(super) chain_from: Position,
    /// The last position in the chain.
    pub(super) chain_position: Position,
    /// The chain up to there, hexadecimal.
    pub(super) chain: String,
    /// Positions that an operator has given up.
    pub(super) lost: u64,
    /// When the whole log was last compared, in milliseconds since 1970.
    pub(super) compared_ms: u64,
    /// How far the comparison of the whole log has come that is under way; 0: none is.
    pub(super) scanned: Position,
    /// What is wrong, until it is mended or decided.
    pub(super) damage: Option<Damage>,
}

impl Head {
    /// Reads it; a log without one is new.
    pub(super) fn load(dir: &Path, log: &str) -> io::Result<Self> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => {
                let head: Self = serde_json::from_slice(&bytes)?;
                Ok(if head.log == log { head } else { Self::new(log) })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::new(log)),
            Err(error) => Err(error),
        }
    }

    fn new(log: &str) -> Self {
        Self {
            log: log.to_owned(),
            ..Self::default()
        }
    }

    /// Replaces the file.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        replace(dir, FILE, &serde_json::to_vec(self)?)
    }
}

/// Writes a file so that after a crash either the old or the new one is there.
pub(super) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(temporary, dir.join(name))
}
