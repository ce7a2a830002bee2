//! The receivers: webhooks, which now and then refuse, and one that fetches.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{BAD_REQUEST, Connection, NO_CONTENT, Receiver, UNAVAILABLE, request};

use crate::ledger::{Place, Report};
use crate::payload;
use crate::publish::{Shared, open};

/// One in so many deliveries is answered 503: what must be tried again is where events get lost.
const REFUSE_EACH: u64 = 101;
/// One in so many fetches is given back instead of being acknowledged.
const RELEASE_EACH: u64 = 53;
const PAUSE: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How the receivers behave beside what they do anyway.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    /// The webhook `probe-webhook` answers 400 to one in so many events, always; 0: to none.
    pub(crate) poison_each: AtomicU64,
    /// How often each of them was tried, and when first and last.
    poisoned: Mutex<HashMap<u64, Tried>>,
    /// Nothing is fetched while this is set.
    pub(crate) pull_rests: AtomicBool,
}

/// The attempts at one poisoned event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    pub(crate) times: u64,
    pub(crate) first: Instant,
    pub(crate) last: Instant,
}

impl Behaviour {
    fn is_poison(&self, data: &[u8]) -> bool {
        let each = self.poison_each.load(Relaxed);
        if each == 0 {
            return false;
        }
        let Some((_, number)) = payload::origin(data).filter(|(_, number)| number % each == each - 1) else {
            return false;
        };
        let now = Instant::now();
        let mut poisoned = self.poisoned.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = poisoned.entry(number).or_insert(Tried {
            times: 0,
            first: now,
            last: now,
        });
        tried.times += 1;
        tried.last = now;
        true
    }

    /// The attempts at all poisoned events.
    pub(crate) fn poisoned(&self) -> Vec<Tried> {
        let poisoned = self.poisoned.lock().unwrap_or_else(PoisonError::into_inner);
        poisoned.values().copied().collect()
    }
}

/// Listens for all webhook subscriptions.
pub(crate) async fn webhooks(ledger: &Shared, host: &str, behaviour: &Arc<Behaviour>) -> Outcome<Receiver> {
    let (ledger, behaviour) = (Arc::clone(ledger), Arc::clone(behaviour));
    let requests = AtomicU64::new(0);
    let take = move |head: &[u8], body: &[u8]| {
        if requests.fetch_add(1, Relaxed) % REFUSE_EACH == REFUSE_EACH - 1 {
            return UNAVAILABLE;
        }
        let id = header(head, b"ce-id").unwrap_or_default();
        let (subscription, derived) = match path(head) {
            b"/webhook" => (0, false),
            b"/derived" => (2, true),
            b"/ordered" => (3, false),
            _ => {
                open(&ledger).strange(id);
                return NO_CONTENT;
            }
        };
        if subscription == 0 && behaviour.is_poison(body) {
            return BAD_REQUEST;
        }
        open(&ledger).report(Report {
            subscription,
            event_id: (!derived).then_some(id),
            event_type: header(head, b"ce-type").unwrap_or_default(),
            data: body,
            place: None,
        });
        NO_CONTENT
    };
    Ok(Receiver::start_at(host, Arc::new(take)).await?)
}

fn path(head: &[u8]) -> &[u8] {
    let mut words = head.split(|byte| *byte == b' ');
    words.nth(1).unwrap_or_default()
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (field, value) = line.split_at_checked(name.len())?;
        let value = value
            .strip_prefix(b":")
            .filter(|_| field.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value.trim_ascii()).ok()
    })
}

#[derive(Deserialize)]
struct Received<'a> {
    #[serde(borrow)]
    events: Vec<Delivery<'a>>,
}

#[derive(Deserialize)]
struct Delivery<'a> {
    handle: String,
    log: String,
    position: u64,
    #[serde(borrow)]
    event: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    ty: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Fetches from `probe-pull` for as long as it is polled; faults of the bus are ridden out.
pub(crate) async fn pull(ledger: Shared, buses: Vec<SocketAddr>, token: String, behaviour: Arc<Behaviour>) {
    for bus in buses.iter().copied().cycle() {
        pull_from(&ledger, bus, &token, &behaviour, buses.len() > 1).await;
    }
}

/// Fetches from one bus process; only until the first failure where there is another.
async fn pull_from(ledger: &Shared, bus: SocketAddr, token: &str, behaviour: &Behaviour, turn: bool) {
    let path = |what: &str| format!("/v1/subscriptions/probe-pull/{what}");
    let body = br#"{"max":500,"wait_ms":1000,"lease_ms":20000}"#;
    let receive = request(bus, &path("receive"), token, "application/json", body);
    let mut connection = Connection::new(bus);
    let mut rounds = 0_u64;
    loop {
        while behaviour.pull_rests.load(Relaxed) {
            tokio::time::sleep(PAUSE).await;
        }
        rounds += 1;
        let how = if rounds.is_multiple_of(RELEASE_EACH) {
            "release"
        } else {
            "acknowledge"
        };
        let settle = |handles: &[String]| {
            let handles = serde_json::json!({"handles": handles}).to_string();
            request(bus, &path(how), token, "application/json", handles.as_bytes())
        };
        let report = (how == "acknowledge").then_some(ledger);
        let round = round(&mut connection, &receive, settle, report);
        if !matches!(tokio::time::timeout(ANSWER_WITHIN, round).await, Ok(Ok(()))) {
            connection.close();
            tokio::time::sleep(PAUSE).await;
            if turn {
                return;
            }
        }
    }
}

async fn round(
    connection: &mut Connection,
    receive: &[u8],
    settle: impl Fn(&[String]) -> Vec<u8>,
    report: Option<&Shared>,
) -> Outcome<()> {
    let answer = connection.exchange(receive).await?;
    if answer.status != 200 {
        return Err(Failure::new(format!("HTTP {}", answer.status)));
    }
    let received: Received<'_> = serde_json::from_slice(answer.body)?;
    // Noted before it is acknowledged, as a department does that stores before it says so.
    if let Some(ledger) = report {
        let mut ledger = open(ledger);
        for delivery in &received.events {
            ledger.report(Report {
                subscription: 1,
                event_id: Some(&delivery.event.id),
                event_type: &delivery.event.ty,
                data: delivery.event.data.get().as_bytes(),
                place: Some(Place {
                    log: delivery.log.clone(),
                    position: delivery.position,
                }),
            });
        }
    }
    let handles: Vec<String> = received
        .events
        .into_iter()
        .map(|delivery| delivery.handle)
        .collect();
    if handles.is_empty() {
        return Ok(());
    }
    connection.exchange(&settle(&handles)).await?;
    Ok(())
}
