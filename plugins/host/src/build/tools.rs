//! Compilers that the machine does not bring along: fetched by the package managers that come with Node and Python, in
//! versions and with checksums that the SDK pins, into a folder of their own. Nothing is installed on the machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};

use super::UnitTests;
use crate::error::{PluginError, shown_to};
use crate::shape::hex;

/// Lines of a tool's output that an error carries.
const OUTPUT_LINES_MAX: usize = 60;
/// Written when everything is there.
const COMPLETE: &str = "complete";
/// What package managers say when the registry does not answer.
const UNREACHABLE: &[&str] = &[
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EAI_AGAIN",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ENOTCACHED",
    "Failed to establish a new connection",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Connection refused",
    "Network is unreachable",
    "timed out",
    "No matching distribution found",
];
/// What they say when something else comes than was pinned.
const OTHER_CONTENT: &[&str] = &["EINTEGRITY", "DO NOT MATCH THE HASHES", "Expected sha256"];

/// Node packages by `npm ci`: exactly what `package-lock.json` says. Gives the folder with `node_modules`.
pub(super) fn npm(locks: &Path, target_dir: &Path) -> Result<PathBuf, PluginError> {
    provide(
        "typescript",
        locks,
        &["package.json", "package-lock.json"],
        target_dir,
        |folder| {
            let mut command = Command::new("npm");
            command
                // No package runs anything of its own while it is installed.
                .args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .current_dir(folder);
            (command, "npm", "install Node.js 20 or newer: https://nodejs.org")
        },
    )
}

/// A Python package by `pip install --require-hashes`. Gives the folder that holds it.
pub(super) fn pip(language: &'static str, locks: &Path, target_dir: &Path) -> Result<PathBuf, PluginError> {
    provide(language, locks, &["requirements.txt"], target_dir, |folder| {
        let mut command = Command::new("python3");
        command
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .args([
                "--require-hashes",
                "--only-binary=:all:",
                "--no-compile",
                "--target=.",
            ])
            .args(["--requirement", "requirements.txt"])
            .current_dir(folder);
        (
            command,
            "pip",
            "install Python 3 with pip: apt install python3-pip",
        )
    })
}

/// The folder of tools with these locks, from an earlier build or filled now. Its name tells the locks, so that a new
/// version never meets what an old one left.
pub(super) fn provide(
    language: &str,
    locks: &Path,
    files: &[&str],
    target_dir: &Path,
    install: impl Fn(&Path) -> (Command, &'static str, &'static str),
) -> Result<PathBuf, PluginError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        PluginError::new("SB-5001", format!("{}: {error}", path.display()))
    };
    let mut digest = Sha256::new();
    let mut contents = Vec::new();
    for file in files {
        let path = locks.join(file);
        let content = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        digest.update(&content);
        contents.push((file, content));
    }
    let digest = hex(&digest.finalize());
    let name = format!("{language}-{}", digest.get(..16).unwrap_or_default());
    let folder = target_dir.join("tools").join(name);
    if folder.join(COMPLETE).exists() {
        return Ok(folder);
    }
    // What an interrupted installation left is no ground to build on.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| unreadable(&folder, error))?;
    for (file, content) in contents {
        std::fs::write(folder.join(file), content).map_err(|error| unreadable(&folder, error))?;
    }
    tracing::info!(language, "Tools are being fetched.");
    let (mut command, manager, hint) = install(&folder);
    let output = start(&mut command, hint)?;
    if !output.status.success() {
        return Err(not_fetched(manager, language, hint, &output));
    }
    std::fs::write(folder.join(COMPLETE), "").map_err(|error| unreadable(&folder, error))?;
    Ok(folder)
}

fn not_fetched(manager: &str, language: &str, hint: &str, output: &Output) -> PluginError {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&said);
    if text.contains("No module named pip") {
        return PluginError::new("SB-6004", "Python has no pip").hint(hint);
    }
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    let why = if says(OTHER_CONTENT) {
        "what the registry sent is not what was pinned"
    } else if says(UNREACHABLE) {
        "the package registry cannot be reached"
    } else {
        "the package manager failed"
    };
    PluginError::new(
        "SB-6008",
        format!(
            "the tools for {language} cannot be fetched by {manager}: {why}\n{}",
            end_of(&said)
        ),
    )
    .hint("let npm or pip use your mirror (npm config set registry URL, PIP_INDEX_URL=URL) and build again")
}

/// Starts a tool and waits for its end.
pub(super) fn start(command: &mut Command, hint: &str) -> Result<Output, PluginError> {
    command.output().map_err(|error| {
        let name = command.get_program().to_string_lossy().into_owned();
        PluginError::new("SB-6004", format!("{name} cannot be started: {error}")).hint(hint)
    })
}

/// Runs a compiler; what it says is the error.
pub(super) fn compile(command: &mut Command, dir: &Path, hint: &str) -> Result<(), PluginError> {
    let output = start(command, hint)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(PluginError::new(
        "SB-5011",
        format!(
            "the plugin in {} does not compile:\n{}",
            dir.display(),
            end_of(&said)
        ),
    ))
}

/// Runs unit tests.
pub(super) fn test(command: &mut Command, hint: &str) -> Result<Option<UnitTests>, PluginError> {
    let output = start(command, hint)?;
    Ok(Some(UnitTests {
        passed: output.status.success(),
        output: end_of(&[output.stdout, output.stderr].concat()),
    }))
}

/// The end of what a tool said, fit for a terminal.
pub(super) fn end_of(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<String> = text.lines().map(|line| shown_to(line, 500)).collect();
    lines
        .get(lines.len().saturating_sub(OUTPUT_LINES_MAX)..)
        .unwrap_or_default()
        .join("\n")
}
