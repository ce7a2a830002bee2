use std::time::SystemTime;

use serde_json::json;

use super::*;
use crate::{
    Limits,
    lanes::{
        cursor::Marks,
        testing::{lane, logged, offer, positions, take},
    },
};

#[tokio::test]
async fn no_further_attempt_at_what_is_too_old() {
    let delivery = json!({"delivery": {"attempts_max": 5, "age_ms_max": 3_600_000}});
    let lane = lane(Marks::default(), &Limits::default(), delivery);
    let mut old = Arc::into_inner(logged(1, "urn:a", "x")).unwrap();
    old.provenance.accepted = SystemTime::now() - Duration::from_secs(7_200);
    offer(&lane, &Arc::new(old));
    offer(&lane, &logged(2, "urn:a", "x"));
    let taken = take(&lane).await;
    assert_eq!(
        positions(&taken),
        [1, 2],
        "the first attempt is made, however old"
    );
    let handles: Vec<String> = taken.into_iter().map(|(_, handle)| handle).collect();
    let release = Settlement::Release(Duration::ZERO);
    let (_, _, given_up) = lane.settle_handles(&handles, &release);
    let given_up: Vec<_> = given_up
        .iter()
        .map(|(item, code, _)| (item.logged.position, *code))
        .collect();
    assert_eq!(given_up, [(1, "SB-3024")]);
    // Two hours are too long for the young one, too.
    let taken = take(&lane).await;
    assert_eq!(positions(&taken), [2]);
    let later = Settlement::Release(Duration::from_secs(7_200));
    let (_, _, given_up) = lane.settle_handles(&[taken[0].1.clone()], &later);
    assert_eq!(given_up[0].1, "SB-3024");
}

#[tokio::test]
async fn a_receiver_gets_no_more_than_its_rate() {
    let delivery = json!({"delivery": {"rate_per_s": 1}});
    let lane = lane(Marks::default(), &Limits::default(), delivery);
    for position in 1..=3 {
        offer(&lane, &logged(position, "urn:a", "x"));
    }
    assert_eq!(positions(&take(&lane).await), [1]);
    // It waits for the pace, and nobody has to call it.
    let patient = Duration::from_secs(30);
    let second = lane.receive(10, patient, patient).await;
    let second: Vec<_> = second.iter().map(|one| one.logged.position).collect();
    assert_eq!(second, [2]);
}

#[tokio::test]
async fn a_lane_that_is_replaced_hands_out_nothing_more() {
    let lane = lane(Marks::default(), &Limits::default(), json!({}));
    offer(&lane, &logged(1, "urn:a", "x"));
    lane.close();
    assert!(take(&lane).await.is_empty());
}
