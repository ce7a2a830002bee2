//! What must hold for every event in every format.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod events;

use bytes::Bytes;
use events::{event, typed};
use proptest::collection::vec;
use proptest::prelude::*;
use stadtbus_event::{Event, Format, Value, avro, json, protobuf};

/// The event as the Protobuf format can hold it: implied JSON said, `time` as the instant it is.
fn settled(event: &Event) -> Event {
    let time = protobuf::parse(&protobuf::to_bytes(event)).unwrap();
    let mut builder = event.to_builder();
    if let Some(time) = time.time() {
        builder = builder.time(time);
    }
    builder.build().unwrap()
}

proptest! {
    /// AVRO-1, CORE-12: bytes, spelling and types.
    #[test]
    fn avro_1_is_identity(event in event(typed())) {
        let body = avro::to_bytes(&event);
        let back = avro::parse(&body).unwrap();
        prop_assert_eq!(&back, &event);
        prop_assert_eq!(avro::to_bytes(&back), body);
        prop_assert_eq!(json::to_bytes(&back), json::to_bytes(&event));
    }

    /// PROTO-1, CORE-12: bytes and types, and `time` as the same instant.
    #[test]
    fn proto_1_is_identity_but_for_the_spelling_of_time(event in event(typed())) {
        let body = protobuf::to_bytes(&event);
        let back = protobuf::parse(&body).unwrap();
        prop_assert_eq!(&back, &settled(&event));
        prop_assert_eq!(back.timestamp(), event.timestamp());
        prop_assert_eq!(back.time().is_some(), event.time().is_some());
        prop_assert_eq!(protobuf::to_bytes(&back), body);
        prop_assert_eq!(back.data(), event.data());
    }

    /// Through all formats one after the other, in any order, nothing is lost on the way.
    #[test]
    fn formats_agree(event in event(typed()), order in Just(vec![0, 1, 2, 0, 2, 1]).prop_shuffle()) {
        let event = settled(&event);
        let mut hop = event.clone();
        for n in order {
            let format = Format::ALL[n];
            hop = format.parse(&format.to_bytes(&hop)).unwrap();
        }
        prop_assert_eq!(hop, event);
    }

    /// A batch is its members, and the bound on it is exact.
    #[test]
    fn batches_are_their_members(events in vec(event(typed()), 0..4)) {
        let events: Vec<Event> = events.iter().map(settled).collect();
        for format in [Format::Json, Format::Protobuf] {
            let body = format.batch_to_bytes(events.iter()).unwrap();
            let back = format.parse_batch(&body, events.len()).unwrap();
            prop_assert_eq!(back.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), events.clone());
            if let Some(fewer) = events.len().checked_sub(1) {
                prop_assert_eq!(format.parse_batch(&body, fewer).unwrap_err().code(), "SB-1403");
            }
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(bytes);
        for format in Format::ALL {
            let _ = format.parse(&body);
            let _ = format.parse_batch(&body, 3);
        }
    }

    /// One byte changed or the end cut off: refused, or an event that can be written again and says the same.
    #[test]
    fn near_misses_are_refused_or_sound(event in event(typed()), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for format in Format::ALL {
            let mut bytes = format.to_bytes(&event).to_vec();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at); } else { bytes[at] = byte; }
            if let Ok(read) = format.parse(&Bytes::from(bytes)) {
                let again = format.parse(&format.to_bytes(&read)).unwrap();
                prop_assert_eq!(again.data(), read.data());
            }
        }
    }

    /// An integer that is written is the one that is read, in the type it has.
    #[test]
    fn integers_of_all_sizes(number in any::<i32>()) {
        let event = Event::builder("1", "a", "t").extension("n", number).build().unwrap();
        for format in Format::ALL {
            let back = format.parse(&format.to_bytes(&event)).unwrap();
            prop_assert_eq!(back.extension("n"), Some(&Value::Integer(number)));
        }
    }
}
