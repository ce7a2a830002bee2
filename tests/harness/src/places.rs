//! Where things are. Found from the running program, so that a moved target directory or a copied tree still works.

use std::path::{Path, PathBuf};

use crate::{Failure, Outcome};

/// The root of the repository this harness was compiled in.
#[must_use]
pub fn workspace_dir() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The cargo target directory the calling program was built in.
pub fn target_dir() -> Outcome<PathBuf> {
    // target/release/deps/it-0123 or target/release/stadtbus-demo: both lie below the directory that cargo marked.
    let program = std::env::current_exe()?;
    program
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Failure::new(format!(
                "{} does not lie in a cargo target directory",
                program.display()
            ))
        })
}

/// The `stadtbus` binary under test.
pub fn stadtbus_bin() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os("STADTBUS_BIN") {
        return existing(PathBuf::from(path), "set STADTBUS_BIN to the stadtbus binary");
    }
    existing(
        target_dir()?.join("release/stadtbus"),
        "run `cargo build --release -p stadtbus` or `cargo xtask setup`",
    )
}

/// The `nats-server` binary: `STADTBUS_NATS_SERVER`, then the one `cargo xtask setup` put into the target directory, then PATH.
pub fn nats_server_bin() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os("STADTBUS_NATS_SERVER") {
        return existing(
            PathBuf::from(path),
            "set STADTBUS_NATS_SERVER to a nats-server of 2.14 or newer",
        );
    }
    let fetched = target_dir()?.join("tools/nats-server");
    if fetched.is_file() {
        return Ok(fetched);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join("nats-server"))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Failure::new("no nats-server found: run `cargo xtask setup`"))
}

fn existing(path: PathBuf, advice: &str) -> Outcome<PathBuf> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::new(format!("{} is missing: {advice}", path.display())))
    }
}
