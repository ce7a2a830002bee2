//! TypeScript: checked by tsc, bundled by esbuild, made a component by componentize-js. The steps are the SDK's
//! `tools/build.mjs`.

use std::path::Path;
use std::process::Command;

use super::{Sdk, UnitTests, tools};
use crate::error::PluginError;

const HINT: &str = "install Node.js 20 or newer: https://nodejs.org";

pub(super) fn component(dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Vec<u8>, PluginError> {
    let output = dir.join("build/component.wasm");
    std::fs::create_dir_all(dir.join("build"))
        .map_err(|error| PluginError::new("SB-5011", format!("{}: {error}", output.display())))?;
    let mut command = node(dir, sdk, target_dir)?;
    tools::compile(command.arg(&output), dir, HINT)?;
    let component = std::fs::read(&output);
    let _ = std::fs::remove_file(&output);
    component.map_err(|error| PluginError::new("SB-5011", format!("componentize-js made nothing: {error}")))
}

pub(super) fn unit_tests(dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Option<UnitTests>, PluginError> {
    let entries = std::fs::read_dir(dir.join("src")).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    if !names.any(|name| name.to_string_lossy().ends_with(".test.ts")) {
        return Ok(None);
    }
    let mut command = node(dir, sdk, target_dir)?;
    tools::test(command.arg("test"), HINT)
}

fn node(dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Command, PluginError> {
    let locks = sdk.folder.join("tools");
    let installed = tools::npm(&locks, target_dir)?;
    let mut command = Command::new("node");
    command
        .arg(locks.join("build.mjs"))
        .args([dir, &sdk.folder, &sdk.wit])
        .env("STADTBUS_TOOLS", installed)
        .env("STADTBUS_INTERFACE", sdk.interface_version()?);
    Ok(command)
}
