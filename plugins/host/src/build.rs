//! From the source of a plugin to a component.
//!
//! The compiler is cargo with flags that make a guest cheap to start: a small stack, no unwinding, everything in one
//! unit. All guests of a repository share one target directory, so their common dependencies are compiled once. On a
//! machine whose toolchain has no standard library for WebAssembly and cannot get it, [`fallback`] takes another way.

mod fallback;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use wit_component::ComponentEncoder;

use crate::error::{PluginError, shown_to};
use crate::manifest::Manifest;
use crate::shape::{self, Report};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Stack of a guest, in bytes: enough for parsing JSON as deeply nested as serde allows, small enough that a fresh
/// instance has few pages to clear.
const STACK_BYTES: usize = 128 * 1024;
/// Set to `fetched`, this environment variable makes the build use the fetched compiler even where the installed one
/// could do it: to try that way out.
const TOOLCHAIN_VARIABLE: &str = "STADTBUS_GUEST_TOOLCHAIN";
/// Lines of the compiler's output that a build error carries.
const OUTPUT_LINES_MAX: usize = 60;

/// A component that was built.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// Where it lies: `build/<name>.wasm` beside the manifest.
    pub path: PathBuf,
    /// What it is made of.
    pub report: Report,
    /// The component.
    #[serde(skip)]
    pub component: Vec<u8>,
}

/// Reads `plugin.yaml` of a plugin's folder.
///
/// # Errors
/// SB-5001 if there is none; SB-4007 if it is not valid.
pub fn read_manifest(dir: &Path) -> Result<Manifest, PluginError> {
    let path = dir.join("plugin.yaml");
    let yaml = std::fs::read_to_string(&path).map_err(|error| {
        PluginError::new("SB-5001", format!("{} cannot be read: {error}", path.display()))
            .hint("a plugin's folder has a plugin.yaml; stadtbus plugin new makes one")
    })?;
    Manifest::parse(&yaml)
}

/// Builds the Rust plugin in `dir` and writes the component to `dir/build/<name>.wasm`.
///
/// `target_dir` is cargo's; give all plugins the same (in this repository `target/guests`).
///
/// # Errors
/// SB-4007/SB-5001 the manifest; SB-6004 cargo, or the WebAssembly target and every way to get it, is missing; SB-5011
/// the compiler refuses the source, with the end of its output; what [`crate::check`] refuses.
pub fn build_rust(dir: &Path, target_dir: &Path) -> Result<Built, PluginError> {
    let manifest = read_manifest(dir)?;
    let module = compile(dir, target_dir)?;
    let component = component_of(&module)?;
    let report = shape::check(&component, &manifest)?;
    let path = dir.join("build").join(format!("{}.wasm", manifest.plugin));
    let written = std::fs::create_dir_all(dir.join("build")).and_then(|()| std::fs::write(&path, &component));
    written.map_err(|error| {
        PluginError::new(
            "SB-5011",
            format!("{} cannot be written: {error}", path.display()),
        )
    })?;
    Ok(Built {
        path,
        report,
        component,
    })
}

/// Makes a component of a core module that was compiled against the interface.
///
/// # Errors
/// SB-4001 if the module does not carry the description of its world or does not keep to it.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>, PluginError> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| {
            PluginError::new("SB-4001", format!("no component can be made of the module: {}", shown_to(&format!("{error:#}"), 400)))
                .hint("the crate must use stadtbus_plugin::export!, or bindings of another generator for stadtbus:plugin@1.0.0")
        })
}

/// Compiles the crate in `dir` to a core module.
fn compile(dir: &Path, target_dir: &Path) -> Result<Vec<u8>, PluginError> {
    let library = library_name(dir)?;
    let tools = tools(target_dir)?;
    let mut command = tools.cargo(dir);
    command
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(target_dir);
    command.args(tools.args());
    let output = command.output().map_err(|error| {
        PluginError::new("SB-6004", format!("cargo cannot be started: {error}"))
            .hint("install Rust: https://rustup.rs")
    })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(OUTPUT_LINES_MAX)..)
            .unwrap_or_default()
            .join("\n");
        return Err(PluginError::new(
            "SB-5011",
            format!("the plugin in {} does not compile:\n{end}", dir.display()),
        ));
    }
    let path = target_dir
        .join(TARGET)
        .join("release")
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

/// Whether the toolchain carries the standard library for the target.
fn has_target() -> bool {
    let Ok(output) = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
    else {
        return false;
    };
    let dir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success() && !dir.is_empty() && Path::new(&dir).is_dir()
}
