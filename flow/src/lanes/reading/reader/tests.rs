//! What a bookmark is compared with: a log that ends before it, or begins after it, or was read up to there before.

use std::time::SystemTime;

use serde_json::json;
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_event::{Event, PartnerId};

use super::*;
use crate::{
    Limits,
    lanes::{
        cursor::Marks,
        testing::{TYPE, lane, log},
    },
    log::{LogWriter, Provenance, partner_log_spec},
};

/// A log of `count` events, every third of which the subscription does not ask for.
async fn broker(count: u64) -> Arc<dyn Broker> {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Options::default()));
    let werk = PartnerId::parse("werk").unwrap();
    let spec = partner_log_spec(&werk, &Limits::default()).unwrap();
    broker.ensure_log(&spec).await.unwrap();
    let writer = LogWriter::new(Arc::clone(&broker));
    for n in 1..=count {
        let event = Event::builder(format!("e-{n}"), "urn:teststadt:werk:x", TYPE)
            .subject(if n % 3 == 0 { "x" } else { "y" })
            .build()
            .unwrap();
        let provenance = Provenance {
            partner: werk.clone(),
            by: "system:x".to_owned(),
            token_id: String::new(),
            accepted: SystemTime::now(),
            contract: String::new(),
            hops: 0,
            cause: None,
            traceparent: None,
        };
        writer.append(&werk, &event, &provenance).await.unwrap();
    }
    broker
}

fn subscription() -> Lane {
    let filters = json!({"filters": [{"not": {"exact": {"subject": "x"}}}]});
    lane(Marks::default(), &Limits::default(), filters)
}

fn at(position: u64) -> Bookmark {
    Bookmark::new("amt.amt-probe", 0, 0, BTreeMap::from([(log(), position)]))
}

async fn refused(broker: &dyn Broker, lane: &Lane, text: &str) -> Refusal {
    usable(broker, lane, text).await.unwrap_err()
}

#[tokio::test]
async fn a_bookmark_beyond_the_end_is_refused() {
    let (broker, lane) = (broker(4).await, subscription());
    assert_eq!(usable(&*broker, &lane, &at(4).to_string()).await, Ok(at(4)));
    let refusal = refused(&*broker, &lane, &at(5).to_string()).await;
    assert_eq!((refusal.code, refusal.status()), ("SB-2053", 409), "{refusal}");
    assert!(lane.confirmed().is_empty(), "nothing was confirmed by it");
}

#[tokio::test]
async fn a_bookmark_before_what_was_removed_tells_what_is_gone() {
    let (broker, lane) = (broker(9).await, subscription());
    for position in 1..=5 {
        broker.remove(&log(), position).await.unwrap();
    }
    let refusal = refused(&*broker, &lane, &at(2).to_string()).await;
    assert_eq!((refusal.code, refusal.status()), ("SB-2054", 410));
    assert!(refusal.detail.contains("LOG_WERK 3 to 5"), "{refusal}");
    let hint = refusal.hint.unwrap();
    let oldest = hint.rsplit(' ').next().unwrap();
    assert_eq!(usable(&*broker, &lane, oldest).await, Ok(at(5)));
    assert_eq!(
        lane.confirmed(),
        BTreeMap::from([(log(), 2)]),
        "what it covers is confirmed all the same"
    );
}

#[tokio::test]
async fn what_is_no_bookmark_of_this_subscription_is_refused() {
    let (broker, lane) = (broker(1).await, subscription());
    let foreign = Bookmark::new("amt.amt-andere", 0, 0, BTreeMap::new()).to_string();
    for (text, code, status) in [("x", "SB-2051", 422), (foreign.as_str(), "SB-2052", 409)] {
        let refusal = refused(&*broker, &lane, text).await;
        assert_eq!((refusal.code, refusal.status()), (code, status));
    }
}

#[tokio::test]
async fn a_bookmark_before_what_was_confirmed_reads_once_more() {
    let (broker, lane) = (broker(8).await, subscription());
    lane.confirm(&at(6));
    let mut at = at(1);
    assert!(goes_back(&lane, &at));
    let mut found = Vec::new();
    for _ in 0..3 {
        let Some(batch) = read_back(&*broker, &lane, &at, 2).await.unwrap() else {
            break;
        };
        found.push(
            batch
                .events
                .iter()
                .map(|given| given.logged.position)
                .collect::<Vec<_>>(),
        );
        at = batch.next;
    }
    assert_eq!(
        found,
        [vec![2, 4], vec![5]],
        "to where was confirmed, and by the rule of the subscription"
    );
    assert!(!goes_back(&lane, &at));
    assert!(
        lane.unwritten(&log(), 4).is_empty(),
        "that says nothing of what became of them"
    );
}

#[tokio::test]
async fn reading_once_more_passes_over_what_is_gone() {
    let (broker, lane) = (broker(8).await, subscription());
    lane.confirm(&at(6));
    for position in 1..=8 {
        broker.remove(&log(), position).await.unwrap();
    }
    let batch = read_back(&*broker, &lane, &at(1), 9).await.unwrap().unwrap();
    assert!(batch.events.is_empty());
    assert_eq!(batch.next, at(6));
}
