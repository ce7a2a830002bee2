//! What a plugin's folder holds, as far as a change of it concerns the plugin.
//!
//! A state and not a sequence of events: what changed is the difference between two looks. So it does not matter how an
//! editor saves, whether a notice was lost or came twice, or whether the folder is polled.

use crate::say;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::ReadDir;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use super::paths::counts;

/// Files that are looked at. A plugin with its SDK has some fifty.
const FILES_MAX: usize = 10_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 16;
/// Up to this size a file is known by its content; a larger one by its size and its time, in bytes.
const CONTENT_BYTES_MAX: u64 = 1 << 20;

/// One look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// Files below the folder, each with what tells its content from another.
    files: BTreeMap<PathBuf, u64>,
    /// The folders that were looked into.
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Tree {
    /// Looks. What vanishes meanwhile is not there; only the folder itself must be.
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.enter(root, Path::new(""), std::fs::read_dir(root)?, DEPTH_MAX)?;
        Ok(tree)
    }

    fn enter(&mut self, root: &Path, inside: &Path, entries: ReadDir, depth_left: usize) -> io::Result<()> {
        self.folders.insert(root.join(inside));
        for entry in entries.flatten() {
            let name = entry.file_name();
            let path = inside.join(&name);
            // Not through links: one may lead back.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !counts(&name.to_string_lossy(), is_folder) {
                continue;
            }
            if is_folder {
                // A folder that is gone again, or closed to us, holds nothing for us.
                let entries = std::fs::read_dir(entry.path()).ok().filter(|_| depth_left > 0);
                if let Some(entries) = entries {
                    self.enter(root, &path, entries, depth_left.saturating_sub(1))?;
                }
            } else if let Some(stamp) = stamp(&entry.path()) {
                if self.files.len() >= FILES_MAX {
                    return Err(io::Error::other(say!(
                        "mehr als {FILES_MAX} Dateien",
                        "more than {FILES_MAX} files"
                    )));
                }
                self.files.insert(path, stamp);
            }
        }
        Ok(())
    }

    /// The files that are other, new or gone in `later`.
    pub(super) fn changes(&self, later: &Self) -> Vec<PathBuf> {
        let other = |(path, stamp): &(&PathBuf, &u64)| later.files.get(*path) != Some(*stamp);
        let gone_or_other = self.files.iter().filter(other).map(|(path, _)| path.clone());
        let new = later.files.keys().filter(|path| !self.files.contains_key(*path));
        let mut changes: Vec<PathBuf> = gone_or_other.chain(new.cloned()).collect();
        changes.sort();
        changes
    }

    /// Takes a file as it is now for known: a tool wrote it, and has made of it what there is to make.
    pub(super) fn know(&mut self, root: &Path, file: &str) {
        if let Some(stamp) = stamp(&root.join(file)) {
            self.files.insert(PathBuf::from(file), stamp);
        } else {
            self.files.remove(Path::new(file));
        }
    }
}

fn stamp(path: &Path) -> Option<u64> {
    let facts = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let mut hasher = DefaultHasher::new();
    if facts.len() > CONTENT_BYTES_MAX {
        (facts.len(), facts.modified().ok()).hash(&mut hasher);
    } else {
        std::fs::read(path).ok()?.hash(&mut hasher);
    }
    Some(hasher.finish())
}
