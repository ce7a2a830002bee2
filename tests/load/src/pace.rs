//! The clock of the open loop: says when each event is due, however the system is doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

/// One event that is due.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Its number in the run, from 0.
    pub index: u64,
    /// When it was to be sent; latency counts from here.
    pub at: Instant,
}

/// Events waiting for a free connection; a run's schedule is bounded, and what waits here is counted as latency.
const WAITING_MAX: usize = 65_536;

/// Starts a schedule of `count` events at `rate` per second. Connections share the receiving end.
///
/// A thread of its own keeps it: the runtime's timers tick in milliseconds, which is as long as what is measured.
#[must_use]
pub fn pace(rate: f64, count: u64) -> Arc<Mutex<mpsc::Receiver<Due>>> {
    let (send, receive) = mpsc::channel(WAITING_MAX);
    std::thread::spawn(move || {
        let start = Instant::now() + Duration::from_millis(20);
        for index in 0..count {
            #[expect(clippy::cast_precision_loss, reason = "runs are far shorter than 2^52 events")]
            let at = start + Duration::from_secs_f64(index as f64 / rate);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if send.blocking_send(Due { index, at }).is_err() {
                return;
            }
        }
    });
    Arc::new(Mutex::new(receive))
}
