//! Something bad in the way: a proxy that passes bytes on late, slowly, changed, in one direction only, or not at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stadtbus_harness::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Chunks on their way in one direction of one connection; then the sender has to wait.
const UNDER_WAY_MAX: usize = 64;
const CHUNK_BYTES: usize = 16 << 10;
/// What is changed lies behind a frame's head, so that it is data that is hit.
const CORRUPTED_BYTES_MIN: usize = 256;
const DRIP_EACH: Duration = Duration::from_secs(1);

/// What the way is like.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Each chunk comes so many milliseconds later, more or less by `jitter_ms`.
    pub(crate) late_ms: u64,
    pub(crate) jitter_ms: u64,
    /// So many in a hundred connections are reset after their first bytes.
    pub(crate) resets_percent: u8,
    /// One byte a second.
    pub(crate) drip: bool,
    /// So many of the next chunks get one bit changed, in the direction of the server.
    pub(crate) corrupt: u32,
}

/// An order to all connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Go,
    /// Close at once, with a reset.
    Reset,
    /// Say towards the server that nothing more comes, and go on reading.
    HalfClose,
}

#[derive(Debug)]
struct Way {
    weather: Mutex<Weather>,
    orders: watch::Sender<Order>,
    corrupted: Mutex<u64>,
}

impl Way {
    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one bit of the chunk if that is wanted of it.
    fn spoil(&self, chunk: &mut [u8]) {
        let mut weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let middle = chunk.len() / 2;
        if weather.corrupt == 0 || chunk.len() < CORRUPTED_BYTES_MIN {
            return;
        }
        if let Some(byte) = chunk.get_mut(middle) {
            *byte ^= 0x04;
            weather.corrupt -= 1;
            *self.corrupted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }
}

/// A proxy on loopback; dropped, it stops listening and resets what it carries.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    way: Arc<Way>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes on to `server`, which need not be there yet.
    pub(crate) async fn start(server: SocketAddr) -> Outcome<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let way = Arc::new(Way {
            weather: Mutex::default(),
            orders: watch::Sender::new(Order::Go),
            corrupted: Mutex::default(),
        });
        let shared = Arc::clone(&way);
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = socket.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Ok(Self {
            address,
            way,
            listener,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, for connections there are as well.
    pub(crate) fn set(&self, weather: Weather) {
        *self.way.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// Resets all connections.
    pub(crate) fn reset_all(&self) {
        self.order(Order::Reset);
    }

    /// Closes all connections half.
    pub(crate) fn half_close_all(&self) {
        self.order(Order::HalfClose);
    }

    /// Chunks in which a bit was changed.
    pub(crate) fn corrupted(&self) -> u64 {
        *self.way.corrupted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
        self.way.orders.send_replace(order);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.reset_all();
        self.listener.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, way: Arc<Way>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        // It is only a hint; without it bytes come a little later.
        let _ = stream.set_nodelay(true);
    }
    let doomed = fastrand::u8(0..100) < way.weather().resets_percent;
    let mut orders = way.orders.subscribe();
    orders.mark_unchanged();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut up = tokio::spawn(pump(
        from_client,
        to_server,
        Arc::clone(&way),
        true,
        orders.clone(),
    ));
    let mut down = tokio::spawn(pump(
        from_server,
        to_client,
        Arc::clone(&way),
        false,
        orders.clone(),
    ));
    let reset = async {
        if doomed {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..50))).await;
            return;
        }
        while orders.changed().await.is_ok() {
            if *orders.borrow() == Order::Reset {
                return;
            }
        }
    };
    let ended = async {
        let _ = (&mut up).await;
        let _ = (&mut down).await;
    };
    tokio::select! {
        () = reset => {}
        () = ended => {}
    }
    up.abort();
    down.abort();
}

/// Carries one direction until it ends.
async fn pump(
    mut from: OwnedReadHalf,
    to: OwnedWriteHalf,
    way: Arc<Way>,
    upwards: bool,
    mut orders: watch::Receiver<Order>,
) {
    let (sender, receiver) = mpsc::channel(UNDER_WAY_MAX);
    let writer = tokio::spawn(write(to, receiver, Arc::clone(&way)));
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = tokio::select! {
            read = from.read(&mut chunk) => read,
            order = orders.changed(), if upwards => {
                if order.is_ok() && *orders.borrow() == Order::HalfClose {
                    break;
                }
                continue;
            }
        };
        let Ok(length @ 1..) = read else {
            break;
        };
        chunk.truncate(length);
        if upwards {
            way.spoil(&mut chunk);
        }
        let weather = way.weather();
        let late =
            (weather.late_ms + fastrand::u64(0..=2 * weather.jitter_ms)).saturating_sub(weather.jitter_ms);
        let due = Instant::now() + Duration::from_millis(late);
        if sender.send((due, chunk)).await.is_err() {
            return;
        }
    }
    drop(sender);
    let _ = writer.await;
    // What still comes must not be answered with a reset: the way is closed in the other direction only.
    let mut rest = [0; 1024];
    while upwards && matches!(from.read(&mut rest).await, Ok(1..)) {}
}

async fn write(mut to: OwnedWriteHalf, mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>, way: Arc<Way>) {
    while let Some((due, chunk)) = chunks.recv().await {
        tokio::time::sleep_until(due).await;
        let mut rest = chunk.as_slice();
        while way.weather().drip
            && let Some((byte, more)) = rest.split_first()
        {
            if to.write_all(&[*byte]).await.is_err() {
                return;
            }
            rest = more;
            tokio::time::sleep(DRIP_EACH).await;
        }
        if to.write_all(rest).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Proxy, Weather};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn echo() -> std::net::SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn bytes_pass_and_one_bit_is_changed_on_order() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let (sent, mut got) = (vec![b'a'; 1000], vec![0; 1000]);
        stream.write_all(&sent).await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(sent, got);
        proxy.set(Weather {
            corrupt: 1,
            ..Weather::default()
        });
        stream.write_all(&sent).await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        let changed = sent.iter().zip(&got).filter(|(sent, got)| sent != got).count();
        assert_eq!((changed, proxy.corrupted()), (1, 1));
    }

    #[tokio::test]
    async fn a_reset_ends_a_connection_and_a_half_close_lets_answers_through() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        let mut got = [0; 4];
        stream.write_all(b"abcd").await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        proxy.half_close_all();
        let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut got)).await;
        assert_eq!(end.unwrap().unwrap(), 0, "the server saw the end and ended, too");

        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"abcd").await.unwrap();
        stream.read_exact(&mut got).await.unwrap();
        proxy.reset_all();
        let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut got)).await;
        assert!(matches!(end.unwrap(), Ok(0) | Err(_)));
    }
}
