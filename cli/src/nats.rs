//! A real nats-server for `stadtbus dev`: found, checked, started on loopback, ended with the bus.
//!
//! It runs with the same durability as in operation (`sync_interval: always`), so that what works here works
//! there. A server that is too old is never used silently.

use crate::commands::doctor::{BROKER_MIN, numbers};
use crate::say;
use crate::ui::{Exit, Failure, t};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take until it listens.
const START: Duration = Duration::from_secs(15);
/// How long it may take to end before it is killed; nothing is lost either way, every acknowledgement is on disk.
const STOP: Duration = Duration::from_secs(5);
const VARIABLE: &str = "STADTBUS_NATS_SERVER";

/// A nats-server that will do.
#[derive(Debug)]
pub(crate) struct Found {
    /// The program.
    pub(crate) program: PathBuf,
    /// What it says of itself, such as `2.15.1`.
    pub(crate) version: String,
}

/// The variable, then PATH, then what `cargo xtask setup` has put beside the build.
pub(crate) fn find() -> Result<Found, Failure> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let program = PathBuf::from(named);
        return match version(&program) {
            Ok(version) if new_enough(&version) => Ok(Found { program, version }),
            Ok(version) => Err(too_old(&program, &version)),
            Err(error) => {
                let message = say!(
                    "{VARIABLE} nennt kein laufendes Programm.",
                    "{VARIABLE} names no program that runs."
                );
                Err(Failure::new("SB-6004", Exit::Config, message)
                    .detail(format!("{}: {error}", program.display()))
                    .hint("stadtbus dev --broker memory"))
            }
        };
    }
    let mut old = None;
    for program in candidates() {
        match version(&program) {
            Ok(version) if new_enough(&version) => return Ok(Found { program, version }),
            Ok(version) => old = old.or(Some((program, version))),
            Err(_) => {}
        }
    }
    Err(old.map_or_else(missing, |(program, version)| too_old(&program, &version)))
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .collect();
    let program = std::env::current_exe().unwrap_or_default();
    let here = std::env::current_dir().unwrap_or_default();
    // The marker is cargo's own, so that a moved target directory is found too.
    all.extend(
        program
            .ancestors()
            .filter(|folder| folder.join("CACHEDIR.TAG").is_file())
            .map(|folder| folder.join("tools/nats-server")),
    );
    all.extend(
        here.ancestors()
            .map(|folder| folder.join("target/tools/nats-server")),
    );
    all.retain(|program| program.is_file());
    all
}

fn version(program: &Path) -> io::Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().rev().find(|word| numbers(word).is_some());
    version
        .map(|version| version.trim_start_matches('v').to_owned())
        .ok_or_else(|| io::Error::other("no version"))
}

fn new_enough(version: &str) -> bool {
    numbers(version).is_some_and(|found| found >= BROKER_MIN)
}

fn too_old(program: &Path, version: &str) -> Failure {
    let (major, minor) = BROKER_MIN;
    let message = say!(
        "nats-server {version} ist zu alt, nötig ist {major}.{minor} oder neuer.",
        "nats-server {version} is too old, {major}.{minor} or newer is needed."
    );
    Failure::new("SB-1005", Exit::Config, message)
        .detail(program.display().to_string())
        .detail(say!(
            "Ein neuer läuft mit {VARIABLE}=/pfad/nats-server.",
            "A newer one runs with {VARIABLE}=/path/nats-server."
        ))
        .hint("stadtbus dev --broker memory")
}

fn missing() -> Failure {
    let (major, minor) = BROKER_MIN;
    let message = say!(
        "nats-server ({major}.{minor} oder neuer) wurde nicht gefunden.",
        "nats-server ({major}.{minor} or newer) was not found."
    );
    Failure::new("SB-6004", Exit::Config, message)
        .detail(t(
            "Im Quellbaum holt ihn `cargo xtask setup`.",
            "In the source tree `cargo xtask setup` fetches it.",
        ))
        .detail(say!(
            "Sonst: {VARIABLE}=/pfad/nats-server setzen.",
            "Otherwise: set {VARIABLE}=/path/nats-server."
        ))
        .hint("stadtbus dev --broker memory")
}

/// A running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Nats {
    child: Child,
    port: u16,
    monitor: u16,
}

impl Nats {
    /// Starts `program` with its store, configuration and log in `folder`.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self, Failure> {
        let log = folder.join("nats.log");
        Self::launch(program, folder, &log).map_err(|error| {
            Failure::new(
                "SB-1501",
                Exit::Failed,
                t(
                    "nats-server ließ sich nicht starten.",
                    "nats-server could not be started.",
                ),
            )
            .detail(error.to_string())
            .hint(format!("tail {}", log.display()))
        })
    }

    fn launch(program: &Path, folder: &Path, log: &Path) -> io::Result<Self> {
        let (port, monitor) = (free_port()?, free_port()?);
        let config = folder.join("nats.conf");
        std::fs::write(&config, nats_conf(port, monitor, &folder.join("store")))?;
        let output = File::create(log)?;
        let child = Command::new(program)
            .args([OsStr::new("-c"), config.as_os_str()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for the bus, which ends the broker once it has drained.
            .process_group(0)
            .spawn()?;
        let mut nats = Self { child, port, monitor };
        let deadline = Instant::now() + START;
        while !(open(nats.port) && open(nats.monitor)) {
            if let Some(status) = nats.child.try_wait()? {
                return Err(io::Error::other(format!("nats-server: {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nats-server does not listen",
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(nats)
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it tells about itself.
    pub(crate) fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(id) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                drop(self.child.kill());
                drop(self.child.wait());
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn nats_conf(port: u16, monitor: u16, store: &Path) -> String {
    format!(
        "listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n\
         jetstream {{ store_dir: {:?}, sync_interval: always, max_file_store: 4GB }}\n",
        store.display().to_string()
    )
}

fn open(port: u16) -> bool {
    TcpStream::connect_timeout(
        &SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Duration::from_millis(500),
    )
    .is_ok()
}

/// A port nobody uses at this moment.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
