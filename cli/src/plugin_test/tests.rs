#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::case::TestCase;
use super::expect::{Expect, check};
use super::*;
use bytes::Bytes;
use serde_json::json;
use stadtbus_plugin_host::{Cost, Draft, Reason, Verdict};

fn answer(verdict: Verdict) -> Result<Answer, stadtbus_plugin_host::Failure> {
    Ok(Answer {
        verdict,
        state: StateChange::Unchanged,
        logs: Vec::new(),
        cost: Cost::default(),
    })
}

fn draft(subject: &str, data: &'static str) -> Draft {
    Draft {
        ty: "de.krefeld.a.v1".to_owned(),
        subject: Some(subject.to_owned()),
        datacontenttype: Some("application/json".to_owned()),
        data: Some(Bytes::from_static(data.as_bytes())),
        ..Draft::default()
    }
}

fn expect(yaml: &str) -> Expect {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn an_answer_is_compared_with_what_must_come() {
    let two = answer(Verdict::Events(vec![
        draft("1", r#"{"a":1}"#),
        draft("2", r#"{"a":2}"#),
    ]));
    let dropped = answer(Verdict::Drop(Reason {
        code: "old".to_owned(),
        text: String::new(),
    }));
    let csv = answer(Verdict::Encoded {
        content_type: "text/csv".to_owned(),
        body: Bytes::from_static(b"A;1\n"),
        headers: Vec::new(),
    });
    let cases = [
        (
            "events: [{subject: '1', data: {a: 1}}, {subject: '2'}]",
            &two,
            Ok(()),
        ),
        (
            "events: [{subject: '1', data: {a: 2}}, {subject: '2'}]",
            &two,
            Err("/events/0/data"),
        ),
        (
            "events: [{subject: '1', data: {}}, {}]",
            &two,
            Err("/events/0/data"),
        ),
        ("events: [{subject: '1'}]", &two, Err("/events")),
        ("events: []", &two, Err("/events")),
        (
            "{events: [{subject: '1', data: {a: 1}}, {}], exact: true}",
            &two,
            Err("/events/0/type"),
        ),
        ("dropped: old", &dropped, Ok(())),
        ("dropped: new", &dropped, Err("dropped")),
        ("rejected: old", &dropped, Err("dropped")),
        ("{dropped: old, state: 7}", &dropped, Ok(())),
        ("{dropped: old, state: null}", &dropped, Err("/state")),
        (
            "encoded: {content_type: text/csv, text: \"A;1\\n\"}",
            &csv,
            Ok(()),
        ),
        (
            "encoded: {content_type: text/csv, text: \"A;2\\n\"}",
            &csv,
            Err("A;2"),
        ),
        ("{}", &csv, Err("exactly one")),
        ("{dropped: a, rejected: b}", &csv, Err("exactly one")),
    ];
    for (yaml, outcome, expected) in cases {
        match (check(&expect(yaml), outcome, Some(b"7")), expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(part)) => assert!(found.contains(part), "{yaml}: {found}"),
            (found, _) => panic!("{yaml}: {found:?}"),
        }
    }
}

#[test]
fn a_file_of_cases_is_read_strictly() {
    let good = "
- name: one
  raw: {json: {id: A-1}}
  expect: {dropped: x}
- name: several
  tables: {t: {a: 1}}
  state: 3
  steps:
    - {raw: {text: hello, content_type: text/plain}, expect: {rejected: y}}
    - {event: {specversion: '1.0', id: '1', source: 'urn:x', type: 'a.b'}, expect: {events: []}}
";
    let cases: Vec<TestCase> = serde_saphyr::from_str(good).unwrap();
    assert_eq!(
        cases.iter().map(|case| case.steps.len()).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(cases[1].state, Some(json!(3)));
    let naming = "{name: n, tables: {t: ./t.json, u: {}}, steps: [{event: e.json, expect: {}}, {raw: {file: in/r.xml}, expect: {}}]}";
    let naming: TestCase = serde_saphyr::from_str(naming).unwrap();
    assert_eq!(
        naming.files(),
        ["e.json", "t.json", "in/r.xml"].map(PathBuf::from)
    );
    let folder = std::env::temp_dir();
    let given = Given::prepare(&cases[1], &cases[1].steps[0], &folder).unwrap();
    assert_eq!(
        (given.bytes.as_slice(), given.content_type.as_str()),
        (b"hello".as_slice(), "text/plain")
    );
    assert!(
        Given::prepare(&cases[1], &cases[1].steps[1], &folder)
            .unwrap()
            .event
            .is_some()
    );
    for bad in [
        "- {name: a, expect: {dropped: x}, steps: [{raw: {text: a}, expect: {dropped: x}}]}",
        "- {name: a}",
        "- {name: a, raw: {text: a}, expects: {dropped: x}}",
        "- {raw: {text: a}, expect: {dropped: x}}",
    ] {
        assert!(serde_saphyr::from_str::<Vec<TestCase>>(bad).is_err(), "{bad}");
    }
}

#[test]
fn numbers_are_shown_with_two_places() {
    assert_eq!(
        (millis(214), millis(50_000), mib(1 << 20), kib(1), kib(2_355)),
        (
            "0.22".into(),
            "50".into(),
            "1".into(),
            "0.01".into(),
            "2.30".into()
        )
    );
}

#[test]
fn a_repeated_answer_is_compared_with_its_state_and_its_log_lines() {
    let verdict = || Verdict::Events(vec![draft("1", r#"{"a":1}"#)]);
    let with = |change: &dyn Fn(&mut Answer)| {
        let mut answer = answer(verdict()).unwrap();
        change(&mut answer);
        Ok(answer)
    };
    let same = with(&|answer| answer.cost.micros = 9);
    assert!(repeat::alike(&same, &answer(verdict())));
    let line = stadtbus_plugin_host::LogLine {
        level: "info",
        text: "0x7f".to_owned(),
    };
    for other in [
        with(&|answer| answer.verdict = Verdict::Events(vec![draft("2", r#"{"a":1}"#)])),
        with(&|answer| answer.state = StateChange::Put(b"1".to_vec())),
        with(&|answer| answer.logs.push(line.clone())),
    ] {
        assert!(!repeat::alike(&same, &other), "{other:?}");
    }
}
