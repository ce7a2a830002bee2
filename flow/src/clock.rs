//! The wall clock, and the one source of chance.
//!
//! Everything in the flow that asks what time it is asks here, and everything that is left to chance is drawn here, so
//! that a simulation can say both and play the same run again. Distances are not measured with this clock, for it may
//! jump: they are measured with [`tokio::time::Instant`].

use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use crate::written::millis;

#[derive(Debug, Clone, Copy)]
struct Simulated {
    began: SystemTime,
    steady: tokio::time::Instant,
    off_ms: i64,
}

thread_local! {
    static SIMULATED: Cell<Option<Simulated>> = const { Cell::new(None) };
    static SEEDED: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// What time it is.
#[must_use]
pub fn now() -> SystemTime {
    let Some(clock) = SIMULATED.get() else {
        return SystemTime::now();
    };
    let passed = clock.began + clock.steady.elapsed();
    let off = Duration::from_millis(clock.off_ms.unsigned_abs());
    if clock.off_ms < 0 {
        passed - off
    } else {
        passed + off
    }
}

/// Now, in milliseconds since 1970: what facts and notes are kept in.
#[must_use]
pub(crate) fn millis_now() -> u64 {
    millis(now())
}

/// What retries and the like are spread with.
#[must_use]
pub(crate) fn chance() -> fastrand::Rng {
    SEEDED.with_borrow_mut(|seeded| {
        seeded
            .as_mut()
            .map_or_else(fastrand::Rng::new, fastrand::Rng::fork)
    })
}

/// 128 bits that nobody can guess, unless they are simulated.
#[must_use]
pub(crate) fn unguessable() -> Uuid {
    SEEDED.with_borrow_mut(|seeded| match seeded {
        None => Uuid::new_v4(),
        Some(random) => uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid(),
    })
}

/// From now on this thread's clock says `began` and goes on with tokio's, which can be paused; and its chance follows from
/// `seed`. For simulations, which have but one thread.
pub fn simulate(began: SystemTime, seed: u64) {
    SIMULATED.set(Some(Simulated {
        began,
        steady: tokio::time::Instant::now(),
        off_ms: 0,
    }));
    SEEDED.set(Some(fastrand::Rng::with_seed(seed)));
}

/// Sets a simulated clock ahead or back of what passed since it began, in milliseconds.
pub fn set_off(off_ms: i64) {
    SIMULATED.set(SIMULATED.get().map(|clock| Simulated { off_ms, ..clock }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_follows_tokio_and_jumps_and_chance_follows_its_seed() {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        simulate(began, 7);
        let first = (unguessable(), chance().u64(..));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(now(), began + Duration::from_secs(5));
        set_off(-300_000);
        assert_eq!(now(), began - Duration::from_secs(295));
        set_off(2_000);
        assert_eq!(millis_now(), 1_000_007_000);
        assert_ne!(first.0, unguessable());
        simulate(began, 7);
        assert_eq!((unguessable(), chance().u64(..)), first);
    }
}
