use std::path::Path;

use bytes::Bytes;
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_contracts::{Registry, Subscription, load};
use stadtbus_event::{Event, PartnerId, SubscriptionId};

use super::*;
use crate::dispatch::Edit;
use crate::{
    Limits,
    city::LiveCity,
    deliver::dead_letter::DeadLetter,
    lanes::DueRetry,
    log::{RETRY_LOG, own_log_specs},
};

const TYPE: &str = "de.teststadt.werk.thing.v1";
const PURPOSE: &str = "https://w3id.org/dpv#ServiceProvision";

/// A city in which `amt` may have things, and may not have had them for ever.
fn city(changed: impl Fn(&mut stadtbus_contracts::City)) -> LiveCity {
    let mut city = load(Path::new("../contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    let order: Subscription = serde_json::from_value(serde_json::json!({
        "subscription": "amt-probe", "partner": "amt", "title": "Probe", "purpose": PURPOSE,
        "types": [TYPE], "sink": {"pull": {}},
    }))
    .unwrap();
    city.subscriptions.insert(order.subscription.clone(), order);
    changed(&mut city);
    LiveCity::of(Registry::compile(city).unwrap())
}

fn letter(n: u64, code: &str, subscription: &str) -> DeadLetter {
    let event = Event::builder(format!("e-{n}"), "urn:teststadt:werk:x", TYPE)
        .datacontenttype("application/json")
        .data(Bytes::from_static(br#"{"id": "a", "count": 1}"#))
        .build()
        .unwrap();
    DeadLetter {
        subscription: SubscriptionId::parse(subscription).unwrap(),
        partner: PartnerId::parse("amt").unwrap(),
        log: "LOG_WERK".into(),
        position: n,
        publisher: PartnerId::parse("werk").unwrap(),
        code: code.into(),
        detail: "why".into(),
        attempts_count: 1,
        attempts: Vec::new(),
        plugin: None,
        input_sha256: None,
        buried: rfc3339(from_millis(1_700_000_000_000 + n * 1000)),
        event,
        edited: None,
        life: 0,
    }
}

async fn with(letters: Vec<DeadLetter>) -> (DeadLetters, Arc<dyn Broker>) {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Options::default()));
    for spec in own_log_specs(&Limits::default()).unwrap() {
        broker.ensure_log(&spec).await.unwrap();
    }
    let dead = LogName::new(DEAD_LOG).unwrap();
    for letter in letters {
        let subject = format!("dead.amt.{}", letter.subscription);
        broker
            .append(&dead, letter.encode(&subject).unwrap())
            .await
            .unwrap();
    }
    (DeadLetters::new(Arc::clone(&broker)), broker)
}

/// The retries that are there, with their subjects.
async fn retries(broker: &Arc<dyn Broker>) -> Vec<(String, DueRetry)> {
    let log = LogName::new(RETRY_LOG).unwrap();
    let state = broker.state(&log).await.unwrap();
    let mut found = Vec::new();
    for position in 1..=state.last {
        if let Some(record) = broker.get(&log, position).await.unwrap() {
            let retry = serde_json::from_slice(&record.payload).unwrap();
            found.push((record.subject, retry));
        }
    }
    found
}

#[tokio::test]
async fn letters_are_found_by_what_they_have_in_common_and_counted_by_reason() {
    let (letters, _) = with(vec![
        letter(1, "SB-3008", "amt-probe"),
        letter(2, "SB-3001", "amt-probe"),
        letter(3, "SB-3008", "amt-other"),
        letter(4, "SB-3008", "amt-probe"),
    ])
    .await;
    let at = |n: u64| Some(from_millis(1_700_000_000_000 + n * 1000));
    let some = |text: &str| Some(text.to_owned());
    let all = Wanted::default;
    for (wanted, expected) in [
        (all(), vec![1, 2, 3, 4]),
        (
            Wanted {
                code: some("SB-3008"),
                ..all()
            },
            vec![1, 3, 4],
        ),
        (
            Wanted {
                subscription: some("amt-probe"),
                ..all()
            },
            vec![1, 2, 4],
        ),
        (
            Wanted {
                partner: some("fremd"),
                ..all()
            },
            vec![],
        ),
        (
            Wanted {
                ty: some(TYPE),
                ..all()
            },
            vec![1, 2, 3, 4],
        ),
        (
            Wanted {
                ty: some("de.teststadt.werk.other.v1"),
                ..all()
            },
            vec![],
        ),
        (
            Wanted {
                from: at(2),
                to: at(4),
                ..all()
            },
            vec![2, 3],
        ),
    ] {
        let found = letters.heads(&wanted).await.unwrap();
        let found: Vec<_> = found.iter().map(|head| head.position).collect();
        assert_eq!(found, expected, "{wanted:?}");
    }
    let (listed, matching) = letters.list(&all(), 2).await.unwrap();
    assert_eq!((listed.len(), matching), (2, 4));
    let reasons = letters.reasons(&all()).await.unwrap();
    let counted: Vec<_> = reasons
        .iter()
        .map(|one| (one.code.as_str(), one.count, one.subscriptions))
        .collect();
    assert_eq!(counted, [("SB-3008", 3, 2), ("SB-3001", 1, 1)]);
    assert_eq!(reasons[0].newest, rfc3339(at(4).unwrap()));
    letters.remove(&[1, 4, 17]).await.unwrap();
    assert_eq!(letters.list(&all(), 10).await.unwrap().1, 2);
}

#[tokio::test]
async fn a_redrive_counts_first_and_leaves_what_may_not_go() {
    let (letters, broker) = with(vec![
        letter(1, "SB-3008", "amt-probe"),
        letter(2, "SB-3008", "amt-gone"),
        letter(3, "SB-3008", "amt-probe"),
    ])
    .await;
    let city_now = city(|_| {});
    let positions = [1, 2, 3, 9];
    let counted = Redrive {
        dry_run: true,
        ..Redrive::default()
    };
    let would = letters.redrive(&city_now, &positions, &counted).await.unwrap();
    assert_eq!(
        would,
        Redriven {
            redriven: 2,
            refused: 1
        }
    );
    assert_eq!(retries(&broker).await.len(), 0, "a dry run changes nothing");

    let over = city(|city| {
        for contract in &mut city.contracts {
            contract
                .usage
                .iter_mut()
                .for_each(|agreement| agreement.to = agreement.from);
        }
    });
    let done = letters
        .redrive(&over, &positions, &Redrive::default())
        .await
        .unwrap();
    assert_eq!(
        done,
        Redriven {
            redriven: 0,
            refused: 3
        },
        "the agreement is over"
    );

    let begun = std::time::Instant::now();
    let slowly = Redrive {
        rate_per_s: Some(1),
        dry_run: false,
    };
    let done = letters.redrive(&city_now, &positions, &slowly).await.unwrap();
    assert_eq!(
        done,
        Redriven {
            redriven: 2,
            refused: 1
        }
    );
    let subjects: Vec<_> = retries(&broker)
        .await
        .into_iter()
        .map(|(subject, _)| subject)
        .collect();
    // The second one waits for its time, or its time has come while this was looked at.
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert_eq!(subjects[0], "due.amt.amt-probe", "the first one at once");
    assert!(
        subjects[1] == "wait.amt.amt-probe.dead.3" || begun.elapsed() >= Duration::from_secs(1),
        "{subjects:?}"
    );
    let left = letters.heads(&Wanted::default()).await.unwrap();
    assert_eq!(left.iter().map(|head| head.position).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn an_edit_keeps_what_was_accepted_and_goes_out_marked() {
    let (letters, broker) = with(vec![letter(1, "SB-3001", "amt-probe")]).await;
    let city = city(|_| {});
    let put = |data: &'static str, by: &str| Edit {
        data: Bytes::from_static(data.as_bytes()),
        by: by.to_owned(),
        reason: "Einheit".to_owned(),
    };
    let bad = letters
        .edit(&city, letters.get(1).await.unwrap(), put("[]", "amt/x"))
        .await;
    assert!(
        bad.unwrap_err().code.starts_with("SB-12"),
        "the contract holds for edits, too"
    );

    let (first, late) = (letters.get(1).await.unwrap(), letters.get(1).await.unwrap());
    let accepted = first.letter.event.clone();
    let edited = letters
        .edit(&city, first, put(r#"{"id": "a", "count": 2}"#, "amt/x"))
        .await
        .unwrap();
    let refused = letters
        .edit(&city, late, put(r#"{"id": "a", "count": 3}"#, "amt/y"))
        .await;
    assert_eq!(
        refused.unwrap_err().code,
        "SB-2072",
        "who comes second does not overwrite"
    );
    let again = letters
        .edit(
            &city,
            letters.get(edited.position).await.unwrap(),
            put(r#"{"id": "a", "count": 4}"#, "stadt/z"),
        )
        .await
        .unwrap();
    let (all, _) = letters.list(&Wanted::default(), 10).await.unwrap();
    assert_eq!(all.len(), 1);
    let kept = all[0].letter.edited.as_ref().unwrap();
    assert_eq!(kept.original.0, accepted);
    let by: Vec<_> = kept.edits.iter().map(|edit| edit.by.as_str()).collect();
    assert_eq!(by, ["amt/x", "stadt/z"]);
    assert_eq!(all[0].letter.buried, letter(1, "", "amt-probe").buried);

    letters
        .redrive(&city, &[again.position], &Redrive::default())
        .await
        .unwrap();
    let (_, retry) = retries(&broker).await.remove(0);
    let sent =
        stadtbus_event::json::parse(&Bytes::copy_from_slice(retry.event.unwrap().get().as_bytes())).unwrap();
    assert_eq!(sent.data().unwrap().as_ref(), br#"{"id": "a", "count": 4}"#);
    assert_eq!(sent.extension("stadtbusedited").unwrap().to_string(), "stadt/z");
    assert!(retry.edited.is_some());
}

#[tokio::test]
async fn what_is_no_json_is_not_edited() {
    let mut foreign = letter(1, "SB-3001", "amt-probe");
    foreign.event = foreign
        .event
        .to_builder()
        .datacontenttype("text/csv")
        .build()
        .unwrap();
    let (letters, _) = with(vec![foreign]).await;
    let edit = Edit {
        data: Bytes::from_static(b"1"),
        by: "amt/x".into(),
        reason: String::new(),
    };
    let refused = letters
        .edit(&city(|_| {}), letters.get(1).await.unwrap(), edit)
        .await;
    assert_eq!(refused.unwrap_err().code, "SB-2071");
}
