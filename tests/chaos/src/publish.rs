//! Publishers that behave as real ones do: they repeat what was not answered, with the same id, or walk away from it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use stadtbus_load::{Connection, request};
use tokio::task::JoinSet;

use crate::answers::SharedAnswers;
use crate::ledger::{Answer, Ledger, Place};
use crate::payload;

/// The ledger, shared by everybody who reports to it.
pub(crate) type Shared = Arc<Mutex<Ledger>>;

/// The ledger, for a moment.
pub(crate) fn open(ledger: &Shared) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const PUBLISHERS: usize = 32;
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
/// One in so many failures is walked away from; the others are repeated until they are answered.
const WALK_AWAY: u32 = 4;
const REPEATS_MAX: u32 = 400;
/// One in so many accepted events is sent again on purpose: it must get the same receipt.
const AGAIN: u32 = 500;
/// Publishers wait while a subscription is this far behind, so that a run settles in bounded time.
const BEHIND_MAX: u64 = 30_000;

/// Where and as whom to publish, and how much.
#[derive(Debug, Clone)]
pub(crate) struct Publishing {
    /// The bus processes; publishers turn to the next one when theirs fails.
    pub(crate) buses: Vec<SocketAddr>,
    pub(crate) token: String,
    /// Events to claim at least, and at most.
    pub(crate) events: u64,
    pub(crate) events_max: u64,
    pub(crate) publishers: usize,
    /// Between `events` and `events_max`, publishing ends with this.
    pub(crate) faults_over: Arc<AtomicBool>,
    pub(crate) answers: SharedAnswers,
}

impl Publishing {
    fn is_enough(&self, claimed: u64) -> bool {
        claimed >= self.events_max || (claimed >= self.events && self.faults_over.load(Relaxed))
    }

    /// The connection to the next bus process, if there is more than one.
    fn turn(&self, to: &mut To) {
        if self.buses.len() > 1 {
            to.at = (to.at + 1) % self.buses.len();
            to.connection = Connection::new(self.address(to.at));
        }
    }

    fn address(&self, at: usize) -> SocketAddr {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        self.buses.get(at).copied().unwrap_or(nowhere)
    }

    /// A connection, not yet open.
    pub(crate) fn connection(&self) -> To {
        To {
            at: 0,
            connection: Connection::new(self.address(0)),
        }
    }
}

/// A connection to one of the bus processes.
#[derive(Debug)]
pub(crate) struct To {
    at: usize,
    connection: Connection,
}

/// Claims and publishes until so many events are claimed and each is answered or given up.
pub(crate) async fn all(ledger: &Shared, publishing: &Publishing) {
    let mut tasks = JoinSet::new();
    for _ in 0..publishing.publishers {
        tasks.spawn(publisher(Arc::clone(ledger), publishing.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn publisher(ledger: Shared, publishing: Publishing) {
    let mut to = publishing.connection();
    loop {
        while open(&ledger).behind() > BEHIND_MAX {
            // What never catches up must not keep the run from its verdict.
            if publishing.is_enough(open(&ledger).claimed()) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let claimed = {
            let mut ledger = open(&ledger);
            (!publishing.is_enough(ledger.claimed())).then(|| ledger.claim())
        };
        let Some(number) = claimed else {
            return;
        };
        one(&ledger, &publishing, &mut to, number).await;
    }
}

/// Publishes one event, with repeats.
pub(crate) async fn one(ledger: &Shared, publishing: &Publishing, to: &mut To, number: u64) {
    let seed = open(ledger).seed();
    let event = payload::event(seed, number);
    let kind = "application/cloudevents+json";
    let bytes = request(
        publishing.address(0),
        "/v1/events",
        &publishing.token,
        kind,
        event.as_bytes(),
    );
    for _ in 0..REPEATS_MAX {
        let answer = exchange(&mut to.connection, &bytes, &publishing.answers).await;
        let accepted = matches!(answer, Answer::Accepted(_));
        open(ledger).answer(number, answer);
        if accepted {
            if fastrand::u32(0..AGAIN) == 0 {
                let repeat = exchange(&mut to.connection, &bytes, &publishing.answers).await;
                open(ledger).answer(number, repeat);
            }
            return;
        }
        if fastrand::u32(0..WALK_AWAY) == 0 {
            return;
        }
        publishing.turn(to);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn exchange(connection: &mut Connection, bytes: &[u8], answers: &SharedAnswers) -> Answer {
    let start = Instant::now();
    let answer = tokio::time::timeout(ANSWER_WITHIN, connection.exchange(bytes)).await;
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(Ok(answer)) => {
            answers.status(answer.status, start.elapsed());
            if answer.status == 202 {
                return receipt(answer.body);
            }
            let text = String::from_utf8_lossy(answer.body);
            Answer::Open(format!("{} {text}", answer.status))
        }
        Ok(Err(error)) => {
            answers.broken += 1;
            Answer::Open(error.to_string())
        }
        Err(_) => {
            answers.silent += 1;
            connection.close();
            Answer::Open(format!("no answer in {} s", ANSWER_WITHIN.as_secs()))
        }
    }
}

/// 202 is an obligation whatever stands in its body; a receipt that cannot be read gets a place no log has.
fn receipt(body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct Accepted {
        receipt: Receipt,
    }
    #[derive(Deserialize)]
    struct Receipt {
        log: String,
        position: u64,
    }
    let place = serde_json::from_slice::<Accepted>(body).map(|accepted| Place {
        log: accepted.receipt.log,
        position: accepted.receipt.position,
    });
    Answer::Accepted(place.unwrap_or_else(|_| Place {
        log: "unreadable receipt".to_owned(),
        position: 0,
    }))
}
