use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_contracts::Mode;
use stadtbus_event::Event;

use super::*;
use crate::deliver::{
    testing::{Act, Receiver, Seen, door},
    webhook::{Webhook, WebhookTarget},
};

const KEY: &str = "amt.amt-hook";
const DAY: Duration = Duration::from_secs(86_400);

fn keeper(byte: u8) -> Option<Arc<Keeper>> {
    let keeper = Keeper::from_text(&STANDARD.encode([byte; 32])).unwrap();
    Some(Arc::new(keeper))
}

fn broker() -> Arc<dyn Broker> {
    Arc::new(MemoryBroker::new(Options::default()))
}

fn secrets(broker: &Arc<dyn Broker>, keeper: Option<Arc<Keeper>>) -> Arc<Secrets> {
    Arc::new(Secrets::new(Arc::clone(broker), keeper, SigningKeys::default()))
}

fn revealed(secrets: &Secrets, now_ms: u64) -> Vec<String> {
    let found = secrets.of(KEY, now_ms).unwrap();
    found.iter().map(Secret::reveal).collect()
}

#[tokio::test]
async fn an_old_secret_signs_until_it_runs_out() {
    let broker = broker();
    let here = secrets(&broker, keeper(1));
    assert_eq!(revealed(&here, 0), Vec::<String>::new());
    assert_eq!(here.standing(KEY).await.unwrap(), None);

    let (first, second) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    let standing = here.rotate(KEY, first.clone(), DAY).await.unwrap();
    assert_eq!(standing.previous_until_ms, None, "there was none before it");
    let standing = here.rotate(KEY, second.clone(), DAY).await.unwrap();
    let until = standing.previous_until_ms.unwrap();
    assert_eq!(until, standing.made_ms + 86_400_000);
    assert_eq!(here.standing(KEY).await.unwrap(), Some(standing));
    let both = [second.reveal(), first.reveal()];
    assert_eq!(revealed(&here, until - 1), both);
    assert_eq!(revealed(&here, until), both[..1]);

    // Another process, or the same after a restart.
    let there = secrets(&broker, keeper(1));
    there.load().await.unwrap();
    assert_eq!(revealed(&there, until - 1), both);

    // Without an overlap the old one is gone at once.
    let third = Secret::generate().unwrap();
    here.rotate(KEY, third.clone(), Duration::ZERO).await.unwrap();
    assert_eq!(revealed(&here, 0), [third.reveal()]);
    assert!(here.remove(KEY).await.unwrap());
    assert!(!here.remove(KEY).await.unwrap());
    assert_eq!(revealed(&here, 0), Vec::<String>::new());
}

#[tokio::test]
async fn another_process_follows() {
    let broker = broker();
    let (here, there) = (secrets(&broker, keeper(1)), secrets(&broker, keeper(1)));
    let following = Arc::clone(&there);
    let task = tokio::spawn(async move { following.follow().await });
    let until = Instant::now() + Duration::from_secs(10);
    let wait = async |expected: &[String]| {
        while revealed(&there, 0) != expected {
            assert!(Instant::now() < until, "the change was not followed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let secret = Secret::generate().unwrap();
    here.rotate(KEY, secret.clone(), DAY).await.unwrap();
    wait(&[secret.reveal()]).await;
    here.remove(KEY).await.unwrap();
    wait(&[]).await;
    task.abort();
}

#[tokio::test]
async fn what_cannot_be_opened_is_never_sent_unsigned() {
    let broker = broker();
    let secret = Secret::generate().unwrap();
    secrets(&broker, keeper(1))
        .rotate(KEY, secret, DAY)
        .await
        .unwrap();
    let refusal = secrets(&broker, None)
        .rotate(KEY, Secret::generate().unwrap(), DAY)
        .await
        .unwrap_err();
    assert_eq!(refusal.code, "SB-2032");
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    for keeper in [None, keeper(2)] {
        let blind = secrets(&broker, keeper);
        blind.load().await.unwrap();
        let outcome = deliver(&blind, &receiver, KEY).await;
        assert_eq!(outcome.code(), Some("SB-3031"));
        assert!(matches!(outcome, Outcome::Retry { .. }));
        // Whoever has no secret is not held up.
        assert_eq!(deliver(&blind, &receiver, "amt.anderes").await.code(), None);
    }
    assert_eq!(receiver.seen().len(), 2);
}

async fn deliver(secrets: &Arc<Secrets>, receiver: &Receiver, key: &str) -> Outcome {
    let event = Event::builder("1", "urn:x", "de.x.y.v1")
        .data(bytes::Bytes::from_static(b"{\"a\": 1}"))
        .build()
        .unwrap();
    let target =
        WebhookTarget::build(&receiver.url(), Mode::Structured, Duration::from_secs(10), &[]).unwrap();
    Webhook::new(door())
        .with_secrets(Arc::clone(secrets))
        .deliver(
            &target.of_subscription(key),
            &event,
            "amt:amt-hook:LOG_X:7",
            1,
            None,
        )
        .await
}

fn signatures(seen: &Seen) -> Vec<String> {
    let value = seen.header("webhook-signature").unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

/// What a receiver computes from what it got, and nothing else.
fn expected(seen: &Seen, secret: &Secret) -> String {
    let id = seen.header("webhook-id").unwrap();
    let timestamp = seen.header("webhook-timestamp").unwrap().parse().unwrap();
    let value = super::super::signature::sign(id, timestamp, &seen.body, [secret], &SigningKeys::default());
    value.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_delivery_is_signed_over_what_arrives() {
    let (broker, receiver) = (broker(), Receiver::start(|_| Act::status(200, "", "")).await);
    let secrets = secrets(&broker, keeper(1));
    let (old, new) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    assert_eq!(deliver(&secrets, &receiver, KEY).await.code(), None);
    secrets.rotate(KEY, old.clone(), DAY).await.unwrap();
    assert_eq!(deliver(&secrets, &receiver, KEY).await.code(), None);
    secrets.rotate(KEY, new.clone(), DAY).await.unwrap();
    assert_eq!(deliver(&secrets, &receiver, KEY).await.code(), None);
    let seen = receiver.seen();
    assert_eq!(signatures(&seen[0]), Vec::<String>::new(), "without a secret");
    assert!(seen[0].header("webhook-timestamp").is_some());
    assert_eq!(signatures(&seen[1]), [expected(&seen[1], &old)]);
    assert_eq!(
        signatures(&seen[2]),
        [expected(&seen[2], &new), expected(&seen[2], &old)]
    );
    assert_eq!(seen[2].header("webhook-id"), Some("amt:amt-hook:LOG_X:7"));
    assert!(!seen[2].head.contains("whsec_"));
}
