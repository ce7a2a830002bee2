//! The Avro format: no input panics, and what is read is written so that it is read again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stadtbus_event::avro;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    if let Ok(event) = avro::parse(&body) {
        let written = avro::to_bytes(&event);
        let again = avro::parse(&written).expect("what was written is an event");
        assert!(again.data() == event.data(), "the payload changed");
        assert!(avro::to_bytes(&again) == written, "written twice is not the same");
    }
});
