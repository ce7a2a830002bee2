//! What every task needs: broker, WebAssembly target, the bus, the plugins of the city. Each step looks first.

use std::fs;
use std::path::{Path, PathBuf};

use crate::nats;
use crate::shell::{Done, Shell};

/// The plugin that is everybody's.
pub(crate) const MAP: &str = "plugins/map";

pub(crate) fn run(shell: &Shell) -> Done {
    let broker = nats::provide(shell)?;
    eprintln!("nats-server: {}", shell.short(&broker));
    wasm_target(shell);
    mapping(shell)?;
    build(shell)?;
    plugins(shell)
}

/// The whole workspace at once: a part of it would be built with other features of shared crates, and then again.
pub(crate) fn build(shell: &Shell) -> Done {
    shell.run(
        "cargo",
        &["build", "--release", "--workspace", "--exclude", "xtask"],
    )
}

/// The plugin `map` goes into the bus's own binary, so it is there before; a binary that is built without is whole but for
/// this. What builds plugins is built with the features of the whole workspace, for the same reason as in [`build`].
fn mapping(shell: &Shell) -> Done {
    let builder = ["--workspace", "--exclude", "xtask", "--example", "build"];
    shell.run("cargo", &[&["build", "--release"], &builder[..]].concat())?;
    let (map, guests) = (shell.root.join(MAP), shell.target.join("guests"));
    let folders = [map.to_string_lossy(), guests.to_string_lossy()];
    shell.run(
        shell.target.join("release/examples/build"),
        &folders.each_ref().map(AsRef::as_ref),
    )
}

/// A missing target is fetched where that can be done; where not, `stadtbus plugin build` has its own way or says what is missing.
fn wasm_target(shell: &Shell) {
    const TARGET: &str = "wasm32-unknown-unknown";
    let Some(installed) = shell.ask("rustup", &["target", "list", "--installed"]) else {
        return;
    };
    if installed.lines().any(|line| line.trim() == TARGET) {
        return;
    }
    if let Err(reason) = shell.run("rustup", &["target", "add", TARGET]) {
        eprintln!("{reason}; going on without");
    }
}

fn plugins(shell: &Shell) -> Done {
    for dir in city_plugins(shell)?.into_iter().chain(guest_dirs(shell)) {
        build_plugin(shell, &dir)?;
    }
    Ok(())
}

pub(crate) fn build_plugin(shell: &Shell, dir: &Path) -> Done {
    shell.run_in(dir, shell.release_bin("stadtbus"), &["plugin", "build", "."])
}

/// The plugins that the city runs.
pub(crate) fn city_plugins(shell: &Shell) -> Done<Vec<PathBuf>> {
    with_manifest(shell, "plugins/krefeld")
}

/// Plugins that no scenario runs yet. Some take tools of another language, which nothing but their own tests needs.
pub(crate) fn ready_plugins(shell: &Shell) -> Done<Vec<PathBuf>> {
    with_manifest(shell, "plugins/krefeld/ready")
}

fn with_manifest(shell: &Shell, parent: &str) -> Done<Vec<PathBuf>> {
    let parent = shell.root.join(parent);
    let dirs = folders(&parent).map_err(|error| format!("{}: {error}", shell.short(&parent)))?;
    Ok(dirs
        .into_iter()
        .filter(|dir| dir.join("plugin.yaml").is_file())
        .collect())
}

/// The plugins that tests bring along: built here, where the network may still be asked.
fn guest_dirs(shell: &Shell) -> Vec<PathBuf> {
    let beside_tests = folders(&shell.root.join("tests")).unwrap_or_default();
    let of_the_host = ["plugins/host/tests/guests", "plugins/hostile/guests"]
        .into_iter()
        .flat_map(|parent| folders(&shell.root.join(parent)).unwrap_or_default());
    let dirs = beside_tests
        .into_iter()
        .map(|dir| dir.join("guest"))
        .chain(of_the_host);
    dirs.filter(|dir| dir.join("plugin.yaml").is_file()).collect()
}

fn folders(parent: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(parent)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}
