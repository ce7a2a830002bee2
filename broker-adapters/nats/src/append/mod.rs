//! Group commit: appends that come while another is being written are written together.
//!
//! Each log has one writer. An append that finds it idle is written at once, by itself: no lingering, its latency is
//! that of one publish. What queues up meanwhile becomes the next group, which is written in the way that is expected
//! to be faster ([`cost`]). So the group grows with the load and shrinks with it, without a parameter.
//!
//! What waits is bounded in number and in bytes; an append that finds no room within its deadline is refused as
//! unavailable, and nothing of it is stored.

mod cost;
mod turn;
mod write;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use stadtbus_broker::{Appended, BrokerError, Entry};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::Instant,
};

use self::{cost::Costs, turn::Turns, write::Writer};
use crate::{link::Link, wire::Extra};

/// Entries waiting for one log.
const WAITING_MAX: usize = 4096;
/// Bytes of entries waiting for or being written to one log.
const WAITING_KIB_MAX: usize = 32 * 1024;
/// Entries in one group: the most JetStream takes in an atomic batch.
const GROUP_MAX: usize = 1000;
/// Bytes in one group.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// Groups being written at the same time: the next is sent while the server still works on the one before, and stored
/// only after that: entries of one call keep their order, also where a group has to be written again.
const GROUPS_MAX: usize = 2;
/// A second group is worth it from this size on; started sooner, it would only make the groups smaller.
const SECOND_GROUP_MIN: usize = 256;
/// How much longer than its deadline a caller waits for the writer to say how it went.
const GRACE: Duration = Duration::from_millis(200);

/// The answer to one append.
pub(crate) type Answer = Result<Appended, BrokerError>;

/// One append on its way.
pub(crate) struct Job {
    entry: Entry,
    extra: Extra,
    until: Instant,
    /// Set by whoever is first: the writer that takes it, or the caller who gives up.
    decided: Arc<AtomicBool>,
    /// Whether it has been sent, so that it may be stored.
    sent: bool,
    reply: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

impl Job {
    fn answer(self, answer: Answer) {
        // The caller may have gone away; then nobody wants to know.
        let _ = self.reply.send(answer);
    }
}

/// The way to one log's writer.
#[derive(Clone)]
pub(crate) struct Appender {
    queue: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    writing: watch::Receiver<()>,
}

/// An append that has been queued.
pub(crate) struct Queued {
    answer: oneshot::Receiver<Answer>,
    decided: Arc<AtomicBool>,
    until: Instant,
}

impl Appender {
    /// Starts the writer of this log.
    pub(crate) fn start(link: Arc<Link>, log: &str) -> Self {
        let (queue, jobs) = mpsc::channel(WAITING_MAX);
        let room = Arc::new(Semaphore::new(WAITING_KIB_MAX));
        let (until_dropped, writing) = watch::channel(());
        let writer = Writer::new(link, log);
        tokio::spawn(async move {
            run(jobs, writer).await;
            drop(until_dropped);
        });
        Self { queue, room, writing }
    }

    /// Queues an append; ends when there is room for it.
    pub(crate) async fn queue(
        &self,
        entry: Entry,
        extra: Extra,
        until: Instant,
    ) -> Result<Queued, BrokerError> {
        let weight = (entry.size_bytes() / 1024 + 1).min(WAITING_KIB_MAX);
        let (reply, answer) = oneshot::channel();
        let decided = Arc::new(AtomicBool::new(false));
        let claim = Arc::clone(&decided);
        let queued = async {
            let room = Arc::clone(&self.room)
                .acquire_many_owned(u32::try_from(weight).unwrap_or(u32::MAX))
                .await;
            let room = room.map_err(|_| closed())?;
            let job = Job {
                entry,
                extra,
                until,
                decided: claim,
                sent: false,
                reply,
                _room: room,
            };
            self.queue.send(job).await.map_err(|_| closed())
        };
        match tokio::time::timeout_at(until, queued).await {
            Ok(Ok(())) => Ok(Queued {
                answer,
                decided,
                until,
            }),
            Ok(Err(closed)) => Err(closed),
            Err(_) => Err(BrokerError::Unavailable(
                "too much is waiting for this log".to_owned(),
            )),
        }
    }

    /// Until the writer has ended, which it does when all handles are gone and what it was writing is answered.
    pub(crate) async fn ended(self) {
        let Self {
            queue,
            room: _,
            mut writing,
        } = self;
        drop(queue);
        // The other end is never told anything, it is dropped with the writer.
        let _ = writing.changed().await;
    }
}

fn closed() -> BrokerError {
    BrokerError::Unavailable("closed".to_owned())
}

impl Queued {
    /// How it went.
    pub(crate) async fn answer(self) -> Answer {
        let Ok(answered) = tokio::time::timeout_at(self.until + GRACE, self.answer).await else {
            return Err(if self.decided.swap(true, Ordering::AcqRel) {
                BrokerError::Unknown("no answer in time".to_owned())
            } else {
                BrokerError::Unavailable("too much is waiting for this log".to_owned())
            });
        };
        answered.unwrap_or_else(|_| Err(BrokerError::Unknown("the writer ended".to_owned())))
    }
}

async fn run(mut jobs: mpsc::Receiver<Job>, writer: Writer) {
    let mut costs = Costs::new();
    let mut waiting = VecDeque::new();
    let mut arrived = Vec::with_capacity(GROUP_MAX);
    let mut writing = FuturesUnordered::new();
    let mut turns = Turns::default();
    let mut open = true;
    while open || !writing.is_empty() || !waiting.is_empty() {
        while writing.len() < GROUPS_MAX && !waiting.is_empty() {
            while waiting.len() < GROUP_MAX {
                let Ok(job) = jobs.try_recv() else { break };
                waiting.push_back(job);
            }
            if !writing.is_empty() && waiting.len() < SECOND_GROUP_MIN {
                break;
            }
            let group = next_group(&mut waiting);
            if !group.is_empty() {
                let way = costs.choose(group.len());
                writing.push(writer.write(group, way, turns.next()));
            }
        }
        tokio::select! {
            biased;
            Some(report) = writing.next() => {
                let report: write::Report = report;
                if report.smooth {
                    costs.learn(report.way, report.messages, report.took.as_secs_f64() * 1000.0);
                }
            }
            count = jobs.recv_many(&mut arrived, GROUP_MAX), if open && waiting.len() < SECOND_GROUP_MIN && writing.len() < GROUPS_MAX => {
                open = count > 0;
                waiting.extend(arrived.drain(..));
            }
        }
    }
}

/// Takes the next group off the queue, leaving out those whose callers have given up.
fn next_group(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut group = Vec::with_capacity(waiting.len().min(GROUP_MAX));
    let mut bytes = 0;
    while group.len() < GROUP_MAX {
        let Some(job) = waiting.pop_front() else { break };
        let size = job.entry.size_bytes();
        if bytes + size > GROUP_BYTES_MAX && !group.is_empty() {
            waiting.push_front(job);
            break;
        }
        if !job.decided.swap(true, Ordering::AcqRel) {
            bytes += size;
            group.push(job);
        }
    }
    group
}
