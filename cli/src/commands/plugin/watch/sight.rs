//! Waiting for a change: told by the system, or by looking again and again where the system does not tell.

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::calm::Calm;
use super::tree::Tree;

/// How often is looked where nobody tells.
const POLL: Duration = Duration::from_millis(500);

/// A folder under observation.
#[derive(Debug)]
pub(super) struct Sight {
    folder: PathBuf,
    eyes: Option<Eyes>,
}

/// What the system tells.
#[derive(Debug)]
struct Eyes {
    watcher: RecommendedWatcher,
    /// That something happened; what, is seen by looking.
    told: Receiver<()>,
    watched: BTreeSet<PathBuf>,
}

/// A change that has come to rest.
#[derive(Debug)]
pub(super) struct Seen {
    /// What is there now.
    pub(super) tree: Tree,
    /// When the first of it was noticed.
    pub(super) since: Instant,
}

impl Sight {
    /// Opens the eyes, or says why polling it is.
    pub(super) fn open(folder: &Path, poll: bool) -> (Self, Option<String>) {
        let (eyes, why) = match (poll, Eyes::open()) {
            (true, _) => (None, None),
            (false, Ok(eyes)) => (Some(eyes), None),
            (false, Err(error)) => (None, Some(error.to_string())),
        };
        let folder = folder.to_owned();
        (Self { folder, eyes }, why)
    }

    /// Whether it looks again and again.
    pub(super) fn polls(&self) -> bool {
        self.eyes.is_none()
    }

    /// What is there now.
    pub(super) fn look(&mut self) -> io::Result<Tree> {
        loop {
            let tree = Tree::read(&self.folder)?;
            let Some(eyes) = &mut self.eyes else {
                return Ok(tree);
            };
            match eyes.watch(&tree.folders) {
                // A folder that is new is looked at once more: something may have come before it was watched.
                Ok(true) => {}
                Ok(false) => return Ok(tree),
                // The system has no room for more; looking needs none.
                Err(_) => self.eyes = None,
            }
        }
    }

    /// Waits until there is something else than `known`, and it has come to rest.
    pub(super) fn next(&mut self, known: &Tree) -> io::Result<Seen> {
        loop {
            let mut tree = self.look()?;
            if known.changes(&tree).is_empty() {
                self.wait(None);
                continue;
            }
            let mut calm = Calm::begin(Instant::now());
            while let Some(left) = calm.left(Instant::now()) {
                self.wait(Some(left));
                let later = self.look()?;
                if later != tree {
                    tree = later;
                    calm.stir(Instant::now());
                }
            }
            // It may be again as it was.
            if !known.changes(&tree).is_empty() {
                let since = calm.first();
                return Ok(Seen { tree, since });
            }
        }
    }

    /// Waits for word, or so long.
    fn wait(&mut self, at_most: Option<Duration>) {
        let Some(eyes) = &mut self.eyes else {
            std::thread::sleep(at_most.unwrap_or(POLL).min(POLL));
            return;
        };
        let lost = match at_most {
            Some(at_most) => eyes.told.recv_timeout(at_most) == Err(RecvTimeoutError::Disconnected),
            None => eyes.told.recv().is_err(),
        };
        // A folder may have been replaced by another of its name, which nobody watches yet.
        eyes.watched.clear();
        if lost {
            self.eyes = None;
        }
    }
}

impl Eyes {
    fn open() -> notify::Result<Self> {
        // One word is enough for any number of changes.
        let (tell, told) = sync_channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                // Full means that it is known already.
                let _ = tell.try_send(());
            }
        })?;
        let watched = BTreeSet::new();
        Ok(Self {
            watcher,
            told,
            watched,
        })
    }

    /// Watches these folders, each by itself: those that are made are none of them. Whether one was not watched yet.
    fn watch(&mut self, folders: &BTreeSet<PathBuf>) -> notify::Result<bool> {
        let mut new = false;
        for folder in folders {
            if self.watched.contains(folder) {
                continue;
            }
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone());
                    new = true;
                }
                // Gone again; the next look will not meet it.
                Err(_) if !folder.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(new)
    }
}

/// Looking at a file is told, too; taking that for a change, a look would call for the next.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
