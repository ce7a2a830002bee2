//! How long validating one event of about 1 KiB takes, and asking who may receive it.
//!
//! `cargo run --release -p stadtbus-contracts --example validate_rate`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use stadtbus_contracts::{Registry, load};
use stadtbus_event::{Event, PartnerId};

const ROUNDS: u32 = 200_000;
const PURPOSE: &str = "https://w3id.org/dpv#ServiceProvision";

fn main() {
    let city = load(Path::new("contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    let mut city = city;
    // The shape of a typical event: a dozen short fields, a list, and one long text.
    let names: Vec<String> = (0..12)
        .map(|i| format!("\"field{i}\":{{\"type\":\"string\",\"maxLength\":80}}"))
        .collect();
    let contract = city.contracts.first_mut().unwrap();
    contract.schema = format!(
        r#"{{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["id"],"additionalProperties":false,
        "properties":{{"id":{{"type":"string","pattern":"^[A-Z]+-[0-9]+$"}},"at":{{"type":"string","format":"date-time"}},
        "points":{{"type":"array","items":{{"type":"number"}}}},"text":{{"type":"string","maxLength":4000}},{}}}}}"#,
        names.join(",")
    );
    let registry = Registry::compile(city).unwrap();
    let fields: Vec<String> = (0..12)
        .map(|i| format!("\"field{i}\":\"value number {i}\""))
        .collect();
    let points: Vec<String> = (0..16).map(|i| format!("{}.5", i * 3)).collect();
    let data = format!(
        r#"{{"id":"NGN-4711","at":"2026-11-23T14:00:00+01:00","points":[{}],"text":"{}",{}}}"#,
        points.join(","),
        "x".repeat(420),
        fields.join(",")
    );
    println!("{} bytes of data", data.len());
    let event = Event::builder("1", "urn:teststadt:werk:sys", "de.teststadt.werk.thing.v1")
        .datacontenttype("application/json")
        .data(Bytes::from(data))
        .build()
        .unwrap();
    let (werk, amt) = (
        PartnerId::parse("werk").unwrap(),
        PartnerId::parse("amt").unwrap(),
    );
    let now = SystemTime::now();
    rate("validate", || {
        registry.validate(&werk, black_box(&event), now).is_ok()
    });
    rate("may_receive", || {
        registry
            .may_receive(&amt, black_box(event.ty()), PURPOSE, now)
            .is_ok()
    });
}

fn rate(what: &str, mut work: impl FnMut() -> bool) {
    assert!(work(), "{what} succeeds");
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        black_box(work());
    }
    println!("{what}: {} ns", begun.elapsed().as_nanos() / u128::from(ROUNDS));
}
