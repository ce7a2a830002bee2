//! NATS: headers as `name: value` lines up to an empty line, the rest is the payload. What is read is written so that it is
//! read again, to the byte and to the type.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stadtbus_event::nats_binding;

fuzz_target!(|input: &[u8]| {
    let mut headers = Vec::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let line = String::from_utf8_lossy(line);
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    if let Ok(event) = nats_binding::decode(&headers, Bytes::copy_from_slice(rest)) {
        let (headers, payload) = nats_binding::encode_binary(&event);
        let again = nats_binding::decode(&headers, payload).expect("what was written is an event");
        assert!(again == event, "written and read is another event");
    }
});
