//! A condition on data, and data: no input panics, what is read is written so that it is read again, and a condition says why
//! it does not hold exactly if it does not.
//!
//! The input is what stands beside `x-data`, a line feed, and the data of an event.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stadtbus_contracts::{DataFilter, DataView};
use stadtbus_event::Event;

fuzz_target!(|input: &[u8]| {
    let cut = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let (conditions, data) = input.split_at(cut);
    let Ok(filter) = serde_json::from_slice::<DataFilter>(conditions) else {
        return;
    };
    let written = serde_json::to_string(&filter).expect("a filter can be written");
    let again: DataFilter = serde_json::from_str(&written).expect("what was written is a filter");
    assert!(again == filter, "written and read is another filter: {written}");
    let event = Event::builder("1", "urn:x", "de.x.v1")
        .datacontenttype("application/json")
        .data(Bytes::copy_from_slice(data))
        .build()
        .expect("an event");
    let view = DataView::new(&event);
    let refusal = filter.refusal(&view);
    assert_eq!(filter.holds(&view), refusal.is_none());
    assert_eq!(again.holds(&view), refusal.is_none());
});
