//! The files of a city folder: bounded reads, sorted lists, paths as the caller would open them.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use crate::finding::{Finding, Text};

/// A configuration file larger than this is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;

pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder named relative to the city folder, without the `..` in between.
    pub(crate) fn folder(&self, relative: &str) -> PathBuf {
        let mut path = self.root.clone();
        for part in Path::new(relative).components() {
            match part {
                // `a/..` may only be shortened where `a` is a name.
                Component::ParentDir
                    if matches!(path.components().next_back(), Some(Component::Normal(_))) =>
                {
                    path.pop();
                }
                Component::CurDir => {}
                part => path.push(part),
            }
        }
        path
    }
}

/// A path for people: `/` on every system.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// The file's name up to its first dot, or the folder's name.
pub(crate) fn name_of(path: &Path) -> &str {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

pub(crate) fn unreadable(path: &Path) -> Finding {
    Finding::error(
        "SB-5001",
        shown(path),
        Text::new(
            "Die Datei fehlt, ist nicht lesbar oder größer als 4 MiB.",
            "the file is missing, not readable or larger than 4 MiB",
        ),
    )
}

pub(crate) fn read_text(path: &Path) -> Result<String, Finding> {
    let bytes = read_bytes(path, FILE_BYTES_MAX).map_err(|()| unreadable(path))?;
    String::from_utf8(bytes).map_err(|_| {
        Finding::error(
            "SB-5002",
            shown(path),
            Text::new(
                "Die Datei ist nicht in UTF-8 gespeichert.",
                "the file is not stored as UTF-8",
            ),
        )
    })
}

pub(crate) fn read_bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ()> {
    let file = fs::File::open(path).map_err(|_| ())?;
    let mut bytes = Vec::new();
    let size = file
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|_| ())?;
    if size as u64 > bytes_max {
        Err(())
    } else {
        Ok(bytes)
    }
}

/// Files with one of the endings, sorted; files with another ending are reported, because a
/// `.yml` that is silently skipped looks loaded. A folder that is absent is an empty one.
pub(crate) fn list(folder: &Path, endings: &[&str]) -> (Vec<PathBuf>, Vec<Finding>) {
    let (mut paths, mut findings) = (Vec::new(), Vec::new());
    for path in entries(folder).into_iter().filter(|p| p.is_file()) {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if endings.contains(&ending) {
            paths.push(path);
        } else if ending != "md" {
            let allowed = endings.join(", .");
            findings.push(Finding::warning(
                "SB-5013",
                shown(&path),
                Text::new(
                    format!("Diese Datei wird nicht gelesen; hier zählen nur .{allowed}."),
                    format!("this file is not read; only .{allowed} count here"),
                ),
            ));
        }
    }
    (paths, findings)
}

/// Folders in a folder, sorted, hidden ones and build products left out.
pub(crate) fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder)
        .into_iter()
        .filter(|path| path.is_dir() && !matches!(name_of(path), "" | "target" | "build"))
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect(),
        Err(_) => Vec::new(),
    };
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_up_is_shortened_only_over_names() {
        for (root, relative, path) in [
            (
                "deploy/cities/krefeld",
                "../../../contracts/krefeld",
                "contracts/krefeld",
            ),
            ("city", "./partners", "city/partners"),
            (".", "../x", "./../x"),
            ("../city", "../../x", "../../x"),
            ("/a", "../../b", "/../b"),
        ] {
            assert_eq!(
                shown(&Files::new(Path::new(root)).folder(relative)),
                path,
                "{root} {relative}"
            );
        }
    }
}
