//! From the source of a plugin to a component, by the ordinary tools of its language.
//!
//! | language | compiler | from |
//! |---|---|---|
//! | Rust | cargo | the machine, [`fallback`] |
//! | TypeScript | esbuild, tsc, componentize-js | npm |
//! | Python | componentize-py | PyPI |
//! | Zig | zig | PyPI |
//!
//! A component carries what it is made of and its licence ([`bom`]). What the machine does not have is fetched once, in a pinned version whose checksum is known ([`tools`]). A component is
//! built again only if something it is made of has changed ([`inputs`]).

mod bom;
mod fallback;
mod inputs;
mod python;
mod rust;
#[cfg(test)]
mod tests;
mod tools;
mod typescript;
mod zig;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wit_component::ComponentEncoder;

use crate::error::{PluginError, shown_to};
use crate::manifest::Manifest;
use crate::shape::{self, Report};

/// A component that was built.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// Where it lies: `build/<name>.wasm` beside the manifest.
    pub path: PathBuf,
    /// What it is made of.
    pub report: Report,
    /// How hard the compiler tried.
    pub effort: Effort,
    /// The component.
    #[serde(skip)]
    pub component: Vec<u8>,
}

/// How hard a compiler tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// As for operation: what is signed and deployed.
    Full,
    /// As soon as possible, for whoever is changing the source: Rust then keeps what an earlier build knows and does not
    /// optimise across crates. Other languages know one effort only.
    Quick,
}

impl Effort {
    /// What becomes of it in a language.
    fn in_language(self, language: &str) -> Self {
        if language == "rust" { self } else { Self::Full }
    }

    /// Where the component goes. What was made in a hurry lies apart, so that nobody signs it.
    fn path(self, dir: &Path, plugin: &str) -> PathBuf {
        let folder = match self {
            Self::Full => dir.join("build"),
            Self::Quick => dir.join("build/watch"),
        };
        folder.join(format!("{plugin}.wasm"))
    }
}

/// Whether a folder of this name holds what tools make and keep, and nothing that a plugin is made of.
#[must_use]
pub fn is_made(folder: &std::ffi::OsStr) -> bool {
    inputs::MADE.iter().any(|made| folder == *made)
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

/// Builds the plugin in `dir` and writes the component to `dir/build/<name>.wasm`.
///
/// `target_dir` is where compilers work and fetched tools lie; give all plugins the same (in this repository
/// `target/guests`).
///
/// # Errors
/// SB-4007/SB-5001 the manifest; SB-6003 a language without a builder; SB-6004 a tool is missing and SB-6008 it cannot be
/// fetched; SB-5011 the compiler refuses the source, with the end of its output; what [`crate::check`] refuses.
pub fn build(dir: &Path, target_dir: &Path) -> Result<Built, PluginError> {
    build_with(dir, target_dir, Effort::Full)
}

/// As [`build`], with this effort; a component made in a hurry goes to `dir/build/watch/<name>.wasm`.
///
/// # Errors
/// As [`build`].
pub fn build_with(dir: &Path, target_dir: &Path, effort: Effort) -> Result<Built, PluginError> {
    let dir = absolute(dir)?;
    let target_dir = absolute(target_dir)?;
    let manifest = read_manifest(&dir)?;
    let effort = effort.in_language(&manifest.language);
    let path = effort.path(&dir, &manifest.plugin);
    let component = match manifest.language.as_str() {
        // Cargo knows better than we do what has changed.
        "rust" => {
            let module = rust::compile(&dir, &target_dir, effort)?;
            bom::carry(component_of(&module)?, &dir, &manifest)?
        }
        "typescript" | "python" | "zig" => {
            let sdk = Sdk::of(&dir, &manifest.language)?;
            let digest = inputs::digest(&dir, &sdk)?;
            if let Some(component) = inputs::built_before(&path, &digest) {
                component
            } else {
                let component = match manifest.language.as_str() {
                    "typescript" => typescript::component(&dir, &sdk, &target_dir)?,
                    "python" => python::component(&dir, &sdk, &target_dir)?,
                    _ => zig::component(&dir, &sdk, &target_dir, &manifest)?,
                };
                let component = bom::carry(component, &dir, &manifest)?;
                write(&path, &component)?;
                inputs::remember(&path, &digest);
                component
            }
        }
        other => return Err(no_builder(other, &path)),
    };
    let report = shape::check(&component, &manifest)?;
    write(&path, &component)?;
    Ok(Built {
        path,
        report,
        effort,
        component,
    })
}

/// Runs the unit tests of a plugin's language: whether they passed and what was said; nothing if there are none. Rust's
/// are `cargo test`'s business.
///
/// # Errors
/// As [`build`].
pub fn unit_tests(dir: &Path, target_dir: &Path) -> Result<Option<UnitTests>, PluginError> {
    let dir = absolute(dir)?;
    let target_dir = absolute(target_dir)?;
    let manifest = read_manifest(&dir)?;
    match manifest.language.as_str() {
        "typescript" => typescript::unit_tests(&dir, &Sdk::of(&dir, "typescript")?, &target_dir),
        "python" => python::unit_tests(&dir, &Sdk::of(&dir, "python")?),
        "zig" => zig::unit_tests(&dir, &Sdk::of(&dir, "zig")?, &target_dir),
        _ => Ok(None),
    }
}

/// What became of a plugin's unit tests.
#[derive(Debug, Clone)]
pub struct UnitTests {
    /// Whether all passed.
    pub passed: bool,
    /// The end of what their runner said.
    pub output: String,
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
                .hint("the crate must use stadtbus_plugin::export!, or bindings of another generator for stadtbus:plugin, version 1")
        })
}

/// Where the SDK of a language and the interface lie, seen from a plugin.
struct Sdk {
    /// The SDK's folder.
    folder: PathBuf,
    /// The folder of the interface.
    wit: PathBuf,
}

impl Sdk {
    /// The SDK that `stadtbus plugin new` put into the plugin's folder, or the one of the source tree the plugin lies in.
    fn of(dir: &Path, language: &str) -> Result<Self, PluginError> {
        let own = dir.join("stadtbus");
        let of_a_tree = dir.ancestors().map(|ancestor| ancestor.join("plugins"));
        std::iter::once(own)
            .chain(of_a_tree)
            .map(|home| Self {
                folder: home.join("sdk").join(language),
                wit: home.join("wit"),
            })
            .find(|sdk| sdk.folder.is_dir() && sdk.wit.is_dir())
            .ok_or_else(|| {
                let what = format!("{} has no SDK for {language}", dir.display());
                PluginError::new("SB-5011", what).hint(format!(
                    "stadtbus plugin new NAME --partner PARTNER --language {language} makes a folder that has one"
                ))
            })
    }

    /// The version of the interface: `1.0.0`.
    fn interface_version(&self) -> Result<String, PluginError> {
        let path = self.wit.join("stadtbus-plugin.wit");
        let text = std::fs::read_to_string(&path).map_err(|error| {
            PluginError::new("SB-5001", format!("{} cannot be read: {error}", path.display()))
        })?;
        text.lines()
            .find_map(|line| line.strip_prefix("package stadtbus:plugin@")?.strip_suffix(';'))
            .map(str::to_owned)
            .ok_or_else(|| PluginError::new("SB-5011", format!("{} names no version", path.display())))
    }
}

fn no_builder(language: &str, path: &Path) -> PluginError {
    PluginError::new(
        "SB-6003",
        format!(
            "there is no builder for the language `{language}`; its own tools put the component into {}",
            path.display()
        ),
    )
    .hint("stadtbus plugin build knows rust, typescript, python and zig")
}

fn write(path: &Path, component: &[u8]) -> Result<(), PluginError> {
    if std::fs::read(path).is_ok_and(|present| present == component) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, component))
        .map_err(|error| {
            PluginError::new(
                "SB-5011",
                format!("{} cannot be written: {error}", path.display()),
            )
        })
}

fn absolute(path: &Path) -> Result<PathBuf, PluginError> {
    std::path::absolute(path)
        .map_err(|error| PluginError::new("SB-5001", format!("{} cannot be found: {error}", path.display())))
}
