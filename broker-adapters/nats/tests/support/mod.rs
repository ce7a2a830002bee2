//! A real nats-server on a free loopback port, with its data in a temporary folder and fsync on every write.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
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
    port: u16,
    monitor: u16,
    child: Mutex<Option<Child>>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Server {
    pub fn start(sync_interval: &str) -> Option<Self> {
        Self::start_with(sync_interval, "")
    }

    pub fn start_with(sync_interval: &str, extra: &str) -> Option<Self> {
        let program = program()?;
        let (port, monitor) = (free_port(), free_port());
        let folder = std::env::temp_dir().join(format!("stadtbus-nats-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = folder.join("store");
        let config = format!(
            "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\n\
             jetstream {{ store_dir: {store:?}, sync_interval: {sync_interval} {extra} }}\n"
        );
        fs::write(folder.join("nats.conf"), config).unwrap();
        let server = Self {
            program,
            folder,
            port,
            monitor,
            child: Mutex::new(None),
        };
        server.run();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor)
    }

    /// Starts the process and waits until it listens.
    pub fn run(&self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.child.lock().unwrap() = Some(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "nats-server does not start: {}",
                self.folder.display()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
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
        let id = self.child.lock().unwrap().as_ref().unwrap().id().to_string();
        let signal = if freeze { "-STOP" } else { "-CONT" };
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
