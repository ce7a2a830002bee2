//! Which files concern a plugin, and what a change of them asks for.

use stadtbus_plugin_host::build::is_made;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Hidden, and yet something a plugin is made of.
const HIDDEN_SOURCES: &[&str] = &[".cargo"];
/// How the names of files end that editors and sync programs keep for a moment.
const PASSING_ENDS: &[&str] = &[
    "~",
    "#",
    ".swp",
    ".swo",
    ".swx",
    ".tmp",
    ".temp",
    ".bak",
    ".orig",
    ".part",
    ".kate-swp",
    "___jb_tmp___",
    "___jb_old___",
    ".pyc",
];
/// The file by which vim tries whether it may write.
const VIM_PROBE: &str = "4913";

/// Whether a file or folder of this name concerns the plugin at all.
pub(super) fn counts(name: &str, is_folder: bool) -> bool {
    if name.starts_with('.') && !HIDDEN_SOURCES.contains(&name) {
        return false;
    }
    if is_folder {
        return !is_made(OsStr::new(name));
    }
    name != VIM_PROBE && !PASSING_ENDS.iter().any(|end| name.ends_with(end))
}

/// What a change asks for; the cases of `*_test.yaml` run in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// The component is built.
    pub(super) build: bool,
    /// The unit tests of the language run.
    pub(super) unit_tests: bool,
}

impl Need {
    /// Everything: at the beginning, and while nothing is built.
    pub(super) const ALL: Self = Self {
        build: true,
        unit_tests: true,
    };

    /// What these changes ask for; `named` are the files that the cases name.
    pub(super) fn of(changes: &[PathBuf], named: &BTreeSet<PathBuf>) -> Self {
        let needs = changes.iter().map(|path| Self::of_one(path, named));
        needs.fold(Self::default(), |all, one| Self {
            build: all.build || one.build,
            unit_tests: all.unit_tests || one.unit_tests,
        })
    }

    fn of_one(path: &Path, named: &BTreeSet<PathBuf>) -> Self {
        let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        let at_top = path.parent().is_none_or(|parent| parent.as_os_str().is_empty());
        if at_top && name.ends_with("_test.yaml") {
            return Self::default();
        }
        // What lies among the sources may be compiled in, whoever else reads it.
        let in_sources = path.starts_with("src");
        if !in_sources && named.contains(path) {
            return Self::default();
        }
        let of_the_language = in_sources && name.ends_with(".test.ts") || path.starts_with("tests");
        Self {
            build: !of_the_language,
            unit_tests: true,
        }
    }
}
