//! What every task needs: broker, WebAssembly target, the bus, the plugins of the city. Each step looks first.

use std::fs;
use std::path::PathBuf;

use crate::nats;
use crate::shell::{Done, Shell};

pub(crate) fn run(shell: &Shell) -> Done {
    let broker = nats::provide(shell)?;
    eprintln!("nats-server: {}", shell.short(&broker));
    wasm_target(shell);
    // The whole workspace at once: a part of it would be built with other features of shared crates, and then again.
    shell.run(
        "cargo",
        &["build", "--release", "--workspace", "--exclude", "xtask"],
    )?;
    plugins(shell)
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
    let stadtbus = shell.release_bin("stadtbus");
    for dir in plugin_dirs(shell)? {
        shell.run_in(&dir, &stadtbus, &["plugin", "build", "."])?;
    }
    Ok(())
}

/// Every folder of the city's plugins that has a manifest.
pub(crate) fn plugin_dirs(shell: &Shell) -> Done<Vec<PathBuf>> {
    let parent = shell.root.join("plugins/krefeld");
    let entries = fs::read_dir(&parent).map_err(|error| format!("{}: {error}", shell.short(&parent)))?;
    let mut dirs: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|dir| dir.join("plugin.yaml").is_file())
        .collect();
    dirs.sort();
    Ok(dirs)
}
