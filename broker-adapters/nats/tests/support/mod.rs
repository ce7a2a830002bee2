//! A real nats-server on a free loopback port, with its data in a temporary folder and fsync on every write.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The server's program: `STADTBUS_NATS_SERVER`, `target/tools/nats-server` above this crate, or `nats-server` on the
/// path if that is at least 2.14. `None`, loudly, when there is none.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("STADTBUS_NATS_SERVER").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join("target/tools/nats-server"));
    let found = named.into_iter().chain(built).find(|path| path.is_file());
    let found = found.or_else(|| recent("nats-server").then(|| PathBuf::from("nats-server")));
    if found.is_none() {
        eprintln!(
            "SKIPPED: no nats-server >= 2.14. Set STADTBUS_NATS_SERVER or put it at target/tools/nats-server."
        );
    }
    found
}

fn recent(program: &str) -> bool {
    let Ok(output) = Command::new(program).arg("--version").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.rsplit('v').next().unwrap_or_default().trim().to_owned();
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (2, 14)
}

pub struct Server {
    program: PathBuf,
    folder: PathBuf,
    jetstream: String,
    /// The server's own choice at its first start, kept at later ones: a port chosen here could be another's by then.
    ports: Mutex<Option<(u16, u16)>>,
    child: Mutex<Option<Child>>,
}

static FOLDERS: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn start(sync_interval: &str) -> Option<Self> {
        Self::start_with(sync_interval, "")
    }

    pub fn start_with(sync_interval: &str, extra: &str) -> Option<Self> {
        let program = program()?;
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("stadtbus-nats-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = folder.join("store");
        let jetstream =
            format!("jetstream {{ store_dir: {store:?}, sync_interval: {sync_interval} {extra} }}");
        let server = Self {
            program,
            folder,
            jetstream,
            ports: Mutex::new(None),
            child: Mutex::new(None),
        };
        server.run();
        Some(server)
    }

    fn ports(&self) -> (u16, u16) {
        self.ports.lock().unwrap().unwrap()
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.ports().0)
    }

    pub fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports().1)
    }

    /// Starts the process, unless it runs, and waits until it listens.
    pub fn run(&self) {
        if self.child.lock().unwrap().is_some() {
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.attempt(deadline) {
            assert!(
                Instant::now() < deadline,
                "nats-server does not start: {}",
                self.folder.display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// One start; `false` when the process ended, for which a port that is not free yet is the usual reason.
    fn attempt(&self, deadline: Instant) -> bool {
        let (port, monitor) = self
            .ports
            .lock()
            .unwrap()
            .map_or((-1, -1), |(a, b)| (i32::from(a), i32::from(b)));
        let config = format!(
            "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\nports_file_dir: {:?}\n{}\n",
            self.folder, self.jetstream
        );
        fs::write(self.folder.join("nats.conf"), config).unwrap();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let mut child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let name = self.program.file_name().unwrap().to_string_lossy().into_owned();
        let file = self.folder.join(format!("{name}_{}.ports", child.id()));
        let ports = loop {
            // Written when it listens; read again while it is being written.
            if let Some(ports) = fs::read_to_string(&file).ok().and_then(|text| ports_in(&text)) {
                break ports;
            }
            if child.try_wait().unwrap().is_some() || Instant::now() > deadline {
                let _ = child.kill();
                child.wait().unwrap();
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        *self.ports.lock().unwrap() = Some(ports);
        *self.child.lock().unwrap() = Some(child);
        true
    }

    /// As a power cut would end it.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Freezes the process, or lets it go on.
    pub fn freeze(&self, freeze: bool) {
        let Some(id) = self
            .child
            .lock()
            .unwrap()
            .as_ref()
            .map(|child| child.id().to_string())
        else {
            return;
        };
        let signal = if freeze { "-STOP" } else { "-CONT" };
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        // The signal is on its way; on a busy machine a thread can still answer something before it stops.
        let deadline = Instant::now() + Duration::from_secs(10);
        while freeze && Path::new("/proc/self").exists() && !frozen(&id) {
            assert!(Instant::now() < deadline, "nats-server does not freeze");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether every thread of the process is stopped.
fn frozen(id: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    })
}

/// The ports in `{"nats":["nats://127.0.0.1:1"],"monitoring":["http://127.0.0.1:2"]}`.
fn ports_in(text: &str) -> Option<(u16, u16)> {
    let ports: serde_json::Value = serde_json::from_str(text).ok()?;
    let port = |kind: &str| ports[kind][0].as_str()?.rsplit(':').next()?.parse().ok();
    Some((port("nats")?, port("monitoring")?))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
