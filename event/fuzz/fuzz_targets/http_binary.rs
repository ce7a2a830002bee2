//! HTTP: headers as `name: value` lines up to an empty line, the rest is the body. What is read in binary mode is written so
//! that it is read again, and in every format.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use stadtbus_event::Format;
use stadtbus_event::http_binding::{self, Incoming};

fn message(input: &[u8]) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name),
            HeaderValue::from_bytes(value[1..].trim_ascii()),
        ) {
            headers.append(name, value);
        }
    }
    (headers, Bytes::copy_from_slice(rest))
}

fuzz_target!(|input: &[u8]| {
    let (headers, body) = message(input);
    let Ok(Incoming::Single(event)) = http_binding::decode(&headers, body, 8) else {
        return;
    };
    let (headers, body) = http_binding::encode_binary(&event);
    let Ok(Incoming::Single(again)) = http_binding::decode(&headers, body, 8) else {
        panic!("what was written is no event");
    };
    assert!(again.id() == event.id() && again.source() == event.source() && again.time() == event.time());
    assert!(again.data().unwrap_or(&Bytes::new()) == event.data().unwrap_or(&Bytes::new()));
    for format in Format::ALL {
        let read = format
            .parse(&format.to_bytes(&event))
            .expect("what was written is an event");
        assert!(read.data() == event.data(), "the payload changed");
    }
});
