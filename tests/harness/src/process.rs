//! A child process that cannot outlive the value that stands for it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{Failure, Outcome};

/// How a process ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Finished {
    /// The outcome of a command that must succeed.
    pub fn success(self, doing: &str) -> Outcome<Self> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(Failure::new(format!(
            "{doing} ended with {:?}:\n{}{}",
            self.code, self.stdout, self.stderr
        )))
    }
}

/// A running process whose standard error (and output) goes to a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; standard output and error are appended to `log`.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        args: &[S],
        env: &[(String, String)],
        log: &Path,
    ) -> Outcome<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        let err = out.try_clone()?;
        let child = Command::new(program)
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format!("{} does not start: {error}", program.display())))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// Starts `program` behind a command that becomes it (`ip netns exec NAME`, `prlimit --nofile=256`): the process is then
    /// the program's own, and signals reach it.
    pub fn start_behind(
        wrapper: &[String],
        program: &Path,
        args: &[String],
        env: &[(String, String)],
        log: &Path,
    ) -> Outcome<Self> {
        let Some((first, more)) = wrapper.split_first() else {
            return Self::start(program, args, env, log);
        };
        let mut all = more.to_vec();
        all.push(program.display().to_string());
        all.extend_from_slice(args);
        Self::start(Path::new(first), &all, env, log)
    }

    /// Runs a command to its end, at most `deadline` long.
    pub async fn run<S: AsRef<OsStr>>(
        program: &Path,
        args: &[S],
        env: &[(String, String)],
        deadline: Duration,
    ) -> Outcome<Finished> {
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(deadline, command.output())
            .await
            .map_err(|_| {
                Failure::new(format!(
                    "{} did not end within {} s",
                    program.display(),
                    deadline.as_secs()
                ))
            })??;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// All it has written so far.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill_hard(&mut self) -> Outcome<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, and waits for the exit code at most `deadline`.
    pub async fn stop(&mut self, deadline: Duration) -> Outcome<Option<i32>> {
        self.signal(Signal::TERM)?;
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(status) => Ok(status?.code()),
            Err(_) => Err(Failure::new(format!(
                "still running {} s after SIGTERM",
                deadline.as_secs()
            ))),
        }
    }

    /// Freezes it (SIGSTOP) until [`Process::thaw`].
    pub fn freeze(&self) -> Outcome<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it run on (SIGCONT).
    pub fn thaw(&self) -> Outcome<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Outcome<()> {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Failure::new("the process has ended already"))?;
        kill_process(id, signal).map_err(|error| Failure::new(format!("{error}")))
    }

    /// Resident memory in bytes, from `/proc`; `None` where there is no such file.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    }
}
