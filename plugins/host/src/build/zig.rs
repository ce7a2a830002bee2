//! Zig: one compiler run makes a core module; the interface is then written into it, and a component made of it. C sources
//! can be compiled along by the same compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Sdk, UnitTests, component_of, tools};
use crate::error::{PluginError, shown_to};
use crate::manifest::{Manifest, World};
use crate::shape::without_debug_info;

const HINT: &str = "install Python 3 with pip, which brings the compiler: apt install python3-pip";
/// Stack of a guest, in bytes; as for Rust.
const STACK_BYTES: &str = "131072";

pub(super) fn component(
    dir: &Path,
    sdk: &Sdk,
    target_dir: &Path,
    manifest: &Manifest,
) -> Result<Vec<u8>, PluginError> {
    let output = dir.join("build/module.wasm");
    let mut command = zig("build-exe", dir, sdk, target_dir)?;
    command
        // A wrong index must end the call, not go on with another's bytes: safety checks stay in.
        .args([
            "-target",
            "wasm32-freestanding",
            "-OReleaseSafe",
            "-fno-entry",
            "-rdynamic",
        ])
        .args(["--stack", STACK_BYTES])
        .arg(format!("-femit-bin={}", output.display()));
    modules(&mut command, dir, sdk)?;
    tools::compile(&mut command, dir, HINT)?;
    let module = std::fs::read(&output);
    let _ = std::fs::remove_file(&output);
    let module = module.map_err(|error| PluginError::new("SB-5011", format!("zig made nothing: {error}")))?;
    let mut module = without_debug_info(&module)?;
    describe(&mut module, sdk, manifest)?;
    component_of(&module)
}

/// The tests of `src/plugin.zig` and of what it names in a `test` block, compiled for this machine.
pub(super) fn unit_tests(dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Option<UnitTests>, PluginError> {
    let mut command = zig("test", dir, sdk, target_dir)?;
    modules(&mut command, dir, sdk)?;
    tools::test(&mut command, HINT)
}

fn zig(task: &str, dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Command, PluginError> {
    let installed = tools::pip("zig", &sdk.folder.join("tools"), target_dir)?;
    let unwritable =
        |error: std::io::Error| PluginError::new("SB-5011", format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir.join("build")).map_err(unwritable)?;
    // The imports carry the version of the interface in their names.
    let version = format!("pub const version = \"{}\";\n", sdk.interface_version()?);
    std::fs::write(interface(dir), version).map_err(unwritable)?;
    let mut command = Command::new(installed.join("ziglang/zig"));
    let cache = target_dir.join("zig");
    command
        .arg(task)
        .arg("--cache-dir")
        .arg(&cache)
        .arg("--global-cache-dir")
        .arg(&cache)
        .current_dir(dir);
    Ok(command)
}

fn interface(dir: &Path) -> PathBuf {
    dir.join("build/interface.zig")
}

/// The plugin, which sees the SDK, which sees the version of the interface.
fn modules(command: &mut Command, dir: &Path, sdk: &Sdk) -> Result<(), PluginError> {
    let plugin = dir.join("src/plugin.zig");
    if !plugin.is_file() {
        return Err(PluginError::new(
            "SB-5001",
            format!("{} is missing", plugin.display()),
        ));
    }
    let named = |name: &str, path: &Path| format!("-M{name}={}", path.display());
    command
        .args(["--dep", "stadtbus"])
        .arg(named("root", &plugin))
        .args(["--dep", "interface"])
        .arg(named("stadtbus", &sdk.folder.join("src/stadtbus.zig")))
        .arg(named("interface", &interface(dir)));
    Ok(())
}

/// Writes into the module which world it was compiled for.
fn describe(module: &mut Vec<u8>, sdk: &Sdk, manifest: &Manifest) -> Result<(), PluginError> {
    let world = match (manifest.world, manifest.role) {
        (World::Bytes, _) => "bytes",
        (World::Records, crate::Role::Decode) => "decoder",
        (World::Records, crate::Role::Transform) => "transformer",
        (World::Records, crate::Role::Encode) => "encoder",
    };
    let mut resolve = Resolve::default();
    let described = resolve.push_path(&sdk.wit).and_then(|(package, _)| {
        let world = resolve.select_world(&[package], Some(world))?;
        embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
    });
    described.map_err(|error| {
        let why = shown_to(&format!("{error:#}"), 400);
        PluginError::new(
            "SB-5011",
            format!("{} is no interface for {world}: {why}", sdk.wit.display()),
        )
    })
}
