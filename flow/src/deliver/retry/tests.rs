use proptest::prelude::*;

use super::*;

fn policy() -> impl Strategy<Value = RetryPolicy> {
    (
        1..100_u32,
        0..3_600_000_u64,
        0..86_400_000_u64,
        0.0..10.0_f64,
        -0.5..2.0_f64,
    )
        .prop_map(|(attempts_max, first_ms, max_ms, factor, jitter)| RetryPolicy {
            attempts_max,
            first_delay: Duration::from_millis(first_ms),
            delay_max: Duration::from_millis(max_ms),
            factor,
            jitter,
        })
}

proptest! {
    #[test]
    fn no_delay_is_longer_than_the_bound_and_attempts_end(
        policy in policy(), attempt in 1..120_u32, after_ms in proptest::option::of(0..u64::MAX), seed: u64,
    ) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let after = after_ms.map(Duration::from_millis);
        match policy.next(attempt, after, &mut rng) {
            Decision::Exhausted => prop_assert!(attempt >= policy.attempts_max),
            Decision::RetryIn(delay) => {
                prop_assert!(attempt < policy.attempts_max);
                prop_assert!(delay <= policy.delay_max);
                let asked = after.unwrap_or_default().min(policy.delay_max);
                prop_assert!(delay >= asked, "{delay:?} is before {asked:?}");
            }
        }
    }

    #[test]
    fn delays_stay_within_the_jitter(policy in policy(), attempt in 1..100_u32, seed: u64) {
        let policy = RetryPolicy { attempts_max: u32::MAX, ..policy };
        let exact = RetryPolicy { jitter: 0.0, ..policy };
        let mut rng = fastrand::Rng::with_seed(seed);
        let (Decision::RetryIn(delay), Decision::RetryIn(middle)) =
            (policy.next(attempt, None, &mut rng), exact.next(attempt, None, &mut rng)) else {
            return Err(TestCaseError::fail("exhausted"));
        };
        let jitter = policy.jitter.clamp(0.0, 1.0);
        let close = Duration::from_micros(1);
        prop_assert!(delay + close >= middle.mul_f64(1.0 - jitter));
        prop_assert!(delay <= middle.mul_f64(1.0 + jitter) + close);
    }

    #[test]
    fn without_jitter_delays_never_shrink(policy in policy(), attempt in 1..60_u32) {
        let policy = RetryPolicy { attempts_max: u32::MAX, jitter: 0.0, ..policy };
        let mut rng = fastrand::Rng::with_seed(0);
        let delay = |attempt, rng: &mut fastrand::Rng| match policy.next(attempt, None, rng) {
            Decision::RetryIn(delay) => delay,
            Decision::Exhausted => Duration::MAX,
        };
        prop_assert!(delay(attempt, &mut rng) <= delay(attempt + 1, &mut rng));
    }
}

#[test]
fn the_default_doubles_from_half_a_second_to_an_hour() {
    let policy = RetryPolicy {
        jitter: 0.0,
        ..RetryPolicy::default()
    };
    let mut rng = fastrand::Rng::with_seed(1);
    let mut delays = Vec::new();
    for attempt in 1.. {
        match policy.next(attempt, None, &mut rng) {
            Decision::RetryIn(delay) => delays.push(delay.as_millis()),
            Decision::Exhausted => break,
        }
    }
    assert_eq!(
        delays,
        [
            500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000
        ]
    );
    let long = RetryPolicy {
        attempts_max: 100,
        ..policy
    };
    assert_eq!(
        long.next(99, None, &mut rng),
        Decision::RetryIn(Duration::from_secs(3600))
    );
    let after = Some(Duration::from_secs(7));
    assert_eq!(
        policy.next(1, after, &mut rng),
        Decision::RetryIn(Duration::from_secs(7))
    );
    assert_eq!(
        policy.next(8, after, &mut rng),
        Decision::RetryIn(Duration::from_secs(64)),
        "never earlier than planned"
    );
    assert_eq!(policy.next(12, after, &mut rng), Decision::Exhausted);
}

#[test]
fn jitter_spreads() {
    let mut rng = fastrand::Rng::with_seed(2);
    let policy = RetryPolicy::default();
    for after in [None, Some(Duration::from_secs(10))] {
        let delays: std::collections::BTreeSet<_> = (0..100)
            .map(|_| match policy.next(3, after, &mut rng) {
                Decision::RetryIn(delay) => delay.as_micros(),
                Decision::Exhausted => 0,
            })
            .collect();
        assert!(delays.len() > 90, "{after:?}: {} different delays", delays.len());
    }
}
