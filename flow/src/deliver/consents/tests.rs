use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use stadtbus_broker_memory::{MemoryBroker, Options};

use super::*;

const KEY: &str = "amt.amt-hook";
const TARGET: &str = "https://amt.example/h";

fn consents(broker: &Arc<dyn Broker>, keys: &[u8]) -> Arc<Consents> {
    let lines: Vec<String> = keys.iter().map(|byte| STANDARD.encode([*byte; 32])).collect();
    let keeper = Arc::new(Keeper::from_text(&lines.join("\n")).unwrap());
    Arc::new(Consents::new(Arc::clone(broker), keeper, "https://bus.example/"))
}

fn proof(consents: &Consents, target: &str) -> String {
    let address = consents.callback(KEY, target).unwrap();
    let address = address.to_str().unwrap();
    let (path, proof) = address.split_once("?key=").unwrap();
    assert_eq!(path, "https://bus.example/v1/webhook-consents/amt.amt-hook");
    proof.to_owned()
}

#[tokio::test]
async fn a_consent_is_for_one_target_and_lasts() {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Options::default()));
    let (here, there) = (consents(&broker, &[1]), consents(&broker, &[2, 1]));
    let following = Arc::clone(&there);
    let task = tokio::spawn(async move { following.follow().await });
    let key = proof(&here, TARGET);
    let rate = Allowed { rate: Some(120) };
    for (subscription, target, key) in [
        (KEY, TARGET, ""),
        (KEY, TARGET, "00"),
        (KEY, TARGET, &key[1..]),
        (KEY, "https://amt.example/anders", &key),
        ("amt.amt-zwei", TARGET, &key),
    ] {
        let refused = here.take(subscription, target, key, rate).await.unwrap_err();
        assert_eq!(refused.code, "SB-2033");
    }
    assert_eq!(here.of(KEY, TARGET), None);
    // A key that was replaced still proves what was given out before.
    there.take(KEY, TARGET, &key, rate).await.unwrap();
    assert_eq!(there.of(KEY, TARGET), Some(rate));
    assert_eq!(there.of(KEY, "https://amt.example/anders"), None);
    here.load().await.unwrap();
    assert_eq!(here.of(KEY, TARGET), Some(rate));
    let any = Allowed { rate: None };
    here.take(KEY, TARGET, &key, any).await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while there.of(KEY, TARGET) != Some(any) {
        assert!(Instant::now() < until, "the change was not followed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
}
