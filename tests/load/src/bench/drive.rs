//! The two ways to send: as fast as answers come (closed loop), and by the clock (open loop).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Answer, Connection, Latencies, Template, pace};
use tokio::task::JoinSet;

use super::arrivals::Arrivals;

/// Which lane an event is for.
pub(crate) type Lane = fn(u64) -> u64;

/// All events to one lane.
pub(crate) const ONE_LANE: Lane = |_| 0;

const WARM_UP: Duration = Duration::from_secs(1);
/// Connections of the open loop: more than can be in flight at its rates unless the system has fallen behind.
const OPEN_CONNECTIONS: usize = 64;
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// What publishing came to. Shared by the connections of one run.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    next: AtomicU64,
    until: AtomicU64,
    accepted: AtomicU64,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
    stop: AtomicBool,
}

impl Sent {
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// The next numbers, unless the run is over.
    fn take(&self, events: u64) -> Option<u64> {
        if self.stop.load(Relaxed) {
            return None;
        }
        let first = self.next.fetch_add(events, Relaxed);
        (first + events <= self.until.load(Relaxed)).then_some(first)
    }

    fn note(&self, events: u64, answer: std::io::Result<Answer<'_>>) -> bool {
        let trouble = match answer {
            Ok(answer) if answer.status == 202 && !(events > 1 && has_error(answer.body)) => {
                self.accepted.fetch_add(events, Relaxed);
                return true;
            }
            Ok(answer) => {
                let shown = answer.body.get(..400).unwrap_or(answer.body);
                format!("HTTP {} {}", answer.status, String::from_utf8_lossy(shown))
            }
            Err(error) => error.to_string(),
        };
        self.errors.fetch_add(1, Relaxed);
        let mut first = self.first_error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(trouble);
        false
    }

    /// The sentence of the first error, if there was one.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.first_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn has_error(receipts: &[u8]) -> bool {
    std::str::from_utf8(receipts).is_ok_and(|text| text.contains("{\"error\":"))
}

/// Connections that publish without pause, in the background.
pub(crate) struct Closed {
    pub(crate) sent: Arc<Sent>,
    tasks: JoinSet<()>,
}

/// How a closed loop is bounded.
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) first: u64,
    pub(crate) events_max: u64,
    /// Where permits come from for each event, if what counts as in flight ends at arrival and not at acceptance.
    pub(crate) arrivals: Option<Arc<Arrivals>>,
}

impl Closed {
    pub(crate) fn start(bus: SocketAddr, template: &Template, lane: Lane, bounds: &Bounds) -> Self {
        let sent = Arc::new(Sent::default());
        sent.next.store(bounds.first, Relaxed);
        sent.until.store(bounds.first + bounds.events_max, Relaxed);
        let mut tasks = JoinSet::new();
        for _ in 0..bounds.connections {
            let (sent, arrivals, template) = (Arc::clone(&sent), bounds.arrivals.clone(), template.clone());
            tasks.spawn(publish_on(bus, template, lane, sent, arrivals));
        }
        Self { sent, tasks }
    }

    /// Lets it warm up, then gives the time and a count to start from.
    pub(crate) async fn warm_up(&self, count: impl Fn() -> u64) -> (Instant, u64) {
        tokio::time::sleep(WARM_UP).await;
        (Instant::now(), count())
    }

    /// Ends it and fails with the first error if nothing was accepted at all.
    pub(crate) async fn end(mut self) -> Outcome<Arc<Sent>> {
        self.sent.stop();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_WITHIN, all).await.is_err() {
            return Err(Failure::new("requests stayed unanswered"));
        }
        self.judge()
    }

    /// Waits until everything it may send is sent.
    pub(crate) async fn all(mut self) -> Outcome<Arc<Sent>> {
        while self.tasks.join_next().await.is_some() {}
        self.judge()
    }

    fn judge(self) -> Outcome<Arc<Sent>> {
        match (self.sent.accepted(), self.sent.trouble()) {
            (0, Some(trouble)) => Err(Failure::new(trouble)),
            _ => Ok(self.sent),
        }
    }
}

async fn publish_on(
    bus: SocketAddr,
    mut template: Template,
    lane: Lane,
    sent: Arc<Sent>,
    arrivals: Option<Arc<Arrivals>>,
) {
    let mut connection = Connection::new(bus);
    let events = template.events() as u64;
    loop {
        if let Some(arrivals) = &arrivals {
            let Ok(permits) = arrivals
                .room
                .acquire_many(u32::try_from(events).unwrap_or(u32::MAX))
                .await
            else {
                return;
            };
            permits.forget();
        }
        let Some(first) = sent.take(events) else {
            return;
        };
        let answer = connection.exchange(template.write(first, lane)).await;
        let accepted = sent.note(events, answer);
        if let (false, Some(arrivals)) = (accepted, &arrivals) {
            arrivals
                .room
                .add_permits(usize::try_from(events).unwrap_or(usize::MAX));
        }
    }
}

/// Publishes `first..first + count` and nothing else, in batches, as fast as they are accepted.
pub(crate) async fn preload(bus: SocketAddr, batch: &Template, first: u64, count: u64) -> Outcome<()> {
    let bounds = Bounds {
        connections: 8,
        first,
        events_max: count,
        arrivals: None,
    };
    let sent = Closed::start(bus, batch, ONE_LANE, &bounds).all().await?;
    match sent.accepted() {
        accepted if accepted == count => Ok(()),
        accepted => Err(Failure::new(format!(
            "only {accepted} of {count} events were accepted beforehand: {}",
            sent.trouble().unwrap_or_default()
        ))),
    }
}

/// The open loop: `rate` requests a second for a time, from number `first` on. Gives the latency of the answers, and notes
/// in `arrivals` when each event was due.
pub(crate) async fn open(
    bus: SocketAddr,
    template: &Template,
    lane: Lane,
    (first, requests, rate): (u64, u64, f64),
    arrivals: Option<Arc<Arrivals>>,
) -> Outcome<(Latencies, Arc<Sent>)> {
    let schedule = pace(rate, requests);
    let sent = Arc::new(Sent::default());
    let mut tasks = JoinSet::new();
    for _ in 0..OPEN_CONNECTIONS {
        let (schedule, sent, arrivals) = (Arc::clone(&schedule), Arc::clone(&sent), arrivals.clone());
        let mut template = template.clone();
        tasks.spawn(async move {
            let mut connection = Connection::new(bus);
            let mut latencies = Latencies::default();
            let events = template.events() as u64;
            loop {
                let due = schedule.lock().await.recv().await;
                let Some(due) = due else {
                    return latencies;
                };
                let number = first + due.index * events;
                if let Some(arrivals) = &arrivals {
                    arrivals.due(number, due.at);
                }
                let answer = connection.exchange(template.write(number, lane)).await;
                sent.note(events, answer);
                latencies.push(due.at.elapsed());
            }
        });
    }
    let mut all = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        all.append(done.map_err(|error| Failure::new(error.to_string()))?);
    }
    match (sent.accepted(), sent.trouble()) {
        (0, Some(trouble)) => Err(Failure::new(trouble)),
        _ => Ok((all, sent)),
    }
}

/// How many requests an open loop makes in a time.
pub(crate) fn requests_in(time: Duration, rate: u32) -> u64 {
    time.as_secs().max(1) * u64::from(rate)
}

/// Events per second.
#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 events")]
pub(crate) fn per_second(events: u64, time: Duration) -> f64 {
    events as f64 / time.as_secs_f64()
}
