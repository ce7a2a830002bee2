use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A reader after WHATWG HTML §9.2.6, as small as it gets: fields of one frame.
fn read(frame: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(frame.to_vec())
        .unwrap()
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let frames: Vec<&str> = text.split("\n\n").filter(|part| !part.is_empty()).collect();
    assert_eq!(frames.len(), 1, "{text:?}");
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in frames[0].lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match fields.last_mut() {
            Some((last, text)) if last == name && name == "data" => {
                text.push('\n');
                text.push_str(value);
            }
            _ => fields.push((name.into(), value.into())),
        }
    }
    fields
}

#[test]
fn a_frame_carries_bookmark_type_and_event() {
    let event = Event::builder(
        "1",
        "urn:krefeld:ngn:leitwarte",
        "de.krefeld.swk.outage.reported.v1",
    )
    .datacontenttype("application/json")
    .data(Bytes::from_static(br#"{"kunden":31200}"#))
    .build()
    .unwrap();
    let fields = read(&encode(&event, "b1.AbC_-9"));
    assert_eq!(fields[0], ("id".into(), "b1.AbC_-9".into()));
    assert_eq!(
        fields[1],
        ("event".into(), "de.krefeld.swk.outage.reported.v1".into())
    );
    assert_eq!((fields.len(), fields[2].0.as_str()), (3, "data"));
    let back = json::parse(&Bytes::from(fields[2].1.clone())).unwrap();
    assert_eq!(back, event);
}

#[test]
fn line_breaks_in_the_layout_of_data_do_not_break_the_frame() {
    for layout in ["{\n\n \"a\": 1\r\n,\r\"b\":\"x\\ny\"}\n", "[\r\r1]"] {
        let event = Event::builder("1", "urn:x", "t")
            .datacontenttype("application/json")
            .data(Bytes::copy_from_slice(layout.as_bytes()))
            .build()
            .unwrap();
        let fields = read(&encode(&event, "b1.A"));
        assert_eq!(fields.len(), 3, "{fields:?}");
        let sent: serde_json::Value = serde_json::from_str(&fields[2].1).unwrap();
        let data: serde_json::Value = serde_json::from_str(layout).unwrap();
        assert_eq!(sent["data"], data);
    }
}

#[test]
fn a_frame_without_an_event_is_none() {
    assert_eq!(read(&place("b1.A")), [("id".into(), "b1.A".into())]);
    assert_eq!(
        read(&retry(Duration::from_secs(2))),
        [("retry".into(), "2000".into())]
    );
}

proptest! {
    #[test]
    fn whatever_the_event_a_frame_is_one_frame(
        id in "[ -~]{1,20}", data in proptest::option::of("[\\PC\r\n]{0,40}"), kind in 0..3_u8,
    ) {
        let mut builder = Event::builder(id, "urn:x", "de.krefeld.t.v1");
        if let Some(text) = data {
            let (media, bytes) = match kind {
                0 => ("application/json", serde_json::to_string_pretty(&[text]).unwrap()),
                1 => ("text/plain", text),
                _ => ("application/octet-stream", text),
            };
            builder = builder.datacontenttype(media).data(Bytes::from(bytes));
        }
        let Ok(event) = builder.build() else { return Ok(()) };
        let fields = read(&encode(&event, "b1.A"));
        prop_assert_eq!(fields.len(), 3);
        prop_assert!(json::parse(&Bytes::from(fields[2].1.clone())).is_ok());
    }
}
