//! # The house rules as a program
//!
//! Each check is a pure function from texts to [`Breach`]es, so that a planted breach can prove it (see `tests.rs`); this file
//! only reads the repository and prints. A rule that has exceptions lists them in its table, each with its reason.

mod code;
mod layers;
mod pages;
mod shape;
mod steps;
mod warnings;
mod words;

#[cfg(test)]
mod tests;

use std::fs;

use crate::shell::{Done, Shell};

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    place: String,
    sentence: String,
}

impl Breach {
    fn new(place: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            sentence: sentence.into(),
        }
    }
}

/// A text file of the repository.
pub(crate) struct Source {
    /// Path below the root, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Rust only: comments, strings and characters replaced by blanks, line by line as before.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if is_rust(path) {
            code::blanked(text)
        } else {
            String::new()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// Whether it is code that does not ship.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        path.starts_with("tests/")
            || path.contains("/tests/")
            || path.contains("/examples/")
            || path.ends_with("/tests.rs")
    }

    /// Whether it belongs to a crate that ships.
    pub(crate) fn is_product(&self) -> bool {
        layers::PRODUCT_DIRS.iter().any(|dir| self.path.starts_with(dir)) && !self.is_test()
    }
}

fn is_rust(path: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, extension)| extension == "rs")
}

type Check = (&'static str, fn(&Repository) -> Vec<Breach>);

const CHECKS: &[Check] = &[
    ("layers: who may depend on whom", |repo| {
        layers::dependencies(&repo.metadata)
    }),
    ("technologies: named by one crate each", |repo| {
        layers::technologies(&repo.metadata)
    }),
    ("doors: what only one module may use", |repo| {
        layers::doors(&repo.sources)
    }),
    ("steps: none knows another", |repo| {
        steps::isolation(&repo.sources)
    }),
    ("shape: file and function length", |repo| {
        shape::lengths(&repo.sources)
    }),
    ("unsafe: one place", |repo| shape::unsafe_places(&repo.sources)),
    ("words: nothing that does not belong here", |repo| {
        words::forbidden(&repo.sources)
    }),
    ("error pages: every code, both languages", |repo| {
        pages::error_pages(&repo.sources)
    }),
    ("reference: the page of the plugin interface", |repo| {
        pages::plugin_reference(&repo.sources)
    }),
];

/// What the checks look at.
struct Repository {
    sources: Vec<Source>,
    metadata: serde_json::Value,
}

pub(crate) fn run(shell: &Shell) -> Done {
    let repository = read(shell)?;
    let mut failed = 0_usize;
    for (name, check) in CHECKS {
        let breaches = check(&repository);
        println!("{} {name}", if breaches.is_empty() { "ok  " } else { "FAIL" });
        for breach in &breaches {
            println!("     {}: {}", breach.place, breach.sentence);
        }
        failed += breaches.len();
    }
    if failed > 0 {
        return Err(format!("lint: {failed} breaches of the house rules"));
    }
    shell.run("cargo", &["fmt", "--all", "--check"])?;
    for guest in guests(&repository.sources) {
        shell.run("cargo", &["fmt", "--manifest-path", guest, "--check"])?;
    }
    warnings::run(shell)?;
    supply_chain(shell)?;
    println!("lint: all rules kept");
    Ok(())
}

/// Manifests of crates that are workspaces of their own, because they are built for WebAssembly.
fn guests(sources: &[Source]) -> impl Iterator<Item = &str> {
    let manifests = sources
        .iter()
        .filter(|source| source.path.ends_with("/Cargo.toml"));
    let apart = manifests.filter(|source| source.text.lines().any(|line| line.trim() == "[workspace]"));
    apart.map(|source| source.path.as_str())
}

/// cargo-deny is a tool of its own; where it is missing the layer check above still holds the line for technologies.
fn supply_chain(shell: &Shell) -> Done {
    if shell.ask("cargo", &["deny", "--version"]).is_none() {
        println!("     (cargo-deny is not installed: licences and sources are not checked here)");
        return Ok(());
    }
    shell.run(
        "cargo",
        &["deny", "--offline", "check", "bans", "licenses", "sources"],
    )
}

fn read(shell: &Shell) -> Done<Repository> {
    let sources = sources(shell)?;
    let metadata = shell.read(
        "cargo",
        &["metadata", "--no-deps", "--format-version", "1", "--offline"],
    )?;
    let metadata = serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(Repository { sources, metadata })
}

/// All text files of the repository.
pub(crate) fn sources(shell: &Shell) -> Done<Vec<Source>> {
    // Files not yet committed count too: a breach is cheapest before the commit.
    let listing = shell.read(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
    )?;
    let mut sources = Vec::new();
    for path in listing.split('\0').filter(|path| !path.is_empty()) {
        // A file listed but deleted, or one that is no text, has nothing to say here.
        if let Ok(text) = fs::read_to_string(shell.root.join(path)) {
            sources.push(Source::new(path, &text));
        }
    }
    Ok(sources)
}
