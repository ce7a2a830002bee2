//! The Protobuf format, one event and a batch: no input panics, and what is read is written so that it is read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stadtbus_event::protobuf;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    if let Ok(event) = protobuf::parse(&body) {
        let written = protobuf::to_bytes(&event);
        let again = protobuf::parse(&written).expect("what was written is an event");
        assert!(again.data() == event.data(), "the payload changed");
        assert!(
            protobuf::to_bytes(&again) == written,
            "written twice is not the same"
        );
    }
    if let Ok(members) = protobuf::parse_batch(&body, 8) {
        let events: Vec<_> = members.into_iter().flatten().collect();
        let written = protobuf::batch_to_bytes(events.iter());
        let again = protobuf::parse_batch(&written, events.len()).expect("what was written is a batch");
        assert!(again.iter().all(Result::is_ok), "a member written is no event");
    }
});
