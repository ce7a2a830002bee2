//! What fuzzing found worth keeping, once more: nothing panics, and what is read is written so that it is read again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use stadtbus_contracts::{DataFilter, DataView};
use stadtbus_event::Event;

#[test]
fn the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/filter");
    let (mut read, mut held) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        let cut = input
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(input.len());
        let (conditions, data) = input.split_at(cut);
        let Ok(filter) = serde_json::from_slice::<DataFilter>(conditions) else {
            continue;
        };
        read += 1;
        let written = serde_json::to_string(&filter).unwrap();
        assert_eq!(
            serde_json::from_str::<DataFilter>(&written).unwrap(),
            filter,
            "{written}"
        );
        let event = Event::builder("1", "urn:x", "de.x.v1")
            .datacontenttype("application/json")
            .data(Bytes::copy_from_slice(data))
            .build()
            .unwrap();
        let view = DataView::new(&event);
        held += usize::from(filter.holds(&view));
        assert_eq!(filter.holds(&view), filter.refusal(&view).is_none(), "{written}");
    }
    assert!(
        read >= 11 && held >= 9,
        "the seeds at least are filters and mostly hold: {read}, {held}"
    );
}
