//! The table of formats.

use super::{Format, Mode};

/// HTTP-1, HTTP-7, CORE-7, PROTO-1, AVRO-1: what a content type calls for, through whatever binding it came.
#[test]
fn http_1_modes_by_media_type() {
    let cases: &[(&str, Result<Mode, &str>)] = &[
        ("application/json", Ok(Mode::Binary)),
        ("text/plain; x=application/cloudevents+json", Ok(Mode::Binary)),
        ("", Ok(Mode::Binary)),
        ("application/cloudevent", Ok(Mode::Binary)),
        ("application/cloudevents+json", Ok(Mode::Structured(Format::Json))),
        (
            "APPLICATION/CLOUDEVENTS+JSON ; charset=\"UTF-8\"",
            Ok(Mode::Structured(Format::Json)),
        ),
        (
            "application/cloudevents-batch+json;charset=utf-8",
            Ok(Mode::Batch(Format::Json)),
        ),
        (
            "application/cloudevents+protobuf",
            Ok(Mode::Structured(Format::Protobuf)),
        ),
        (
            "Application/CloudEvents+ProtoBuf; charset=binary",
            Ok(Mode::Structured(Format::Protobuf)),
        ),
        (
            "application/cloudevents-batch+PROTOBUF",
            Ok(Mode::Batch(Format::Protobuf)),
        ),
        ("application/cloudevents+avro", Ok(Mode::Structured(Format::Avro))),
        (
            "application/cloudevents+Avro;x=1",
            Ok(Mode::Structured(Format::Avro)),
        ),
        ("application/cloudevents-batch+avro", Err("SB-1109")),
        ("application/cloudevents+json; charset=latin1", Err("SB-1109")),
        ("application/cloudevents", Err("SB-1109")),
        ("application/cloudevents-batch", Err("SB-1109")),
        ("application/cloudevents+xml", Err("SB-1109")),
        ("application/cloudevents+jsonx", Err("SB-1109")),
        ("application/cloudeventsfoo", Err("SB-1109")),
    ];
    for (content_type, expected) in cases {
        let found = Mode::of(content_type).map_err(|error| error.code());
        assert_eq!(found, *expected, "HTTP-1 {content_type}");
    }
}
