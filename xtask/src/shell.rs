//! Running other programs, from the root of the repository.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A sentence that says what went wrong.
pub(crate) type Done<T = ()> = Result<T, String>;

/// Where things are, and whether cargo needs the network.
pub(crate) struct Shell {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Shell {
    pub(crate) fn new() -> Done<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or("xtask lies in no workspace")?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let marked = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
        let target = marked.map_or_else(|| root.join("target"), Path::to_path_buf);
        Ok(Self {
            root: root.to_path_buf(),
            target,
        })
    }

    /// Runs a program with its output shown; fails with its name when it fails.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Done {
        self.run_in(&self.root, program, args)
    }

    pub(crate) fn run_in<S: AsRef<OsStr>>(&self, dir: &Path, program: impl AsRef<OsStr>, args: &[S]) -> Done {
        let mut command = Command::new(program.as_ref());
        command.args(args).current_dir(dir);
        self.offline_env(dir, &mut command);
        Self::shown(command, &program, args)
    }

    /// As [`Shell::run_in`], with environment variables, and with the network left to the program.
    pub(crate) fn run_with<S: AsRef<OsStr>>(
        &self,
        dir: &Path,
        program: impl AsRef<OsStr>,
        args: &[S],
        env: &[(&str, OsString)],
    ) -> Done {
        let mut command = Command::new(program.as_ref());
        command.args(args).current_dir(dir);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        Self::shown(command, &program, args)
    }

    fn shown<S: AsRef<OsStr>>(mut command: Command, program: &impl AsRef<OsStr>, args: &[S]) -> Done {
        let status = command
            .status()
            .map_err(|error| format!("{}: {error}", program.as_ref().display()))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{} failed ({status})", line(program, args)))
        }
    }

    /// Standard output of a program that must succeed; what it writes to standard error is shown.
    pub(crate) fn read<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Done<String> {
        let (text, status) = self.output(&program, args)?;
        if !status.success() {
            return Err(format!("{} failed ({status})", line(&program, args)));
        }
        Ok(text)
    }

    /// The same of a program that may fail.
    pub(crate) fn read_even_failed<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: &[S],
    ) -> Done<String> {
        Ok(self.output(&program, args)?.0)
    }

    fn output<S: AsRef<OsStr>>(&self, program: &impl AsRef<OsStr>, args: &[S]) -> Done<(String, ExitStatus)> {
        let mut command = Command::new(program.as_ref());
        command
            .args(args)
            .current_dir(&self.root)
            .stderr(Stdio::inherit());
        let output = command
            .output()
            .map_err(|error| format!("{}: {error}", program.as_ref().display()))?;
        Ok((
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status,
        ))
    }

    /// Standard output of a program, or nothing if it is missing or fails.
    pub(crate) fn ask<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, args: &[S]) -> Option<String> {
        let mut command = Command::new(program.as_ref());
        command
            .args(args)
            .current_dir(&self.root)
            .stderr(Stdio::null())
            .stdin(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Once everything a manifest needs lies in the local registry, cargo is told not to ask the network at all: a second run
    /// then works with the cable pulled, and a first one still fetches.
    fn offline_env(&self, dir: &Path, command: &mut Command) {
        let mut probe = Command::new("cargo");
        probe.args([
            "metadata",
            "--offline",
            "--format-version",
            "1",
            "--filter-platform",
            HOST,
        ]);
        probe.current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            command.env("CARGO_NET_OFFLINE", "true");
        }
    }

    /// A binary of the release profile.
    pub(crate) fn release_bin(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// The path below the root, for people to read.
    pub(crate) fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const HOST: &str = "x86_64-unknown-linux-gnu";
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const HOST: &str = "aarch64-unknown-linux-gnu";
#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
const HOST: &str = "aarch64-apple-darwin";
#[cfg(not(any(
    all(target_os = "linux", target_arch = "x86_64"),
    all(target_os = "linux", target_arch = "aarch64"),
    all(target_os = "macos", target_arch = "aarch64")
)))]
const HOST: &str = "unknown";

fn line<S: AsRef<OsStr>>(program: &impl AsRef<OsStr>, args: &[S]) -> String {
    let mut line = program.as_ref().to_string_lossy().into_owned();
    for arg in args {
        line.push(' ');
        line.push_str(&arg.as_ref().to_string_lossy());
    }
    line
}
