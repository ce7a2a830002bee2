use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TTL: Duration = Duration::from_secs(30);

#[test]
fn a_handle_settles_once_and_only_its_own() {
    let (mut book, now) = (Leases::new(10), Instant::now());
    let handles: Vec<Handle> = (0..3).map(|n| book.lease(n, now, TTL).unwrap()).collect();
    let (a, b, c) = (handles[0], handles[1], handles[2]);
    assert_eq!(book.get(b), Some(&1));
    let texts = [
        a.to_string(),
        "nonsense".into(),
        b.to_string(),
        a.to_string(),
        "0".repeat(32),
    ];
    let settled = book.settle_all(&texts);
    assert_eq!(settled.items, [0, 1]);
    assert_eq!(
        settled.unknown,
        [texts[1].clone(), texts[3].clone(), texts[4].clone()]
    );
    assert_eq!(book.len(), 1);
    assert_eq!(book.settle(c), Some(2));
    assert_eq!(book.settle(c), None);
    assert!(book.is_empty() && book.next_end().is_none());
}

#[test]
fn handles_are_read_only_as_they_were_written() {
    let (mut book, now) = (Leases::new(1), Instant::now());
    let handle = book.lease((), now, TTL).unwrap();
    let text = handle.to_string();
    assert_eq!(Handle::parse(&text), Some(handle));
    let dashed = handle.0.as_hyphenated().to_string();
    for other in [
        "",
        &text[1..],
        &format!("{text}0"),
        &text.to_uppercase(),
        &dashed,
        &format!("{{{text}}}"),
        "ä",
    ] {
        // Digits alone have no capitals.
        assert!(Handle::parse(other).is_none() || other == text, "{other}");
    }
}

#[test]
fn the_book_is_bounded() {
    let (mut book, now) = (Leases::new(2), Instant::now());
    let first = book.lease(1, now, TTL).unwrap();
    book.lease(2, now, TTL).unwrap();
    assert_eq!((book.room(), book.lease(3, now, TTL)), (0, Err(3)));
    assert_eq!(book.settle(first), Some(1));
    assert!(book.lease(3, now, TTL).is_ok());
    assert_eq!(Leases::new(0).lease(1, now, TTL), Err(1));
}

#[test]
fn leases_end_in_order_and_can_be_extended() {
    let (mut book, start) = (Leases::new(10), Instant::now());
    let at = |s: u64| start + Duration::from_secs(s);
    let long = book.lease("long", start, Duration::from_secs(60)).unwrap();
    let short = book.lease("short", start, Duration::from_secs(10)).unwrap();
    let middle = book.lease("middle", start, Duration::from_secs(20)).unwrap();
    assert_eq!(book.next_end(), Some(at(10)));
    assert!(book.expire(at(9)).is_empty());
    let extended = book.extend_all([short.to_string(), "x".into()], at(9), Duration::from_secs(30));
    assert_eq!(
        extended,
        Extended {
            count: 1,
            unknown: vec!["x".into()]
        }
    );
    assert_eq!(book.expire(at(38)), ["middle"]);
    assert_eq!(book.settle(middle), None);
    assert!(
        book.extend(long, at(38), Duration::ZERO),
        "an end may come sooner, but not at once"
    );
    assert_eq!(book.next_end(), Some(at(38) + LEASE_MIN));
    assert_eq!(book.expire(at(100)), ["long", "short"]);
    assert!(!book.extend(long, at(100), TTL));
}

#[test]
fn what_ran_out_may_still_be_settled_until_it_is_taken_back() {
    let (mut book, now) = (Leases::new(10), Instant::now());
    let late = book.lease("late", now, TTL).unwrap();
    let later = now + TTL * 2;
    assert_eq!(book.settle(late), Some("late"));
    let gone = book.lease("gone", now, TTL).unwrap();
    assert_eq!(book.expire(later), ["gone"]);
    assert_eq!(book.settle(gone), None);
}

#[test]
fn absurd_lengths_are_brought_within_bounds() {
    let (mut book, now) = (Leases::new(10), Instant::now());
    book.lease(1, now, Duration::MAX).unwrap();
    assert_eq!(book.next_end(), Some(now + LEASE_MAX));
    book.lease(2, now, Duration::ZERO).unwrap();
    assert_eq!(book.next_end(), Some(now + LEASE_MIN));
    let mut items = book.take_all();
    items.sort_unstable();
    assert_eq!(items, [1, 2]);
    assert!(book.is_empty() && book.next_end().is_none());
}

#[derive(Debug, Clone)]
enum Step {
    Lease(u64),
    Settle(usize),
    Extend(usize, u64),
    Expire,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..60_u64).prop_map(Step::Lease),
        any::<usize>().prop_map(Step::Settle),
        (any::<usize>(), 1..60_u64).prop_map(|(n, s)| Step::Extend(n, s)),
        Just(Step::Expire),
        (1..30_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Against a plain list: every item is in the book or came back exactly once.
    #[test]
    fn no_item_is_lost_or_doubled(steps in proptest::collection::vec(step(), 0..200)) {
        let (mut book, mut now) = (Leases::new(20), Instant::now());
        let mut model: BTreeMap<u32, (Handle, Instant)> = BTreeMap::new();
        let mut handles: Vec<Handle> = Vec::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Lease(s) => {
                    let ttl = Duration::from_secs(s);
                    match book.lease(next, now, ttl) {
                        Ok(handle) => { model.insert(next, (handle, now + ttl)); handles.push(handle); }
                        Err(item) => prop_assert!(item == next && model.len() == 20),
                    }
                    next += 1;
                }
                Step::Settle(n) => if let Some(handle) = handles.get(n % handles.len().max(1)) {
                    let expected = model.iter().find(|(_, (h, _))| h == handle).map(|(item, _)| *item);
                    prop_assert_eq!(book.settle(*handle), expected);
                    if let Some(item) = expected { model.remove(&item); }
                },
                Step::Extend(n, s) => if let Some(handle) = handles.get(n % handles.len().max(1)) {
                    let ttl = Duration::from_secs(s);
                    let entry = model.values_mut().find(|(h, _)| h == handle);
                    prop_assert_eq!(book.extend(*handle, now, ttl), entry.is_some());
                    if let Some(entry) = entry { entry.1 = now + ttl; }
                },
                Step::Expire => {
                    let mut back = book.expire(now);
                    back.sort_unstable();
                    let over: Vec<u32> = model.iter().filter(|(_, (_, end))| *end <= now).map(|(item, _)| *item).collect();
                    for item in &over { model.remove(item); }
                    prop_assert_eq!(back, over);
                }
                Step::Pass(s) => now += Duration::from_secs(s),
            }
            prop_assert_eq!(book.len(), model.len());
            prop_assert_eq!(book.next_end(), model.values().map(|(_, end)| *end).min());
        }
    }
}
