//! Decoys: whoever connects to one is written down. They say nothing, for there is nothing to be said to them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome, eventually};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};

use crate::{DECOYS, space};

/// Where services that are worth an attack listen.
pub(crate) const PORTS: &[u16] = &[
    22, 25, 80, 443, 2375, 4222, 6379, 8080, 8222, 8443, 8500, 9000, 9200, 10250,
];
/// A connection to this one says: all that came before is written down.
const FENCE: u16 = 81;
const WITHIN: Duration = Duration::from_secs(10);
const READY: &str = "ready";

/// Hits, as `address:port`.
pub(crate) type Hits = Arc<Mutex<Vec<SocketAddr>>>;

/// Listens on all addresses of this namespace; `told` is called with the address that was connected to.
async fn listen(told: impl Fn(SocketAddr) + Clone + Send + 'static, ports: &[u16]) -> Outcome<()> {
    for port in ports {
        for address in [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)),
        ] {
            // One listener takes both families, where there are two; then there is no room for the second.
            let Ok(socket) = TcpListener::bind(address).await else {
                continue;
            };
            let told = told.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = socket.accept().await {
                    if let Ok(at) = stream.local_addr() {
                        told(SocketAddr::new(at.ip().to_canonical(), at.port()));
                    }
                }
            });
        }
    }
    Ok(())
}

/// The stage of the decoys: says hits on standard output, until standard input ends.
pub(crate) async fn run() -> Outcome<bool> {
    println!("here");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    space::settle_decoys()?;
    let ports: Vec<u16> = PORTS.iter().copied().chain([FENCE]).collect();
    listen(|at| println!("{at}"), &ports).await?;
    println!("{READY}");
    let end = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    end.await.map_err(|error| Failure::new(error.to_string()))??;
    Ok(true)
}

/// The decoys, near and far.
pub(crate) struct Decoys {
    hits: Hits,
    // Ends with its standard input.
    _far: Child,
}

impl Decoys {
    /// Starts both: those of this machine here, all others in a namespace behind a cable.
    pub(crate) async fn start() -> Outcome<Self> {
        let mut far = Command::new("unshare")
            .arg("-n")
            .arg(std::env::current_exe()?)
            .arg(DECOYS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let gone = || Failure::new("the decoys did not start");
        let stdout = far.stdout.take().ok_or_else(gone)?;
        let mut lines = BufReader::new(stdout).lines();
        expect(&mut lines, "here").await?;
        space::lay_cable(far.id().ok_or_else(gone)?)?;
        far.stdin.as_mut().ok_or_else(gone)?.write_all(b"go\n").await?;
        expect(&mut lines, READY).await?;
        let hits = Hits::default();
        let (there, here) = (Arc::clone(&hits), Arc::clone(&hits));
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(at) = line.parse() {
                    there.lock().unwrap_or_else(PoisonError::into_inner).push(at);
                }
            }
        });
        let write = move |at| here.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        listen(write, PORTS).await?;
        Ok(Self { hits, _far: far })
    }

    /// Knocks at every decoy that lives: one that is not there proves nothing by its silence.
    pub(crate) async fn prove(&self) -> Outcome<usize> {
        let near = ["127.0.0.1", "127.1.2.3", "::1", space::OWN];
        let all: Vec<&str> = near.into_iter().chain(space::LIVE.iter().copied()).collect();
        for address in &all {
            let address = address
                .parse()
                .map_err(|_| Failure::new(format!("{address} is no address")))?;
            let at = SocketAddr::new(address, 80);
            let knock = TcpStream::connect(at).await;
            knock.map_err(|error| Failure::new(error.to_string()).while_(format!("knocking at {at}")))?;
        }
        let count = all.len();
        eventually(WITHIN, "every decoy has written down the knock", || async {
            let found = self.hits.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let missing: Vec<&&str> = all
                .iter()
                .filter(|address| !found.iter().any(|at| Ok(at.ip()) == address.parse()))
                .collect();
            match missing.is_empty() {
                true => Ok(()),
                false => Err(Failure::new(format!("not by {missing:?}"))),
            }
        })
        .await?;
        self.hits.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(count)
    }

    /// All hits so far.
    pub(crate) async fn hits(&self) -> Outcome<Vec<SocketAddr>> {
        let far: SocketAddr = format!("{}:{FENCE}", space::FAR)
            .parse()
            .map_err(|_| Failure::new("the fence has no address"))?;
        TcpStream::connect(far).await?;
        eventually(WITHIN, "all hits are written down", || async {
            let mut found = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
            let before = found.len();
            found.retain(|at| *at != far);
            match before > found.len() {
                true => Ok(found.clone()),
                false => Err(Failure::new("not yet")),
            }
        })
        .await
    }
}

async fn expect(lines: &mut Lines<BufReader<ChildStdout>>, wanted: &str) -> Outcome<()> {
    match lines.next_line().await? {
        Some(line) if line == wanted => Ok(()),
        other => Err(Failure::new(format!(
            "the decoys said {other:?} in place of `{wanted}`"
        ))),
    }
}
