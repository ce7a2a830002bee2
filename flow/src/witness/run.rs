//! The work of the witness beside the way of the events: writing down, looking, comparing whole logs.

use std::{
    io,
    sync::{Arc, PoisonError},
};

use stadtbus_broker::{Broker, Health};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    Witness,
    check::{self, Finding},
    scan::Scan,
    watched::Watched,
};

/// Positions compared between two moments at which the scan can be put off.
const SCAN_CHUNK: u64 = 4_096;
/// A log is compared as a whole so often, at least.
const SCAN_AGAIN_AFTER_MS: u64 = 24 * 3_600 * 1_000;

impl Witness {
    pub(super) async fn look_at(&self, broker: &dyn Broker, watched: &Watched) {
        let _turn = watched.turn.lock().await;
        let fine = self.found(watched, check::look(broker, watched).await);
        // What was damaged may have been restored: only all of it tells.
        if fine && watched.damage().is_some() {
            set_scan(watched, Some(Scan::whole()));
        }
    }

    /// The quick look at every log that is known, and at the cells.
    pub async fn look(&self, broker: &dyn Broker) {
        for watched in self.all() {
            self.look_at(broker, &watched).await;
        }
        if self.buckets.look(broker).await {
            self.tell_standing();
        }
    }

    /// Writes down, looks and compares until `stop`. `broker` is the one behind [`Witnessed`].
    pub async fn run(self: Arc<Self>, broker: Arc<dyn Broker>, stop: CancellationToken) {
        let flushing = {
            let (witness, stop) = (Arc::clone(&self), stop.clone());
            tokio::spawn(async move { witness.flush_always(stop).await })
        };
        let mut health = broker.health();
        loop {
            let next = Instant::now() + self.look_every;
            let asked = async {
                tokio::select! {
                    biased;
                    () = self.wake.notified() => {}
                    () = back_up(&mut health) => {}
                    () = sleep_until(next) => {}
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = asked => self.look(&*broker).await,
                () = self.compare_all(&*broker) => {}
            }
        }
        if let Err(error) = flushing.await {
            tracing::error!(%error, "The witness's writer ended badly.");
        }
    }

    async fn flush_always(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = interval(self.flush_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            let witness = Arc::clone(&self);
            let flushed = tokio::task::spawn_blocking(move || witness.flush()).await;
            if let Ok(Err(error)) = flushed {
                tracing::error!(%error, "The witness cannot write down what was acknowledged; it is tried again.");
            }
            if last {
                return;
            }
        }
    }

    /// Writes down what was acknowledged. Blocks on the disk.
    ///
    /// # Errors
    /// The first one; the others are tried all the same.
    pub fn flush(&self) -> io::Result<()> {
        let mut outcome = Ok(());
        for watched in self.all() {
            outcome = outcome.and(watched.flush());
        }
        outcome.and(self.buckets.flush())
    }

    /// Compares whole logs, as many as are due; never ends, so that it can be put off for a look at any moment.
    async fn compare_all(&self, broker: &dyn Broker) {
        for watched in self.all() {
            while let Some(scan) = due(&watched) {
                let began = Instant::now();
                match self.compare_some(broker, &watched, scan).await {
                    Some(bytes) => sleep(check::pause(bytes, began, self.scan_bytes_s)).await,
                    None => break,
                }
            }
        }
        std::future::pending::<()>().await;
    }

    /// The next part of one log; `None` if there is nothing to go on with now.
    async fn compare_some(&self, broker: &dyn Broker, watched: &Watched, scan: Scan) -> Option<u64> {
        let _turn = watched.turn.lock().await;
        // Before the question: what is acknowledged meanwhile need not be in the answer.
        let mark = watched.mark();
        let state = broker.state(&watched.name).await.ok()?;
        // What ends or begins in the wrong place is not whole, however right its records are.
        if !matches!(watched.judge(mark, &state), Ok(None)) {
            set_scan(watched, None);
            return None;
        }
        let from = scan.next.max(state.first);
        let end = scan.end(state.last);
        let to = end.min(from.saturating_add(SCAN_CHUNK - 1));
        let compared = if state.count == 0 || from > to {
            Ok(0)
        } else {
            check::compare(broker, watched, from, to).await
        };
        match compared {
            Ok(bytes) if to >= end => {
                let left = scan.around();
                set_scan(watched, left);
                if scan.whole && left.is_none() {
                    self.all_compared(watched);
                }
                Some(bytes)
            }
            Ok(bytes) => {
                set_scan(watched, Some(scan.at(to + 1)));
                if scan.whole {
                    watched.scanned(to);
                }
                Some(bytes)
            }
            Err(finding) => {
                if matches!(finding, Finding::Damaged(_)) {
                    set_scan(watched, None);
                }
                self.found(watched, finding);
                None
            }
        }
    }

    /// Every record is the one that was acknowledged.
    fn all_compared(&self, watched: &Watched) {
        let restored = watched.damage().is_some();
        watched.compared();
        let told = if restored {
            tracing::warn!(log = %watched.name, "The log is whole again: every record is the one that was acknowledged.");
            watched.set_damage(None)
        } else {
            Ok(())
        };
        if let Err(error) = told.and_then(|()| watched.flush()) {
            tracing::error!(log = %watched.name, %error, "The witness cannot write down that the log is whole.");
        }
        if restored {
            self.tell_standing();
        }
    }
}

pub(super) fn set_scan(watched: &Watched, scan: Option<Scan>) {
    *watched.scan.lock().unwrap_or_else(PoisonError::into_inner) = scan;
}

/// What of this log is to be compared: where it was left off, what others appended and the chain waits for, or all of
/// it after a day.
fn due(watched: &Watched) -> Option<Scan> {
    let scan = *watched.scan.lock().unwrap_or_else(PoisonError::into_inner);
    if scan.is_some() {
        return scan;
    }
    if watched.damage().is_some() {
        return None;
    }
    if let Ok(Some(next)) = watched.unknown_from() {
        return Some(Scan::part(next));
    }
    let compared = watched.head().compared_ms;
    let old = crate::written::millis_now().saturating_sub(compared) > SCAN_AGAIN_AFTER_MS;
    (old && compared > 0).then_some(Scan::whole())
}

/// Waits until the broker can be used again after it could not.
async fn back_up(health: &mut tokio::sync::watch::Receiver<Health>) {
    loop {
        if health.changed().await.is_err() {
            return std::future::pending().await;
        }
        if matches!(&*health.borrow_and_update(), Health::Up) {
            return;
        }
    }
}
