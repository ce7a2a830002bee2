//! The desk of the scripted integrator: a fresh folder and a shell.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::page::Step;
use crate::shell::{Done, Shell};

/// The first build of a language fetches its tools.
const ENDS_WITHIN: Duration = Duration::from_secs(900);
/// What one waits for at a bus comes within this.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(250);
/// Who only looks may look again.
const LOOK: &str = "stadtbus status";

/// A folder of one tutorial, and what was begun in it.
pub(crate) struct Desk {
    /// The reader's folder.
    folder: PathBuf,
    /// What the shell remembers from one command to the next, and what a command wrote.
    aside: PathBuf,
    path: OsString,
    source: PathBuf,
    /// Process groups of commands that left something running.
    running: Vec<u32>,
}

impl Desk {
    /// Clears the desk of a language; `bus` is the program the reader has on the `PATH`.
    pub(crate) fn new(shell: &Shell, language: &str, bus: &Path) -> Done<Self> {
        let root = shell.target.join("integrator").join(language);
        let (folder, aside) = (root.join("desk"), root.join("aside"));
        for dir in [&folder, &aside] {
            match fs::remove_dir_all(dir) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{}: {error}", dir.display()));
                }
                _ => fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?,
            }
        }
        let bin = aside.join("bin");
        fs::create_dir_all(&bin)
            .and_then(|()| std::os::unix::fs::symlink(bus, bin.join("stadtbus")))
            .map_err(|error| format!("{}: {error}", bin.display()))?;
        let mut path = bin.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ok(Self {
            folder,
            aside,
            path,
            source: shell.root.clone(),
            running: Vec::new(),
        })
    }

    /// Does one step of the page.
    pub(crate) fn take(&mut self, step: &Step) -> Done {
        match step {
            Step::Write { path, text } => {
                let file = self.folder.join(path);
                let parent = file.parent().unwrap_or(&self.folder);
                fs::create_dir_all(parent)
                    .and_then(|()| fs::write(&file, text))
                    .map_err(|error| format!("{path}: {error}"))
            }
            Step::Type { command, refused } => {
                let deadline = Instant::now() + PATIENCE;
                loop {
                    let (succeeded, output) = self.run(command)?;
                    if succeeded != *refused {
                        return Ok(());
                    }
                    if !command.starts_with(LOOK) || Instant::now() > deadline {
                        let what = if *refused { "was not refused" } else { "failed" };
                        return Err(format!("{what}: {command}\n{output}"));
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Asks the bus something the page does not ask, to check what the page did.
    pub(crate) fn ask(&mut self, command: &str) -> Done<Value> {
        let (succeeded, output) = self.run(&format!("{command} --output json --quiet"))?;
        if !succeeded {
            return Err(format!("{command}\n{output}"));
        }
        serde_json::from_str(&output).map_err(|error| format!("{command}: {error}\n{output}"))
    }

    /// Waits until something the page waits for is so.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&mut Self) -> Done<Option<T>>,
    ) -> Done<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = is_so(self)? {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(format!("{what} was waited for in vain"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// A number that the page keeps in a file.
    pub(crate) fn number(&self, file: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        text.trim().parse().ok()
    }

    /// Types a command into the reader's shell, which remembers what was exported. What it left running does not hold it up:
    /// its output goes into a file, not through a pipe.
    fn run(&mut self, command: &str) -> Done<(bool, String)> {
        let (state, output) = (self.aside.join("state"), self.aside.join("output"));
        let remembered = state.display();
        let script = format!(
            "[ -f '{remembered}' ] && . '{remembered}'\n{command}\ncode=$?\nexport -p > '{remembered}'\nexit $code\n"
        );
        let told = |error: std::io::Error| format!("{command}: {error}");
        let out = File::create(&output).map_err(told)?;
        let err = out.try_clone().map_err(told)?;
        let mut shell = Command::new("sh");
        // What was set for the person who runs this is not set for the reader of the page.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STADTBUS_") {
                shell.env_remove(name);
            }
        }
        shell
            .args(["-c", &script])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("STADTBUS_SOURCE", &self.source)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0);
        let mut child = shell.spawn().map_err(told)?;
        if command.contains('&') {
            self.running.push(child.id());
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(told)? {
                break status;
            }
            if Instant::now() > deadline {
                end(child.id());
                return Err(format!("{command} does not end"));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let written = fs::read(&output).map_err(told)?;
        Ok((status.success(), String::from_utf8_lossy(&written).into_owned()))
    }
}

impl Drop for Desk {
    /// A page that failed half-way has not ended what it began.
    fn drop(&mut self) {
        for group in &self.running {
            end(*group);
        }
    }
}

/// Ends all of a process group; that there is nothing left to end is as good.
fn end(group: u32) {
    let group = format!("-{group}");
    let mut kill = Command::new("kill");
    kill.args(["-TERM", "--", &group]).stderr(Stdio::null());
    drop(kill.status());
}
