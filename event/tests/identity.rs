//! Binary → structured → binary, over HTTP and NATS, is the identity on bytes and spelling.
//!
//! 2,000 cases by default; as many as `PROPTEST_CASES` says where it is set:
//! `PROPTEST_CASES=100000 cargo test --release -p stadtbus-event --test identity`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod events;

use bytes::Bytes;
use events::{event, strings};
use http::HeaderMap;
use proptest::prelude::*;
use stadtbus_event::http_binding::{self, Incoming};
use stadtbus_event::{Event, Format, nats_binding};

const CASES: u32 = 2_000;

fn config() -> ProptestConfig {
    // The default has taken what the environment says.
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config
}

fn http(headers: &HeaderMap, body: Bytes) -> Event {
    match http_binding::decode(headers, body, 1).unwrap() {
        Incoming::Single(event) => event,
        Incoming::Batch(_) => panic!("a batch"),
    }
}

fn nats_structured(event: &Event, format: Format) -> Event {
    let header = ("content-type".to_owned(), format.media_type().to_owned());
    nats_binding::decode(&[header], format.to_bytes(event)).unwrap()
}

fn nats_binary(event: &Event) -> Event {
    let (headers, payload) = nats_binding::encode_binary(event);
    nats_binding::decode(&headers, payload).unwrap()
}

proptest! {
    #![proptest_config(config())]

    /// CORE-12, HTTP-3, HTTP-4, NATS-2, NATS-3, JSON-4, JSON-6, JSON-8
    #[test]
    fn core_12_binary_structured_binary(event in event(strings())) {
        let (headers, body) = http_binding::encode_binary(&event);
        let received = http(&headers, body.clone());
        for format in [Format::Json, Format::Avro] {
            let (structured_headers, structured) = http_binding::encode_structured_as(&received, format);
            let over_http = http(&structured_headers, structured);
            let over_nats = nats_structured(&nats_binary(&over_http), format);
            let last = nats_binary(&over_nats);
            let (headers_again, body_again) = http_binding::encode_binary(&last);
            prop_assert_eq!(&headers_again, &headers);
            prop_assert_eq!(&body_again, &body);
            prop_assert_eq!(last.time(), event.time());
            prop_assert_eq!(&last, &event);
        }
    }
}
