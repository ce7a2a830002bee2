//! The JSON format, one event and a batch: no input panics, and what is read is written so that it is read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stadtbus_event::{check_extensions, json};

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    if let Ok(event) = json::parse(&body) {
        let _ = check_extensions(&event);
        let again = json::parse(&json::to_bytes(&event)).expect("what was written is an event");
        assert!(again == event, "written and read is another event");
    }
    if let Ok(members) = json::parse_batch(&body, 8) {
        let events: Vec<_> = members.into_iter().flatten().collect();
        let written = json::batch_to_bytes(events.iter());
        let again = json::parse_batch(&written, events.len()).expect("what was written is a batch");
        let again: Vec<_> = again.into_iter().flatten().collect();
        assert!(again == events, "written and read is another batch");
    }
});
