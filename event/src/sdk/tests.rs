//! Against the SDK: as a witness where it agrees, and what it cannot hold.

use bytes::Bytes;
use cloudevents::AttributesReader;

use crate::{Event, EventError, json};

fn parsed(members: &str) -> Event {
    json::parse(&Bytes::from(format!(
        r#"{{"specversion":"1.0","id":"1","source":"urn:a","type":"t"{members}}}"#
    )))
    .unwrap()
}

const AGREED: &[&str] = &[
    "",
    r#","subject":"Straße","time":"2026-11-23T06:41:12.004Z","dataschema":"https://bus.krefeld.example/a.json""#,
    r#","n":5,"t":true,"s":"x""#,
    r#","data":{"a":[1,2.5,-3],"b":"ü\n"}"#,
    r#","datacontenttype":"application/json","data":"text""#,
    r#","datacontenttype":"text/xml","data":"<a b=\"c\"/>""#,
    r#","datacontenttype":"application/octet-stream","data_base64":"AAEC""#,
    r#","data_base64":"AAEC""#,
];

#[test]
fn the_sdk_reads_what_we_write_and_we_read_what_it_writes() {
    for members in AGREED {
        let event = parsed(members);
        let witness: cloudevents::Event = serde_json::from_slice(&json::to_bytes(&event)).unwrap();
        assert_eq!(
            cloudevents::Event::try_from(&event).unwrap(),
            witness,
            "{members}"
        );
        let written = serde_json::to_vec(&witness).unwrap();
        let again = json::parse(&Bytes::from(written)).unwrap();
        assert_eq!(Event::try_from(witness).unwrap(), again, "{members}");
        assert_eq!(
            again.extensions().collect::<Vec<_>>(),
            event.extensions().collect::<Vec<_>>(),
            "{members}"
        );
        assert_eq!(again.subject(), event.subject());
        assert_eq!(again.timestamp(), event.timestamp());
    }
}

#[test]
fn what_the_sdk_cannot_hold_is_refused() {
    let cases = [
        (r#","time":"2026-11-23T14:00:00+01:00""#, "time"),
        (r#","time":"2026-11-23T14:00:00.0123456789Z""#, "time"),
        (r#","dataschema":"https://bus.krefeld.example""#, "dataschema"),
        (r#","data":{"a":12345678901234567890123}"#, "data"),
        (r#","data":{"a":1e2}"#, "data"),
        (r#","data":{"a":1,"a":1}"#, "data"),
    ];
    for (members, attribute) in cases {
        let error = cloudevents::Event::try_from(&parsed(members)).unwrap_err();
        assert_eq!(
            (error.code(), error.attribute()),
            ("SB-1112", Some(attribute)),
            "{members}"
        );
    }
}

#[test]
fn json_the_tree_would_change_goes_as_bytes() {
    let event = parsed(r#","datacontenttype":"application/json","data":{"a":1e2}"#);
    let sdk = cloudevents::Event::try_from(&event).unwrap();
    assert_eq!(
        sdk.data(),
        Some(&cloudevents::Data::Binary(br#"{"a":1e2}"#.to_vec()))
    );
    assert_eq!(Event::try_from(sdk).unwrap(), event);
}

#[test]
fn what_the_sdk_lets_through_is_checked() {
    use cloudevents::{EventBuilder, EventBuilderV10};
    let sound = || EventBuilderV10::new().id("1").source("urn:a").ty("t");
    let cases = [
        (sound().extension("My_Ext", "x"), "SB-1104"),
        (sound().extension("n", 99_999_999_999_i64), "SB-1105"),
        (sound().source("a b"), "SB-1105"),
        (sound().id(""), "SB-1103"),
    ];
    for (builder, code) in cases {
        let refused: Result<Event, EventError> = builder.build().unwrap().try_into();
        assert_eq!(refused.map_err(|error| error.code()), Err(code));
    }
    let old = cloudevents::EventBuilderV03::new()
        .id("1")
        .source("urn:a")
        .ty("t")
        .build()
        .unwrap();
    assert_eq!(Event::try_from(old).unwrap_err().code(), "SB-1111");
    let fine = sound()
        .data("application/json", serde_json::json!({"a": 1}))
        .build()
        .unwrap();
    assert_eq!(fine.ty(), "t");
    assert_eq!(Event::try_from(fine).unwrap().data().unwrap(), r#"{"a":1}"#);
}
