//! Publishers: each event is sent until it is answered 202, always with the same id, for as long as the bus promises to
//! know a repeat.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use stadtbus_flow::{accept::Answer, accept::Request, clock};
use tokio::time::Instant;

use crate::{
    city::{SECRET_OF_NAH, SENT_BY_NAH, SENT_BY_PUB},
    payload,
    world::{World, note},
};

/// A publisher that was not answered in this time gives up; shorter than the bus remembers ids.
const REPEATED_FOR: Duration = Duration::from_secs(90);
/// Longer than the flow takes for one request at most.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_secs(8);
const EXPIRY_MAX: Duration = Duration::from_secs(90);

/// The tokens of the two publishers.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) of_pub: String,
    pub(crate) of_nah: String,
}

struct Event {
    number: u64,
    headers: HeaderMap,
    body: String,
}

fn event(world: &World, tokens: &Tokens) -> Event {
    let kind = world.random().u8(0..6);
    let (ty, partner, token) = match kind {
        0 => (SENT_BY_NAH, "nah", &tokens.of_nah),
        1 => (SECRET_OF_NAH, "nah", &tokens.of_nah),
        _ => (SENT_BY_PUB, "pub", &tokens.of_pub),
    };
    let expires = world.hits(world.dice.expires);
    let poison = world.hits(world.dice.poison);
    let number = world.ledger().claim(ty, expires, poison);
    let id = payload::event_id(world.seed, number);
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("authorization", token);
    set("content-type", "application/json");
    set("ce-specversion", "1.0");
    set("ce-id", &id);
    set("ce-source", &format!("urn:simulation:{partner}:sender"));
    set("ce-type", ty);
    set("ce-subject", &payload::subject(number));
    if let Some(key) = payload::partition_key(number) {
        set("ce-partitionkey", &key);
    }
    if expires {
        let at = clock::now() + world.up_to(EXPIRY_MAX);
        set("ce-expirytime", &rfc3339(at));
    }
    Event {
        number,
        headers,
        body: payload::data(world.seed, number),
    }
}

/// RFC 3339, to the second.
fn rfc3339(at: std::time::SystemTime) -> String {
    jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| format!("{at:.0}"))
}

/// Sends one event until it is answered. False: it never was.
pub(crate) async fn publish(world: Arc<World>, tokens: Tokens) -> bool {
    let event = event(&world, &tokens);
    let began = Instant::now();
    let id = payload::event_id(world.seed, event.number);
    loop {
        match once(&world, &event).await {
            Ok((log, position)) => {
                note!(world, "{id} accepted at {log}:{position}");
                world.ledger().accepted(event.number, (log, position));
                // Some publishers lose their own answer and ask again.
                if world.random().u8(0..8) != 0 {
                    return true;
                }
            }
            Err(reason) => note!(world, "{id} open: {reason}"),
        }
        let pause = world.up_to(PAUSE_MAX);
        if began.elapsed() + pause + ANSWERED_WITHIN > REPEATED_FOR {
            return world
                .ledger()
                .of(event.number)
                .is_some_and(|claim| claim.accepted.is_some());
        }
        tokio::time::sleep(pause).await;
    }
}

async fn once(world: &World, event: &Event) -> Result<(String, u64), String> {
    let bus = world.any_bus().ok_or("nobody is there")?;
    let request = Request {
        headers: event.headers.clone(),
        body: event.body.clone().into(),
    };
    let answer = tokio::time::timeout(ANSWERED_WITHIN, bus.acceptor.events(request));
    match bus.life.seen_from_outside(answer).await {
        None => Err("the process died".to_owned()),
        Some(Err(_)) => Err("no answer in time".to_owned()),
        Some(Ok(Err(refusal))) => Err(refusal.code.to_owned()),
        Some(Ok(Ok(Answer::One(receipt)))) => Ok((receipt.log, receipt.position)),
        Some(Ok(Ok(Answer::Batch(_)))) => Err("a batch for a single event".to_owned()),
    }
}
