//! What a component is made of, as one digest: source and manifest of the plugin, the SDK with the pinned tools, the
//! interface. A build that takes ten seconds is done only when it differs.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Sdk;
use crate::error::PluginError;
use crate::shape::hex;

/// Folders that are made, not written.
pub(super) const MADE: &[&str] = &[
    "build",
    "target",
    "node_modules",
    "__pycache__",
    ".zig-cache",
    ".git",
];

/// The digest of everything the component in `dir` is made of.
pub(super) fn digest(dir: &Path, sdk: &Sdk) -> Result<String, PluginError> {
    let mut hasher = Sha256::new();
    for (what, root) in [("plugin", dir), ("sdk", &sdk.folder), ("wit", &sdk.wit)] {
        let mut files = Vec::new();
        let read = collect(root, &mut files);
        read.map_err(|error| {
            PluginError::new("SB-5001", format!("{} cannot be read: {error}", root.display()))
        })?;
        files.sort();
        for file in files {
            let name = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .to_string_lossy()
                .into_owned();
            let content = std::fs::read(&file).map_err(|error| {
                PluginError::new("SB-5001", format!("{} cannot be read: {error}", file.display()))
            })?;
            hasher.update(format!("{what}/{name}\0{}\0", content.len()));
            hasher.update(content);
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if !MADE.iter().any(|made| name == *made) {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The component an earlier build made of the same.
pub(super) fn built_before(component: &Path, digest: &str) -> Option<Vec<u8>> {
    let before = std::fs::read_to_string(note(component)).ok()?;
    // The note says what went in and what came out, so that a component somebody put there is not taken for ours.
    let (inputs, output) = before.trim().split_once(' ')?;
    let bytes = std::fs::read(component).ok()?;
    (inputs == digest && output == hex(&Sha256::digest(&bytes))).then_some(bytes)
}

/// Remembers what the component was made of.
pub(super) fn remember(component: &Path, digest: &str) {
    let Ok(bytes) = std::fs::read(component) else {
        return;
    };
    let line = format!("{digest} {}\n", hex(&Sha256::digest(&bytes)));
    // Without the note the next build only takes longer.
    let _ = std::fs::write(note(component), line);
}

fn note(component: &Path) -> PathBuf {
    component.with_extension("inputs")
}
