use proptest::prelude::*;
use serde_json::{Value, json};
use stadtbus_event::Event;

use super::*;
use crate::tables::Tables;

const MAX: u64 = 65_536;

fn event(data: &[u8]) -> Event {
    Event::builder("1", "urn:x", "a.b.v1")
        .datacontenttype("application/json")
        .data(data.to_vec())
        .build()
        .unwrap()
}

fn written(input: Input<'_>, state: Option<&[u8]>) -> Value {
    let tables = Tables::none();
    let call = Call {
        input,
        config: b"",
        state,
        tables: &tables,
    };
    let role = if matches!(input, Input::Event(_)) {
        Role::Transform
    } else {
        Role::Decode
    };
    serde_json::from_slice(&write(role, &call).unwrap()).unwrap()
}

#[test]
fn a_call_is_written_as_the_interface_describes_it() {
    let event = event(br#"{"n":1.0e2}"#);
    let document = written(Input::Event(&event), Some(b"{\"seen\":1}"));
    assert_eq!(
        (&document["role"], &document["config"], &document["state"]),
        (&json!("transform"), &json!({}), &json!({"seen": 1}))
    );
    assert_eq!(document["event"]["data"]["n"], json!(100.0));
    assert!(document.get("raw").is_none() && document.get("state_base64").is_none());

    let raw = |bytes| Input::Raw {
        content_type: "text/plain",
        bytes,
        received: "2026-01-31T12:00:00Z",
    };
    let text = written(raw(b"hallo"), Some(&[0xff]));
    assert_eq!(
        (&text["raw"]["text"], &text["state_base64"]),
        (&json!("hallo"), &json!("/w=="))
    );
    assert_eq!(written(raw(&[0xff, 0]), None)["raw"]["base64"], json!("/wA="));
}

#[test]
fn state_tells_null_from_absent() {
    let state = |more: &str| {
        read(
            format!(r#"{{"drop":{{"code":"a","text":"b"}}{more}}}"#).as_bytes(),
            MAX,
        )
        .unwrap()
        .1
    };
    assert_eq!(state(""), StateChange::Unchanged);
    assert_eq!(state(r#","state":null"#), StateChange::Clear);
    assert_eq!(
        state(r#","state":{"n":1.0}"#),
        StateChange::Put(br#"{"n":1.0}"#.to_vec())
    );
    assert_eq!(state(r#","state_base64":"/w==""#), StateChange::Put(vec![0xff]));
}

#[test]
fn data_keeps_its_spelling() {
    let (verdict, _) = read(
        br#"{"events":[{"type":"a.b.v1","data":{"n": 12345678901234567890.10},"key":"k"}]}"#,
        MAX,
    )
    .unwrap();
    let Verdict::Events(drafts) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        drafts[0].data.as_deref(),
        Some(&br#"{"n": 12345678901234567890.10}"#[..])
    );
}

#[test]
fn unsound_answers_are_refused_without_quoting_them() {
    for answer in [
        r#"{}"#,
        r#"{"events":[],"drop":{"code":"a","text":"b"}}"#,
        r#"{"events":[{"type":"a","id":"geheim"}]}"#,
        r#"{"events":[{"type":"a","data":1,"data_base64":"MQ=="}]}"#,
        r#"{"events":[{"type":"a","data_base64":"geheim!"}]}"#,
        r#"{"events":"geheim"}"#,
        r#"{"drop":{"code":"a","text":"b"},"state":1,"state_base64":"MQ=="}"#,
        r#"geheim"#,
    ] {
        let failure = read(answer.as_bytes(), MAX).expect_err(answer);
        assert_eq!(failure.code, "SB-4107", "{answer}");
        assert!(!failure.detail.contains("geheim"), "{}", failure.detail);
    }
    assert_eq!(read(&vec![b' '; 200_000], MAX).unwrap_err().code, "SB-4105");
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes, MAX).is_err());
    }

    #[test]
    fn any_binary_state_and_body_survive_the_way(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let encoded = BASE64.encode(&bytes);
        let answer = json!({"encoded": {"content_type": "a/b", "body_base64": encoded}, "state_base64": encoded});
        let (verdict, state) = read(answer.to_string().as_bytes(), MAX).unwrap();
        let same = matches!(&verdict, Verdict::Encoded { body, .. } if body[..] == bytes[..]);
        prop_assert!(same);
        prop_assert_eq!(state, StateChange::Put(bytes));
    }
}
