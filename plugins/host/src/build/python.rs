//! Python: componentize-py packs the plugin, the SDK and CPython into one component, started up as far as the import of
//! the plugin.

use std::path::Path;
use std::process::Command;

use super::{Sdk, UnitTests, tools};
use crate::error::PluginError;

const HINT: &str = "install Python 3.10 or newer with pip: apt install python3-pip";

pub(super) fn component(dir: &Path, sdk: &Sdk, target_dir: &Path) -> Result<Vec<u8>, PluginError> {
    let installed = tools::pip("python", &sdk.folder.join("tools"), target_dir)?;
    let output = dir.join("build/component.wasm");
    std::fs::create_dir_all(dir.join("build"))
        .map_err(|error| PluginError::new("SB-5011", format!("{}: {error}", output.display())))?;
    let mut command = Command::new("python3");
    command
        .args(["-c", "from componentize_py import script; script()"])
        .arg("--wit-path")
        .arg(&sdk.wit)
        .args(["--world", "bytes", "componentize", "--stub-wasi", "--python-path"])
        .arg(dir.join("src"))
        .arg("--python-path")
        .arg(&sdk.folder)
        .args(["stadtbus_plugin.entry", "--output"])
        .arg(&output)
        .env("PYTHONPATH", installed)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("VIRTUAL_ENV")
        .current_dir(dir);
    tools::compile(&mut command, dir, HINT)?;
    let component = std::fs::read(&output);
    let _ = std::fs::remove_file(&output);
    component.map_err(|error| PluginError::new("SB-5011", format!("componentize-py made nothing: {error}")))
}

/// `tests/test_*.py`, by the test runner of the standard library.
pub(super) fn unit_tests(dir: &Path, sdk: &Sdk) -> Result<Option<UnitTests>, PluginError> {
    if !dir.join("tests").is_dir() {
        return Ok(None);
    }
    let paths = std::env::join_paths([dir.join("src"), sdk.folder.clone()])
        .map_err(|error| PluginError::new("SB-5001", error.to_string()))?;
    let mut command = Command::new("python3");
    command
        .args(["-m", "unittest", "discover", "--start-directory", "tests"])
        .env("PYTHONPATH", paths)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(dir);
    tools::test(&mut command, HINT)
}
