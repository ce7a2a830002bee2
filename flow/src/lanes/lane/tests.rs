use serde_json::json;

use super::*;
use crate::{deliver::outcome::Outcome as Answer, lanes::testing};

#[tokio::test(start_paused = true)]
async fn a_breaker_whose_time_is_up_waits_for_what_is_due() {
    let limits = Limits {
        breaker_failures_max: 1,
        ..Limits::default()
    };
    let webhook = json!({"sink": {"webhook": {"url": "https://receiver.example/", "mode": "binary"}}});
    let lane = testing::lane(Marks::default(), &limits, webhook);
    testing::offer(&lane, &testing::logged(1, "urn:a", "k"));
    let item = lane.take(1).pop().unwrap();
    lane.answered(&Answer::Retry {
        code: "SB-3002",
        detail: String::new(),
        after: None,
    });
    let due = Instant::now() + Duration::from_secs(600);
    assert!(lane.wait(item, Duration::from_secs(600)).is_ok());
    tokio::time::advance(Duration::from_secs(300)).await;
    assert!(lane.take(1).is_empty());
    assert_eq!(
        lane.next_retry(),
        Some(due),
        "whoever asked again before would ask without end"
    );
    testing::offer(&lane, &testing::logged(2, "urn:a", "k"));
    assert!(lane.next_retry().is_some_and(|at| at <= Instant::now()));
    assert_eq!(lane.take(2).len(), 1, "one goes and decides");
}
