//! Waiting for a state, with a deadline. The condition is looked at again and again; a deadline that passes says what was last seen.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::{Failure, Outcome};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until `look` answers `Ok(value)`; its `Err` text is what the failure shows as last seen.
pub async fn eventually<T, F, Fut>(deadline: Duration, what: &str, mut look: F) -> Outcome<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Outcome<T>>,
{
    let until = Instant::now() + deadline;
    let mut seen = "no answer".to_owned();
    loop {
        seen = match tokio::time::timeout(until.saturating_duration_since(Instant::now()), look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(seen)) => seen.to_string(),
            // Cut off by the deadline: what was seen before says more.
            Err(_) => seen,
        };
        if Instant::now() >= until {
            return Err(Failure::new(format!(
                "not within {} s: {what}; last seen: {seen}",
                deadline.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// As [`eventually`], for a look that has nothing to say while it waits.
pub async fn eventually_some<T, F, Fut>(deadline: Duration, what: &str, mut look: F) -> Outcome<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    eventually(deadline, what, || {
        let seen = look();
        async move { seen.await.ok_or_else(|| Failure::new("nothing yet")) }
    })
    .await
}
