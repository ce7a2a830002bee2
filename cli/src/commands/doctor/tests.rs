#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

#[test]
fn the_broker_must_be_new_and_durable() {
    let cases = [
        (
            json!({"broker": {"name": "nats-server", "version": "2.15.1", "durable": true, "detail": "x"}}),
            State::Ok,
            State::Ok,
        ),
        (
            json!({"broker": {"name": "nats-server", "version": "2.14.0", "durable": true}}),
            State::Ok,
            State::Ok,
        ),
        (
            json!({"broker": {"name": "nats-server", "version": "2.9.25", "durable": true}}),
            State::Fault,
            State::Ok,
        ),
        (
            json!({"broker": {"name": "nats-server", "version": "2.15.1", "durable": false}}),
            State::Ok,
            State::Fault,
        ),
        (
            json!({"broker": {"name": "memory", "version": "0.1.0", "durable": false}}),
            State::Warning,
            State::Warning,
        ),
        (json!({}), State::Fault, State::Fault),
    ];
    for (status, version, proof) in cases {
        assert_eq!(broker(&status).state, version, "{status}");
        assert_eq!(durable(&status).state, proof, "{status}");
    }
}

#[test]
fn clocks_may_differ_a_little() {
    let now: Timestamp = "2026-11-23T20:00:00Z".parse().unwrap();
    let cases = [
        (Some("Mon, 23 Nov 2026 19:59:59 GMT"), State::Ok),
        (Some("Mon, 23 Nov 2026 20:00:10 GMT"), State::Warning),
        (Some("Mon, 23 Nov 2026 19:00:00 GMT"), State::Fault),
        (Some("yesterday"), State::Warning),
        (None, State::Warning),
    ];
    for (date, expected) in cases {
        assert_eq!(clock(date, now).state, expected, "{date:?}");
    }
}

#[test]
fn a_city_is_loaded_or_not() {
    assert_eq!(city(&json!({"city": {"digest": "ab"}})).state, State::Ok);
    assert_eq!(city(&json!({"city": null})).state, State::Warning);
    assert_eq!(numbers("v2.15.1-RC.1"), Some((2, 15)));
    assert_eq!(numbers("two"), None);
    assert_eq!(disk(Path::new("/nowhere/at/all")).state, State::Warning);
}
