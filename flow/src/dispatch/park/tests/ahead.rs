//! A life that parked events and died before it wrote how far it had come.

use super::*;

#[tokio::test]
async fn what_was_parked_further_than_the_cursor_came_waits_for_what_is_before_it() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=5, "x");
    bench.dispatcher.keep(&lane).await;
    assert_eq!(lane.figures().parked, 2);

    // The process dies before it writes how far it came.
    let lane = bench.lane(Marks::default()).await;
    for _ in 0..4 {
        bench.dispatcher.keep(&lane).await;
    }
    assert!(take(&lane).await.is_empty(), "nothing before it is read yet");
    offer(&lane, 1..=5, "x");
    assert_eq!(bench.drain(&lane).await, [1, 2, 3, 4, 5]);
}
