//! Tells all who wait that something changed, in the order in which they came: a watch channel wakes by chance, and then
//! no run could be played again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

#[derive(Debug, Clone, Default)]
pub(crate) struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: AtomicU64,
    waiting: Notify,
}

impl Signal {
    pub(crate) fn raise(&self) {
        self.0.raised.fetch_add(1, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Hears of all that is raised from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener {
            heard: self.0.raised.load(Ordering::SeqCst),
            signal: self.clone(),
        }
    }
}

pub(crate) struct Listener {
    signal: Signal,
    heard: u64,
}

impl Listener {
    /// What was raised until now is no news any more.
    pub(crate) fn catch_up(&mut self) {
        self.heard = self.signal.0.raised.load(Ordering::SeqCst);
    }

    /// Until something is raised that is news.
    pub(crate) async fn changed(&mut self) {
        let Self { signal, heard } = self;
        loop {
            let waiting = signal.0.waiting.notified();
            tokio::pin!(waiting);
            waiting.as_mut().enable();
            let raised = signal.0.raised.load(Ordering::SeqCst);
            if raised != *heard {
                *heard = raised;
                return;
            }
            waiting.await;
        }
    }
}
