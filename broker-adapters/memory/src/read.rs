//! Readers: each holds one portion and the position after it, and waits for change, recovery or the next schedule.

use std::{collections::VecDeque, sync::Arc};

use futures_util::stream;
use stadtbus_broker::{LogName, Position, ReadOptions, Record, RecordStream};
use tokio::{sync::watch, time::Instant};

use crate::{signal::Listener, state::Shared};

const PORTION_MAX: usize = 256;

struct Reader {
    shared: Arc<Shared>,
    log: LogName,
    options: ReadOptions,
    next: Position,
    portion: VecDeque<Record>,
    changed: Listener,
    waiting: Waiting,
}

/// What a reader or watcher waits on besides its own source.
pub(crate) struct Waiting {
    trouble: Listener,
    closed: watch::Receiver<bool>,
}

impl Waiting {
    pub(crate) fn on(shared: &Shared) -> Self {
        Self {
            trouble: shared.trouble.listen(),
            closed: shared.closed.subscribe(),
        }
    }

    pub(crate) fn closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Until the source changes, the broker comes back, something is due, or it is closed (then `false`).
    pub(crate) async fn wait(&mut self, source: &mut Listener, due: Option<Instant>) -> bool {
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = source.changed() => {}
            () = self.trouble.changed() => {}
            () = due => {}
        }
        !self.closed()
    }
}

pub(crate) fn read(
    shared: Arc<Shared>,
    log: LogName,
    options: ReadOptions,
    next: Position,
    changed: Listener,
) -> RecordStream {
    let waiting = Waiting::on(&shared);
    let reader = Reader {
        shared,
        log,
        options,
        next,
        portion: VecDeque::new(),
        changed,
        waiting,
    };
    Box::pin(stream::unfold(reader, |mut reader| async move {
        let record = reader.next().await?;
        Some((record, reader))
    }))
}

impl Reader {
    async fn next(&mut self) -> Option<Record> {
        loop {
            if self.waiting.closed() {
                return None;
            }
            if let Some(record) = self.portion.pop_front() {
                return Some(record);
            }
            self.changed.catch_up();
            let mut due = None;
            if self.shared.up().is_ok() {
                due = self.fill()?;
            }
            if self.portion.is_empty() {
                if !self.waiting.wait(&mut self.changed, due).await {
                    return None;
                }
            } else {
                self.shared.read_delay().await;
            }
        }
    }

    /// Takes the next portion; answers the moment of the log's next schedule.
    fn fill(&mut self) -> Option<Option<Instant>> {
        let now = self.shared.clock.now();
        let mut store = self.shared.store();
        let (log, due) = store.log(&self.log, now).ok()?;
        let (portion, next) = log.portion(self.next, &self.options, PORTION_MAX);
        self.portion.extend(portion);
        self.next = next;
        Some(due)
    }
}
