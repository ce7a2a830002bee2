//! The receivers: two webhooks, which now and then refuse, and one that fetches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Connection, NO_CONTENT, Receiver, UNAVAILABLE, request};

use crate::ledger::{Place, Report};
use crate::publish::{Shared, open};

/// One in so many deliveries is answered 503: what must be tried again is where events get lost.
const REFUSE_EACH: u64 = 101;
/// One in so many fetches is given back instead of being acknowledged.
const RELEASE_EACH: u64 = 53;
const PAUSE: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Listens for both webhook subscriptions.
pub(crate) async fn webhooks(ledger: &Shared) -> Outcome<Receiver> {
    let ledger = Arc::clone(ledger);
    let requests = AtomicU64::new(0);
    let take = move |head: &[u8], body: &[u8]| {
        if requests.fetch_add(1, Relaxed) % REFUSE_EACH == REFUSE_EACH - 1 {
            return UNAVAILABLE;
        }
        let derived = head.starts_with(b"POST /derived ");
        let id = header(head, b"ce-id");
        open(&ledger).report(Report {
            subscription: if derived { 2 } else { 0 },
            event_id: id.filter(|_| !derived),
            data: body,
            place: None,
        });
        NO_CONTENT
    };
    Ok(Receiver::start(Arc::new(take)).await?)
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
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Fetches from `probe-pull` for as long as it is polled; faults of the bus are ridden out.
pub(crate) async fn pull(ledger: Shared, bus: SocketAddr, token: String) {
    let path = |what: &str| format!("/v1/subscriptions/probe-pull/{what}");
    let body = br#"{"max":500,"wait_ms":1000,"lease_ms":20000}"#;
    let receive = request(bus, &path("receive"), &token, "application/json", body);
    let mut connection = Connection::new(bus);
    let mut rounds = 0_u64;
    loop {
        rounds += 1;
        let how = if rounds.is_multiple_of(RELEASE_EACH) {
            "release"
        } else {
            "acknowledge"
        };
        let settle = |handles: &[String]| {
            let handles = serde_json::json!({"handles": handles}).to_string();
            request(bus, &path(how), &token, "application/json", handles.as_bytes())
        };
        let report = (how == "acknowledge").then_some(&ledger);
        let round = round(&mut connection, &receive, settle, report);
        if !matches!(tokio::time::timeout(ANSWER_WITHIN, round).await, Ok(Ok(()))) {
            connection.close();
            tokio::time::sleep(PAUSE).await;
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
