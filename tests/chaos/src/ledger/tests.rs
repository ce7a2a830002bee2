//! The oracle itself, with fabricated histories: it must find what is wrong and let pass what is not.
#![allow(clippy::unwrap_used)]

use super::{Answer, DERIVED, DeadLetter, Ledger, Place, Report, SENT, SUBSCRIPTIONS, TYPES, Verdict};
use crate::payload::{self, data, event_id};

const SEED: u64 = 11;

/// One thing that happens in a history.
enum Happens {
    Claim,
    Accepted(u64, u64),
    Open(u64),
    /// (subscription, number): as it was sent.
    Receives(usize, u64),
    /// (number, position): by pull, which tells the place.
    ReceivesAt(u64, u64),
    /// (subscription, id, data).
    ReceivesThis(usize, Option<&'static str>, &'static str),
}
use Happens::{Accepted, Claim, Open, Receives, ReceivesAt, ReceivesThis};

/// A name, what happens, and the violations that must be found, with how many of each.
type Case = (&'static str, Vec<Happens>, Vec<(&'static str, usize)>);

fn place(position: u64) -> Place {
    Place {
        log: "LOG_PUB".to_owned(),
        position,
    }
}

fn ledger(history: &[Happens]) -> Ledger {
    let mut ledger = Ledger::new(SEED);
    for happens in history {
        match happens {
            Claim => {
                ledger.claim();
            }
            Accepted(number, position) => ledger.answer(*number, Answer::Accepted(place(*position))),
            Open(number) => ledger.answer(*number, Answer::Open(String::new())),
            Receives(subscription, number) => receive(&mut ledger, *subscription, *number, None),
            ReceivesAt(number, position) => receive(&mut ledger, 1, *number, Some(place(*position))),
            ReceivesThis(subscription, event_id, data) => ledger.report(Report {
                subscription: *subscription,
                event_id: *event_id,
                event_type: SENT,
                data: data.as_bytes(),
                place: None,
            }),
        }
    }
    ledger
}

fn receive(ledger: &mut Ledger, subscription: usize, number: u64, place: Option<Place>) {
    let id = event_id(SEED, number);
    let data = data(SEED, number);
    // The third subscription takes derived events, whose ids are the bus's own.
    let event_id = (subscription != 2).then_some(id.as_str());
    ledger.report(Report {
        subscription,
        event_id,
        event_type: TYPES.get(subscription).copied().unwrap_or_default(),
        data: data.as_bytes(),
        place,
    });
}

fn verdict(history: &[Happens]) -> Verdict {
    ledger(history).verdict(&[])
}

fn broken(verdict: &Verdict) -> Vec<(&'static str, usize)> {
    let violations = verdict.violations().into_iter();
    violations
        .map(|(name, found)| (name, found.len()))
        .filter(|(_, found)| *found > 0)
        .collect()
}

#[test]
fn each_violation_is_found_and_nothing_else() {
    let everywhere = (0..SUBSCRIPTIONS.len()).map(|subscription| Receives(subscription, 0));
    let met = [Claim, Accepted(0, 1)].into_iter().chain(everywhere).collect();
    let cases: Vec<Case> = vec![
        ("nothing happened", vec![], vec![]),
        ("all met", met, vec![]),
        (
            "arrived before its answer",
            vec![
                Claim,
                Receives(0, 0),
                Receives(1, 0),
                Receives(2, 0),
                Receives(3, 0),
                Accepted(0, 1),
            ],
            vec![],
        ),
        (
            "one receiver never got it",
            vec![
                Claim,
                Accepted(0, 1),
                Receives(0, 0),
                Receives(2, 0),
                Receives(3, 0),
            ],
            vec![("lost", 1)],
        ),
        ("nobody got it", vec![Claim, Accepted(0, 1)], vec![("lost", 4)]),
        ("a maybe that never came", vec![Claim, Open(0)], vec![]),
        (
            "a maybe that came in one place",
            vec![Claim, Open(0), Receives(0, 0)],
            vec![],
        ),
        (
            "a maybe that became an obligation",
            vec![Claim, Open(0), Accepted(0, 1)],
            vec![("lost", 4)],
        ),
        (
            "claimed by nobody",
            vec![Claim, Open(0), Receives(0, 1)],
            vec![("foreign", 1)],
        ),
        (
            "of another run",
            vec![
                Claim,
                ReceivesThis(0, None, r#"{"nr":0,"seed":12,"wert":1,"text":""}"#),
            ],
            vec![("foreign", 1)],
        ),
        (
            "not ours at all",
            vec![Claim, ReceivesThis(0, None, "{}")],
            vec![("foreign", 1)],
        ),
        (
            "other data",
            vec![
                Claim,
                ReceivesThis(0, None, r#"{"nr":0,"seed":11,"wert":1,"text":""}"#),
            ],
            vec![("corrupted", 1)],
        ),
        (
            "at two places of the log",
            vec![Claim, Open(0), ReceivesAt(0, 4), ReceivesAt(0, 9)],
            vec![("twice in the log", 1)],
        ),
        (
            "redelivered from its place",
            vec![Claim, Open(0), ReceivesAt(0, 4), ReceivesAt(0, 4)],
            vec![],
        ),
        (
            "a repeat with another receipt",
            vec![
                Claim,
                Accepted(0, 4),
                Accepted(0, 9),
                Receives(0, 0),
                Receives(1, 0),
                Receives(2, 0),
                Receives(3, 0),
            ],
            vec![("receipt changed", 1)],
        ),
        (
            "a repeat with its receipt",
            vec![
                Claim,
                Accepted(0, 4),
                Accepted(0, 4),
                Receives(0, 0),
                Receives(1, 0),
                Receives(2, 0),
                Receives(3, 0),
            ],
            vec![],
        ),
    ];
    for (name, history, expected) in cases {
        assert_eq!(broken(&verdict(&history)), expected, "{name}");
    }
}

#[test]
fn data_under_another_id_is_corrupted() {
    let mut ledger = ledger(&[Claim, Claim]);
    let (id, data) = (event_id(SEED, 1), data(SEED, 0));
    ledger.report(Report {
        subscription: 0,
        event_id: Some(&id),
        event_type: SENT,
        data: data.as_bytes(),
        place: None,
    });
    assert_eq!(broken(&ledger.verdict(&[])), [("corrupted", 1)]);
}

#[test]
fn what_nobody_was_permitted_is_foreign() {
    let mut ledger = ledger(&[Claim]);
    let (id, data) = (event_id(SEED, 0), data(SEED, 0));
    ledger.strange(&id);
    for (subscription, event_type) in [(0, DERIVED), (2, SENT), (2, "")] {
        ledger.report(Report {
            subscription,
            event_id: (subscription != 2).then_some(id.as_str()),
            event_type,
            data: data.as_bytes(),
            place: None,
        });
    }
    assert_eq!(broken(&ledger.verdict(&[])), [("foreign", 4)]);
}

#[test]
fn duplicates_are_counted_and_are_no_violation() {
    let seen = verdict(&[
        Claim,
        Accepted(0, 1),
        Receives(0, 0),
        Receives(0, 0),
        Receives(0, 0),
        Receives(1, 0),
        Receives(2, 0),
        Receives(3, 0),
        Receives(2, 0),
        Receives(3, 0),
    ]);
    assert_eq!(broken(&seen), []);
    assert_eq!(seen.duplicates, [2, 0, 1, 1]);
    assert_eq!((seen.claimed, seen.accepted, seen.maybe), (1, 1, 0));
}

#[test]
fn a_dead_letter_is_not_lost() {
    let ledger = ledger(&[
        Claim,
        Accepted(0, 1),
        Receives(0, 0),
        Receives(2, 0),
        Receives(3, 0),
    ]);
    let dead = |receiver, number| DeadLetter {
        receiver,
        number,
        reason: "SB-3008".to_owned(),
    };
    for (letter, expected) in [
        (dead("probe-pull", Some(0)), vec![]),
        (dead("probe-webhook", Some(0)), vec![("lost", 1)]),
        (dead("probe-pull", Some(1)), vec![("lost", 1)]),
        (dead("probe-pull", None), vec![("lost", 1)]),
    ] {
        assert_eq!(
            broken(&ledger.verdict(std::slice::from_ref(&letter))),
            expected,
            "{letter:?}"
        );
    }
}

#[test]
fn what_is_open_goes_down_to_nothing() {
    let mut seen = ledger(&[Claim, Claim, Accepted(0, 1), Open(1)]);
    assert_eq!((seen.open(), seen.behind(), seen.is_met(0)), (4, 1, false));
    for subscription in 0..SUBSCRIPTIONS.len() {
        receive(&mut seen, subscription, 0, None);
        receive(&mut seen, subscription, 1, None);
    }
    assert_eq!((seen.open(), seen.behind(), seen.is_met(0)), (0, 0, true));
    assert_eq!(seen.verdict(&[]).maybe_received, 1);
}

#[test]
fn order_within_a_key_is_asked_of_whom_it_was_promised() {
    let like_the_first = |number: &u64| payload::key(*number) == payload::key(0);
    let other = (1..).find(like_the_first).unwrap();
    let mut history: Vec<_> = (0..=other).map(|_| Claim).collect();
    history.extend([Accepted(0, 1), Accepted(other, 2)]);
    for subscription in 0..SUBSCRIPTIONS.len() {
        history.extend([Receives(subscription, other), Receives(subscription, 0)]);
    }
    assert_eq!(broken(&verdict(&history)), [("out of order", 1)]);
}
