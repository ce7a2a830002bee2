//! The WebSocket binding.

use bytes::Bytes;

use super::{Frame, choose, decode, encode, subprotocol};
use crate::{Event, Format};

/// WS-1: the client's order decides, lists and repeated headers are one list, and names are compared exactly.
#[test]
fn ws_1_the_subprotocol_is_chosen() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["cloudevents.json"], Some("cloudevents.json")),
        (&["cloudevents.json, cloudevents.avro"], Some("cloudevents.json")),
        (&["cloudevents.avro,cloudevents.json"], Some("cloudevents.avro")),
        (
            &["mqtt", " cloudevents.proto ", "cloudevents.json"],
            Some("cloudevents.proto"),
        ),
        (&["cloudevents.xml, , cloudevents.json"], Some("cloudevents.json")),
        (&["cloudevents", "cloudevents.jsonx", "CloudEvents.JSON"], None),
        (&["cloudevents-batch.json"], None),
        (&[""], None),
        (&[], None),
    ];
    for (offered, expected) in cases {
        let found = choose(offered.iter().copied()).map(subprotocol);
        assert_eq!(found, *expected, "WS-1 {offered:?}");
    }
}

/// WS-1: JSON in text frames, the others in binary frames, one event in each, and no frame of the other kind.
#[test]
fn ws_1_frames() {
    let event = Event::builder("1", "a", "t")
        .datacontenttype("application/json")
        .data("[1]")
        .build()
        .unwrap();
    for format in Format::ALL {
        let frame = encode(&event, format);
        assert_eq!(
            matches!(frame, Frame::Text(_)),
            format == Format::Json,
            "WS-1 {format:?}"
        );
        assert_eq!(decode(&frame, format).unwrap(), event, "WS-1 {format:?}");
        let wrong = match frame {
            Frame::Text(bytes) => Frame::Binary(bytes),
            Frame::Binary(bytes) => Frame::Text(bytes),
        };
        assert_eq!(
            decode(&wrong, format).unwrap_err().code(),
            "SB-1109",
            "WS-1 {format:?}"
        );
    }
    let two = [crate::json::to_bytes(&event), crate::json::to_bytes(&event)].concat();
    assert_eq!(
        decode(&Frame::Text(Bytes::from(two)), Format::Json)
            .unwrap_err()
            .code(),
        "SB-1102",
        "WS-1 one event in a message"
    );
    assert!(!format!("{:?}", Frame::Text(Bytes::from("geheim"))).contains("geheim"));
}
