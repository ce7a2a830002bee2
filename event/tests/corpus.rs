//! What fuzzing found worth keeping, through the formats again: nothing panics, and what is read is written so that it is
//! read again.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use stadtbus_event::Format;

fn corpus(target: &str) -> Vec<Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| Bytes::from(fs::read(entry.unwrap().path()).unwrap()))
        .collect()
}

#[test]
fn the_corpus_holds() {
    let targets = [
        ("json", Format::Json),
        ("protobuf", Format::Protobuf),
        ("avro", Format::Avro),
    ];
    for (target, format) in targets {
        let mut read = 0;
        for body in corpus(target) {
            let _ = format.parse_batch(&body, 8);
            if let Ok(event) = format.parse(&body) {
                read += 1;
                let written = format.to_bytes(&event);
                let again = format.parse(&written).unwrap();
                assert_eq!(again.data(), event.data(), "{target}");
                assert_eq!(format.to_bytes(&again), written, "{target}");
            }
        }
        assert!(read >= 4, "{target}: the seeds at least are events");
    }
}
