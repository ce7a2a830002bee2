//! Rust: cargo with flags that make a guest cheap to start: a small stack, no unwinding, everything in one unit. All guests
//! of a repository share one target directory, so their common dependencies are compiled once. On a machine whose
//! toolchain has no standard library for WebAssembly and cannot get it, [`fallback`] takes another way.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tools::end_of;
use super::{Effort, fallback};
use crate::error::PluginError;

pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// Stack of a guest, in bytes: enough for parsing JSON as deeply nested as serde allows, small enough that a fresh
/// instance has few pages to clear.
const STACK_BYTES: usize = 128 * 1024;
/// Set to `fetched`, this environment variable makes the build use the fetched compiler even where the installed one
/// could do it: to try that way out.
const TOOLCHAIN_VARIABLE: &str = "STADTBUS_GUEST_TOOLCHAIN";

/// The profile for [`Effort::Quick`], where it differs from the one for operation: optimised as well, but each crate by itself,
/// in parts, and only the parts that changed.
const QUICK: &[&str] = &[
    "profile.watch.inherits=\"release\"",
    "profile.watch.lto=\"off\"",
    "profile.watch.codegen-units=16",
    "profile.watch.incremental=true",
];

/// Compiles the crate in `dir` to a core module.
pub(super) fn compile(dir: &Path, target_dir: &Path, effort: Effort) -> Result<Vec<u8>, PluginError> {
    let library = library_name(dir)?;
    let tools = tools(target_dir)?;
    let mut command = tools.cargo(dir);
    let (profile, settings) = match effort {
        Effort::Full => ("release", &[][..]),
        Effort::Quick => ("watch", QUICK),
    };
    command
        .args(["build", "--profile", profile, "--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .args(settings.iter().flat_map(|setting| ["--config", setting]))
        .args(tools.args());
    let output = command.output().map_err(|error| {
        PluginError::new("SB-6004", format!("cargo cannot be started: {error}"))
            .hint("install Rust: https://rustup.rs")
    })?;
    if !output.status.success() {
        return Err(PluginError::new(
            "SB-5011",
            format!(
                "the plugin in {} does not compile:\n{}",
                dir.display(),
                end_of(&output.stderr)
            ),
        ));
    }
    let path = target_dir
        .join(TARGET)
        .join(profile)
        .join(format!("{library}.wasm"));
    std::fs::read(&path).map_err(|error| {
        PluginError::new("SB-5011", format!("cargo made no {}: {error}", path.display()))
            .hint("Cargo.toml needs [lib] crate-type = [\"cdylib\"]")
    })
}

/// The file name cargo gives the library, from `Cargo.toml`.
fn library_name(dir: &Path) -> Result<String, PluginError> {
    let path = dir.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        PluginError::new("SB-5001", format!("{} cannot be read: {error}", path.display()))
    })?;
    let in_section = |wanted: &str| {
        let mut section = "";
        text.lines().find_map(|line| {
            let line = line.trim();
            if line.starts_with('[') {
                section = line;
            }
            let (key, value) = line.split_once('=')?;
            (section == wanted && key.trim() == "name")
                .then(|| value.trim().trim_matches('"').replace('-', "_"))
        })
    };
    in_section("[lib]")
        .or_else(|| in_section("[package]"))
        .ok_or_else(|| PluginError::new("SB-5011", format!("{} names no package", path.display())))
}

/// How this machine compiles for WebAssembly.
enum Tools {
    /// The toolchain as it is.
    Installed,
    /// A compiler and library source fetched for the purpose.
    Fetched(fallback::Toolchain),
}

impl Tools {
    fn cargo(&self, dir: &Path) -> Command {
        let mut command = clean_cargo(dir);
        if let Self::Fetched(toolchain) = self {
            toolchain.configure(&mut command);
        }
        command.env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("-Clink-arg=-zstack-size={STACK_BYTES}"),
        );
        command
    }

    fn args(&self) -> &'static [&'static str] {
        match self {
            Self::Installed => &[],
            Self::Fetched(_) => &["-Zbuild-std=std,panic_abort"],
        }
    }
}

/// Cargo in `dir`, free of what an outer cargo (tests, xtask, clippy) left in the environment, and with the profile
/// every guest is built with. Function names stay in, for the backtraces; debug information does not.
fn clean_cargo(dir: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(dir);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let keep = [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_CAINFO",
            "CARGO_HTTP_PROXY",
        ]
        .contains(&&*name_text)
            || name_text.starts_with("CARGO_REGISTR")
            || name_text.starts_with("CARGO_SOURCE_");
        if name_text.starts_with("CARGO") && !keep
            || name_text.starts_with("RUSTFLAGS")
            || name_text.starts_with("RUSTC")
        {
            command.env_remove(&name);
        }
    }
    for (key, value) in [
        ("OPT_LEVEL", "3"),
        ("LTO", "fat"),
        ("CODEGEN_UNITS", "1"),
        ("PANIC", "abort"),
        ("STRIP", "debuginfo"),
        ("DEBUG", "0"),
    ] {
        command.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    command
}

/// Finds or fetches what is needed, cheapest first.
fn tools(target_dir: &Path) -> Result<Tools, PluginError> {
    let forced = std::env::var_os(TOOLCHAIN_VARIABLE).is_some_and(|value| value == "fetched");
    if forced {
        return fallback::toolchain(target_dir).map(Tools::Fetched);
    }
    if has_target() {
        return Ok(Tools::Installed);
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).output();
    if added.is_ok_and(|output| output.status.success()) && has_target() {
        return Ok(Tools::Installed);
    }
    fallback::toolchain(target_dir).map(Tools::Fetched)
}

/// Whether the toolchain carries the standard library for the target. Asked until it does: an answer takes longer than a
/// small plugin's compilation may.
fn has_target() -> bool {
    static CARRIED: AtomicBool = AtomicBool::new(false);
    if !CARRIED.load(Ordering::Relaxed) && carries_target() {
        CARRIED.store(true, Ordering::Relaxed);
    }
    CARRIED.load(Ordering::Relaxed)
}

fn carries_target() -> bool {
    let Ok(output) = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
    else {
        return false;
    };
    let dir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success() && !dir.is_empty() && Path::new(&dir).is_dir()
}
