use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_event::Event;
use stadtbus_plugin_host::Cost;

use super::{
    compare::{Kind, Outcome, differences, shape_of},
    *,
};

const PLUGIN: &str = "werk/launisch";

fn version(digest: &str) -> Version {
    Version {
        signature: None,
        sigstore: None,
        version: format!("1.{digest}"),
        digest: digest.to_owned(),
        manifest: String::new(),
    }
}

fn by() -> By {
    By {
        who: "werk/sender".to_owned(),
        at_ms: 1,
        why: "weil".to_owned(),
    }
}

fn canary(share: u32) -> Wish {
    Wish::Canary {
        share,
        policy: Policy::default(),
    }
}

/// `wish` of a plugin of which the city names `named`; with `new` for a trial.
fn next(
    stored: Option<Rollout>,
    named: &str,
    new: Option<&str>,
    wish: Wish,
) -> Result<Rollout, &'static str> {
    let (city, new) = (version(named), new.map(version));
    let asked = Asked {
        plugin: PLUGIN,
        city: &city,
        new: new.as_ref(),
        id: "frisch",
    };
    Rollout::next(stored, &asked, wish, by()).map_err(|refusal| refusal.code)
}

/// A rollout from `a` to `b` that came to this stage.
fn at(stage: Stage) -> Rollout {
    let mut rollout = next(None, "a", Some("b"), canary(100)).unwrap();
    match stage {
        Stage::Canary => {}
        Stage::Shadow => rollout.go(Wish::Shadow, "a", by()).unwrap(),
        Stage::Promoted => rollout.go(Wish::Promote, "a", by()).unwrap(),
        Stage::RolledBack => rollout.go(Wish::RollBack, "a", by()).unwrap(),
        Stage::Stopped => assert!(rollout.stop(by())),
        Stage::Replaced => assert!(rollout.replace(by())),
    }
    assert_eq!(rollout.stage, stage);
    rollout
}

#[test]
fn each_step_follows_from_where_it_stands() {
    use Stage::{Canary, Promoted, Replaced, RolledBack, Shadow, Stopped};
    let conflict = Err("SB-4031");
    let none = Err("SB-4030");
    // From, with the new version along, and without: promote, roll back.
    let cases = [
        (Shadow, Ok(Shadow), Ok(Canary), Ok(Promoted), Ok(RolledBack)),
        (Canary, Ok(Shadow), Ok(Canary), Ok(Promoted), Ok(RolledBack)),
        (Stopped, Ok(Shadow), Ok(Canary), conflict, Ok(RolledBack)),
        (RolledBack, Ok(Shadow), Ok(Canary), conflict, conflict),
        // It is in service: there is nothing to try.
        (Promoted, conflict, conflict, conflict, Ok(RolledBack)),
        (Replaced, Ok(Shadow), Ok(Canary), none, none),
    ];
    for (from, shadow, share, promote, back) in cases {
        let to = |new, wish| next(Some(at(from)), "a", new, wish).map(|rollout| rollout.stage);
        assert_eq!(to(Some("b"), Wish::Shadow), shadow, "{from:?} shadow");
        assert_eq!(to(Some("b"), canary(5)), share, "{from:?} canary");
        assert_eq!(to(None, Wish::Promote), promote, "{from:?} promote");
        assert_eq!(to(None, Wish::RollBack), back, "{from:?} roll back");
    }
    assert_eq!(next(None, "a", None, Wish::Promote).map(|_| ()), Err("SB-4030"));
    // One new version at a time, and none that is in service already.
    assert_eq!(
        next(Some(at(Canary)), "a", Some("c"), Wish::Shadow).map(|_| ()),
        Err("SB-4033")
    );
    assert_eq!(
        next(None, "a", Some("a"), Wish::Shadow).map(|_| ()),
        conflict.map(|_: Stage| ())
    );
    // Only a canary stops itself.
    for stage in [Shadow, Promoted, RolledBack, Stopped] {
        assert!(!at(stage).stop(by()), "{stage:?}");
    }
}

#[test]
fn a_try_after_a_stop_counts_anew_and_remembers_what_was() {
    let stopped = at(Stage::Stopped);
    let again = next(Some(stopped.clone()), "a", Some("b"), canary(5)).unwrap();
    assert_eq!(again.history.len(), stopped.history.len() + 1);
    assert_eq!(again.id, "frisch");
    let mut running = at(Stage::Canary);
    running.id = "läuft".to_owned();
    let wider = next(Some(running), "a", Some("b"), canary(500)).unwrap();
    assert_eq!((wider.id.as_str(), wider.share), ("läuft", 500));
}

#[test]
fn what_the_city_names_later_ends_a_rollout_unless_it_is_in_service_anyway() {
    let promoted = at(Stage::Promoted);
    assert_eq!(promoted.in_service().digest, "b");
    assert!(promoted.governs("a") && promoted.governs("b") && !promoted.governs("c"));
    let back = at(Stage::RolledBack);
    assert_eq!(back.in_service().digest, "a");
    // Somebody put the new version into the city after it was taken back: that was meant.
    assert!(back.governs("a") && !back.governs("b"));
    // Promoted, taken into the city, taken back: the old one is in service although the city names the new one.
    let back = next(Some(at(Stage::Promoted)), "b", None, Wish::RollBack).unwrap();
    assert_eq!(back.in_service().digest, "a");
    assert!(back.governs("b"));
    assert!(!at(Stage::Replaced).governs("a"));
    // What follows a promotion begins from what is in service, not from what the city names.
    let later = next(Some(at(Stage::Promoted)), "a", Some("c"), Wish::Shadow).unwrap();
    assert_eq!((later.old.digest.as_str(), later.new.digest.as_str()), ("b", "c"));
    assert!(later.governs("a"));
}

#[test]
fn a_key_stays_with_its_version_and_shares_grow_around_it() {
    let taken = |share: u32| -> Vec<u32> {
        let mut rollout = at(Stage::Canary);
        rollout.share = share;
        (0..20_000)
            .filter(|key: &u32| rollout.takes(&key.to_be_bytes()))
            .collect()
    };
    let (one, ten) = (taken(100), taken(1_000));
    assert!((120..280).contains(&one.len()), "{}", one.len());
    assert!((1_700..2_300).contains(&ten.len()), "{}", ten.len());
    assert!(one.iter().all(|key| ten.contains(key)));
    assert_eq!(one, taken(100));
    assert_eq!(taken(SHARE_PARTS).len(), 20_000);
    assert_eq!(taken(0).len(), 0);
    let mut shadow = at(Stage::Shadow);
    shadow.share = SHARE_PARTS;
    assert!(!shadow.takes(b"x"));
}

fn costs(calls: u64, each: u64) -> Costs {
    Costs {
        calls,
        micros: calls * each,
        ..Costs::default()
    }
}

#[test]
fn a_canary_stops_for_errors_time_and_where_asked_for_differences() {
    let strict = Policy {
        difference_percent_max: Some(10.0),
        ..Policy::default()
    };
    let counts = |taken, failed| Counts {
        taken,
        failed,
        ..Counts::default()
    };
    let differing = |compared, different| Counts {
        compared,
        different,
        ..Counts::default()
    };
    let timed = |old: (u64, u64), new: (u64, u64)| Counts {
        old: costs(old.0, old.1),
        new: costs(new.0, new.1),
        ..Counts::default()
    };
    let slow = timed((50, 1_000), (50, 5_000));
    let never = Policy {
        latency_ratio_max: 0.0,
        ..strict
    };
    let cases = [
        ("two failures are few", strict, counts(2, 2), None),
        ("three are not", strict, counts(3, 3), Some("error rate")),
        ("of many they are", strict, counts(300, 3), None),
        (
            "but not of a few less",
            strict,
            counts(299, 3),
            Some("error rate"),
        ),
        ("a tenth may differ", strict, differing(30, 3), None),
        ("more may not", strict, differing(30, 4), Some("difference")),
        ("unless nobody asked", Policy::default(), differing(30, 30), None),
        ("five times the time", strict, slow.clone(), Some("latency")),
        ("four times", strict, timed((50, 1_000), (50, 4_000)), None),
        ("too few to say", strict, timed((49, 1_000), (50, 9_000)), None),
        ("too little to matter", strict, timed((50, 10), (50, 900)), None),
        ("nobody asked", never, slow, None),
        ("nothing happened", strict, Counts::default(), None),
    ];
    for (name, policy, counts, expected) in cases {
        let why = policy.judge(&counts);
        let begins = why.as_deref().and_then(|why| why.split(':').next());
        assert_eq!(begins, expected, "{name}: {why:?}");
    }
}

fn events(data: &[Value]) -> Outcome {
    let event = |data: &Value| {
        let event = Event::builder("1", "urn:a", "t")
            .datacontenttype("application/json")
            .data(data.to_string())
            .build();
        Arc::new(event.unwrap())
    };
    Outcome::Events(data.iter().map(event).collect())
}

#[test]
fn differences_name_their_field() {
    let old = events(&[json!({"wert": 1, "alt": true, "liste": [{"a": 1}, {"a": 2}], "a/b": 0})]);
    let new = events(&[json!({"wert": 2, "neu": null, "liste": [{"a": 1}, {"a": 3}, {"a": 4}], "a/b": 1})]);
    let found = differences(&old, &new);
    let places: BTreeMap<String, Kind> = found.iter().map(|one| (one.path.clone(), one.kind)).collect();
    let expected = [
        ("/events/0/data/a~1b", Kind::Changed),
        ("/events/0/data/alt", Kind::Removed),
        ("/events/0/data/liste/1/a", Kind::Changed),
        ("/events/0/data/liste/2", Kind::Added),
        ("/events/0/data/neu", Kind::Added),
        ("/events/0/data/wert", Kind::Changed),
    ];
    let expected: BTreeMap<String, Kind> = expected
        .map(|(path, kind)| (path.to_owned(), kind))
        .into_iter()
        .collect();
    assert_eq!(places, expected);
    let wert = found.iter().find(|one| one.path.ends_with("wert")).unwrap();
    assert_eq!(
        (wert.old.clone(), wert.new.clone()),
        (Some(json!(1)), Some(json!(2)))
    );
    assert_eq!(shape_of(wert), "changed /events/*/data/wert");
    assert_eq!(differences(&old, &old), Vec::new());

    let dropped = Outcome::Dropped {
        code: "egal".to_owned(),
        reason: "x".to_owned(),
    };
    let verdict = differences(&old, &dropped);
    assert_eq!(verdict.len(), 1);
    assert_eq!(shape_of(&verdict[0]), "verdict events → dropped egal");
    let more = differences(&old, &events(&[json!({}), json!({})]));
    assert_eq!((more[0].kind, more[0].path.as_str()), (Kind::Count, "/events"));
    let foreign = |body: &'static [u8]| Outcome::Encoded {
        content_type: "x/y".to_owned(),
        headers: Vec::new(),
        body: body.into(),
    };
    let binary = differences(&foreign(b"\xff\x00"), &foreign(b"\xff\x01"));
    assert_eq!(binary[0].path, "/body/sha256");
    let text = differences(&foreign(b"eins\nzwei"), &foreign(b"eins\ndrei"));
    assert_eq!(text[0].path, "/body/1");
}

#[test]
fn what_is_counted_adds_up_and_stays_small() {
    let tally = Tally::default();
    let seen = Seen {
        place: "amt-1".to_owned(),
        at: Some(("LOG_WERK".to_owned(), 7)),
    };
    let cost = Cost {
        micros: 10,
        ..Cost::default()
    };
    for n in 0..200 {
        tally.taken(&cost);
        let new = events(&[json!({ format!("feld{n}"): 1 })]);
        tally.compared(&seen, &cost, &differences(&events(&[json!({})]), &new));
    }
    tally.failed(&seen, "SB-4103", false);
    tally.failed(&seen, "SB-4103", true);
    let mut counts = tally.news().unwrap();
    assert!(tally.news().is_none(), "nothing changed since");
    counts.merge(tally.now());
    assert_eq!(
        (counts.taken, counts.different, counts.failed, counts.both_failed),
        (400, 400, 2, 2)
    );
    assert_eq!((counts.old.calls, counts.new.mean_us()), (400, 10));
    assert_eq!(counts.examples.len(), 20);
    assert!(counts.by_kind.len() <= 65, "{}", counts.by_kind.len());
    assert_eq!(counts.by_kind.values().sum::<u64>(), 402);
    // No value of the event is kept.
    let example = counts.examples.first().unwrap();
    assert_eq!(example.differences, ["added /events/0/data/feld0"]);
}

#[tokio::test]
async fn what_is_decided_is_stored_once_and_counts_of_all_processes_add_up() {
    let broker = MemoryBroker::new(Options::default());
    let begin = |stored: Option<Rollout>| {
        assert!(stored.is_none(), "{stored:?}");
        Ok(Some(at(Stage::Canary)))
    };
    let rollout = change(&broker, PLUGIN, begin).await.unwrap().unwrap();
    assert_eq!(get(&broker, PLUGIN).await.unwrap().as_ref(), Some(&rollout));
    assert_eq!(list(&broker).await.unwrap(), std::slice::from_ref(&rollout));
    // What is refused, or not wanted after all, changes nothing.
    let refused = change(&broker, PLUGIN, |_| Err(unknown(PLUGIN))).await;
    assert_eq!(refused.unwrap_err().code, "SB-4030");
    assert_eq!(change(&broker, PLUGIN, |_| Ok(None)).await.unwrap(), None);
    assert_eq!(get(&broker, PLUGIN).await.unwrap(), Some(rollout.clone()));
    let stop =
        |stored: Option<Rollout>| Ok(stored.and_then(|mut stored| stored.stop(by()).then_some(stored)));
    let stopped = change(&broker, PLUGIN, stop).await.unwrap().unwrap();
    assert_eq!(stopped.stage, Stage::Stopped);
    assert_eq!(change(&broker, PLUGIN, stop).await.unwrap(), None, "once");

    let mut other = next(Some(stopped.clone()), "a", Some("b"), canary(1)).unwrap();
    other.id = "zweite".to_owned();
    for (rollout, member, events) in [(&stopped, "eins", 3), (&stopped, "zwei", 4), (&other, "eins", 50)] {
        let counted = Counts {
            events,
            ..Counts::default()
        };
        // Written again and again: the last one counts.
        for _ in 0..2 {
            let written = store::write_counts(&broker, rollout, member, &counted).await;
            written.unwrap();
        }
    }
    assert_eq!(counts(&broker, &stopped).await.unwrap().events, 7);
    assert_eq!(counts(&broker, &other).await.unwrap().events, 50);
}
