//! Compiling for WebAssembly where rustup cannot get the standard library for it.
//!
//! Debian builds Firefox with a Rust of its own, `rustc-web`, newer than the system's, and ships the source of the
//! standard library with it. Unpacked beside the build (nothing is installed, no rights are needed) that compiler,
//! together with the cargo and the linker that are already there, builds the standard library for WebAssembly itself.
//! The first build takes a minute longer and needs the package source and the crates registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{PluginError, shown_to};

/// The compiler, its own standard library (for build scripts and macros), the source for the guest's.
const PACKAGES: &[&str] = &["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
/// What else the compiler is linked with; its exact name carries a version.
const LIBRARIES: &[&str] = &["libstd-rust-web-", "libllvm"];
/// Written when everything is unpacked.
const COMPLETE: &str = "complete";

/// A fetched compiler.
pub(super) struct Toolchain {
    /// `usr` of the unpacked packages: the compiler's sysroot.
    sysroot: PathBuf,
    libraries: PathBuf,
    linker: PathBuf,
}

/// The fetched compiler, from an earlier build or fetched now.
pub(super) fn toolchain(target_dir: &Path) -> Result<Toolchain, PluginError> {
    let missing = |why: String| {
        PluginError::new(
            "SB-6004",
            format!("this machine cannot compile for WebAssembly: {why}"),
        )
        .hint("rustup target add wasm32-unknown-unknown")
    };
    let root = std::path::absolute(target_dir)
        .map_err(|error| missing(error.to_string()))?
        .join("rustc-web");
    if !root.join(COMPLETE).exists() {
        fetch(&root).map_err(missing)?;
    }
    let linker = rust_lld().ok_or_else(|| missing("the toolchain has no rust-lld".to_owned()))?;
    let llvm = find(&root.join("usr/lib"), &|name| name.starts_with("libLLVM"));
    let libraries = llvm.as_deref().and_then(Path::parent).map(Path::to_owned);
    let libraries = libraries.ok_or_else(|| missing("the fetched packages have no LLVM".to_owned()))?;
    Ok(Toolchain {
        sysroot: root.join("usr"),
        libraries,
        linker,
    })
}

impl Toolchain {
    /// Points cargo at this compiler.
    pub(super) fn configure(&self, command: &mut Command) {
        command
            // The standard library is built from source, which stable compilers allow only to themselves.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", self.sysroot.join("bin/rustc"))
            .env("LD_LIBRARY_PATH", &self.libraries)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
    }
}

/// Downloads the packages and unpacks them under `root`.
fn fetch(root: &Path) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    for folder in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(root.join(folder)).map_err(io)?;
    }
    // Package lists of our own: the system's may be old, and renewing them takes rights.
    run(apt("apt-get", root).arg("update"))?;
    let depends = [
        "depends",
        "--recurse",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
    ];
    let tree = run(apt("apt-cache", root).args(depends).arg("rustc-web"))?;
    let linked = tree
        .lines()
        .filter(|line| LIBRARIES.iter().any(|name| line.starts_with(name)) && !PACKAGES.contains(line));
    run(apt("apt-get", root)
        .arg("download")
        .args(PACKAGES)
        .args(linked)
        .current_dir(root))?;
    for entry in std::fs::read_dir(root).map_err(io)?.flatten() {
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            run(Command::new("dpkg").arg("-x").arg(entry.path()).arg(root))?;
            std::fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    link_source(root).map_err(io)?;
    std::fs::write(root.join(COMPLETE), "").map_err(io)
}

/// Cargo looks for the source of the standard library below the sysroot; Debian keeps it elsewhere.
fn link_source(root: &Path) -> std::io::Result<()> {
    let sources = std::fs::read_dir(root.join("usr/src"))?
        .flatten()
        .map(|entry| entry.path());
    let source = sources
        .into_iter()
        .find(|path| path.join("library/std/Cargo.toml").is_file());
    let source =
        source.ok_or_else(|| std::io::Error::other("the fetched packages have no library source"))?;
    let place = root.join("usr/lib/rustlib/src");
    std::fs::create_dir_all(&place)?;
    let _ = std::fs::remove_file(place.join("rust"));
    std::os::unix::fs::symlink(source, place.join("rust"))
}

fn apt(program: &str, root: &Path) -> Command {
    let option = |name: &str, folder: &str| format!("{name}={}", root.join(folder).display());
    let mut command = Command::new(program);
    command.args([
        "-o",
        &option("Dir::State::Lists", "lists"),
        "-o",
        &option("Dir::Cache", "cache"),
        "-q",
    ]);
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!(
        "{name} failed: {}",
        shown_to(text.lines().last().unwrap_or_default(), 200)
    ))
}

/// The linker of the toolchain that is installed.
fn rust_lld() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    find(&sysroot.join("lib/rustlib"), &|name| name == "rust-lld")
}

/// The first file below `dir` whose name is wanted; at most five levels down.
fn find(dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    find_below(dir, wanted, 5)
}

fn find_below(dir: &Path, wanted: &dyn Fn(&str) -> bool, levels: usize) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let is_wanted = |path: &PathBuf| {
        path.is_file()
            && path
                .file_name()
                .is_some_and(|name| wanted(&name.to_string_lossy()))
    };
    if let Some(found) = paths.iter().find(|path| is_wanted(path)) {
        return Some(found.clone());
    }
    let mut folders = paths
        .iter()
        .filter(|path| levels > 0 && path.is_dir() && !path.is_symlink());
    folders.find_map(|path| find_below(path, wanted, levels - 1))
}
