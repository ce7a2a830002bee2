//! Compiling for WebAssembly where rustup cannot get the standard library for it.
//!
//! Debian builds Firefox with a Rust of its own, `rustc-web`, newer than the system's, and ships the source of the
//! standard library with it. Unpacked beside the build (nothing is installed) that compiler, together with the cargo
//! and the linker that are already there, builds the standard library for WebAssembly itself. The first build takes a
//! minute longer.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::PluginError;

/// The compiler, its library source, and the LLVM it needs.
const PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "libllvm22"];

/// A fetched compiler.
pub(super) struct Toolchain {
    rustc: PathBuf,
    libraries: PathBuf,
    source: PathBuf,
    linker: PathBuf,
}

/// The fetched compiler, from an earlier build or fetched now.
pub(super) fn toolchain(target_dir: &Path) -> Result<Toolchain, PluginError> {
    let missing = |why: &str| {
        PluginError::new(
            "SB-6004",
            format!("this machine cannot compile for WebAssembly: {why}"),
        )
        .hint("rustup target add wasm32-unknown-unknown")
    };
    let root = std::path::absolute(target_dir)
        .map_err(|error| missing(&error.to_string()))?
        .join("rustc-web");
    if !root.join("complete").exists() {
        fetch(&root).map_err(|why| missing(&why))?;
    }
    let linker = rust_lld().ok_or_else(|| missing("the toolchain has no rust-lld"))?;
    let rustc = root.join("usr/lib/rust-web/bin/rustc");
    let rustc = if rustc.exists() {
        rustc
    } else {
        find(&root, "rustc").ok_or_else(|| missing("the fetched package has no rustc"))?
    };
    let llvm = find_prefix(&root, "libLLVM").ok_or_else(|| missing("the fetched package has no LLVM"))?;
    let source =
        find_dir(&root, "library").ok_or_else(|| missing("the fetched package has no library source"))?;
    let libraries = llvm.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Toolchain {
        rustc,
        libraries,
        source,
        linker,
    })
}

impl Toolchain {
    /// Points cargo at this compiler; returns further compiler flags.
    pub(super) fn configure(&self, command: &mut Command) -> Vec<String> {
        command
            // The standard library is built from source, which stable compilers allow only themselves.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", &self.rustc)
            .env("LD_LIBRARY_PATH", &self.libraries)
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.source)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        Vec::new()
    }
}

/// Downloads the packages and unpacks them under `root`.
fn fetch(root: &Path) -> Result<(), String> {
    std::fs::create_dir_all(root).map_err(|error| error.to_string())?;
    let run = |command: &mut Command| -> Result<(), String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = command
            .output()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!(
            "{name} failed: {}",
            crate::error::shown_to(text.lines().last().unwrap_or_default(), 200)
        ))
    };
    run(Command::new("apt-get")
        .arg("download")
        .args(PACKAGES)
        .current_dir(root))?;
    let entries = std::fs::read_dir(root).map_err(|error| error.to_string())?;
    for package in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
    {
        run(Command::new("dpkg").arg("-x").arg(&package).arg(root))?;
    }
    std::fs::write(root.join("complete"), "").map_err(|error| error.to_string())
}

/// The linker of the toolchain that is installed.
fn rust_lld() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    find(
        &PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("lib/rustlib"),
        "rust-lld",
    )
}

fn find(root: &Path, name: &str) -> Option<PathBuf> {
    walk(root, 0, &|path| {
        path.is_file() && path.file_name().is_some_and(|file| file == name)
    })
}

fn find_prefix(root: &Path, prefix: &str) -> Option<PathBuf> {
    walk(root, 0, &|path| {
        path.is_file()
            && path
                .file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(prefix))
    })
}

/// The folder `name` that holds the source of `std`.
fn find_dir(root: &Path, name: &str) -> Option<PathBuf> {
    walk(root, 0, &|path| {
        path.file_name().is_some_and(|file| file == name) && path.join("std/Cargo.toml").is_file()
    })
}

const DEPTH_MAX: usize = 9;

fn walk(dir: &Path, depth: usize, wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    if let Some(found) = paths.iter().find(|path| wanted(path)) {
        return Some(found.clone());
    }
    let deeper = |path: &PathBuf| path.is_dir() && !path.is_symlink();
    if depth >= DEPTH_MAX {
        None
    } else {
        paths
            .iter()
            .filter(|path| deeper(path))
            .find_map(|path| walk(path, depth + 1, wanted))
    }
}
