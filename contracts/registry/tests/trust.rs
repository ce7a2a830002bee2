//! Whose signatures a city trusts: what is checked when an event comes, and what is no key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use stadtbus_contracts::{City, KeyAlgorithm, Registry, SignedType, TrustedKey, TrustedSource, load};
use stadtbus_event::{Event, PartnerId};

/// The key and the fifth vector of the verifiability document, as published.
const POINT: &str = "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d2380c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74";
const SOURCE: &str = "example/uri";
const MATERIAL: &str = "eyJwYXlsb2FkVHlwZSI6Imh0dHBzOi8vY2xvdWRldmVudHMuaW8vdmVyaWZpYWJpbGl0eS9kc3NlL3YwLjEiLCJwYXlsb2FkIjoiZXlKamIzSmxJam9pY1VOVFpXbGFhMU1yYUVnNVYybERiR1p4Tm5Cc1puRlpUbFo1TW10MmVGZFNabTlDY2t4RmVtOUVhejBpZlE9PSIsInNpZ25hdHVyZXMiOlt7ImtleWlkIjoidGVzdGtleSIsInNpZyI6IkYyaXAweG1nSlgzdWdIWkM2dE1ycjdBMkVxYWkwOHJhR3JUd2R5aC9PR0RJSXJGN0J5TTJ5SVRMS3FOckYzZHpaR1IybzBDczlmRUJGZEx4Uk9VeUVRPT0ifV19";

fn key() -> TrustedKey {
    let point: Vec<u8> = (0..POINT.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&POINT[at..at + 2], 16).unwrap())
        .collect();
    TrustedKey {
        id: "testkey".into(),
        algorithm: KeyAlgorithm::EcdsaP256,
        public_key: STANDARD.encode([&[4][..], &point].concat()),
    }
}

fn trusted(source: &str, required: bool) -> TrustedSource {
    TrustedSource {
        source: source.into(),
        required,
        keys: vec![key()],
        extensions: [("exta".to_owned(), SignedType::String)].into(),
    }
}

fn city(trusted: Vec<TrustedSource>) -> City {
    let mut city = load(Path::new("tests/cities/sound"), &|_| None).unwrap();
    let werk = city.partners.get_mut(&werk()).unwrap();
    werk.systems[0]
        .sources
        .extend(["example".to_owned(), "other".to_owned()]);
    werk.verifiability = trusted;
    city
}

fn werk() -> PartnerId {
    PartnerId::parse("werk").unwrap()
}

fn event(source: &str, material: Option<&str>) -> Event {
    let event = Event::builder("1", source, "example.type.binary")
        .datacontenttype("application/octet-stream")
        .data(Bytes::from_static(&[0xF0, 0x9F, 0xA4, 0xA1]));
    match material {
        Some(material) => event.extension("dssematerial", material),
        None => event,
    }
    .build()
    .unwrap()
}

#[test]
fn a_signature_is_checked_where_keys_are_named_and_only_there() {
    let signed = event(SOURCE, Some(MATERIAL));
    let changed = signed.to_builder().subject("changed").build().unwrap();
    let foreign = STANDARD.encode(
        String::from_utf8(STANDARD.decode(MATERIAL).unwrap())
            .unwrap()
            .replace("testkey", "another"),
    );
    let [here, above] = [trusted(SOURCE, false), trusted("example", true)];
    for (name, trust, event, expected) in [
        ("no keys: unsigned", vec![], event(SOURCE, None), None),
        ("no keys: signed by whomever", vec![], changed.clone(), None),
        ("keys: signed", vec![here.clone()], signed.clone(), None),
        (
            "keys: changed",
            vec![here.clone()],
            changed.clone(),
            Some("SB-1116"),
        ),
        (
            "keys: by another",
            vec![here.clone()],
            event(SOURCE, Some(&foreign)),
            Some("SB-1116"),
        ),
        (
            "keys: no envelope",
            vec![here.clone()],
            event(SOURCE, Some("AAAA")),
            Some("SB-1116"),
        ),
        (
            "keys, not required: unsigned",
            vec![here.clone()],
            event(SOURCE, None),
            None,
        ),
        (
            "required: unsigned",
            vec![above.clone()],
            event(SOURCE, None),
            Some("SB-1312"),
        ),
        (
            "required: empty material",
            vec![above.clone()],
            event(SOURCE, Some("")),
            Some("SB-1312"),
        ),
        ("required: signed", vec![above.clone()], signed, None),
        (
            "required elsewhere",
            vec![above.clone()],
            event("other", Some("AAAA")),
            None,
        ),
        (
            "a prefix is whole segments",
            vec![above.clone()],
            event("examples", None),
            None,
        ),
        (
            "the longest prefix counts",
            vec![above, here],
            event(SOURCE, None),
            None,
        ),
    ] {
        let registry = Registry::compile(city(trust)).unwrap();
        let found = registry.check_signature(&werk(), &event).err();
        assert_eq!(found.as_ref().map(|v| v.code), expected, "{name}: {found:?}");
        let pointer = found.and_then(|v| v.pointer);
        assert_eq!(pointer.as_deref(), expected.map(|_| "/dssematerial"), "{name}");
    }
    let registry = Registry::compile(city(vec![trusted(SOURCE, true)])).unwrap();
    let amt = PartnerId::parse("amt").unwrap();
    assert!(
        registry.check_signature(&amt, &event(SOURCE, None)).is_ok(),
        "keys are a partner's own"
    );
}

#[test]
fn a_key_may_be_written_as_pem() {
    let raw = STANDARD.decode(key().public_key).unwrap();
    // SubjectPublicKeyInfo of a key on P-256: a fixed head, then the point.
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86,
        0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let base64 = STANDARD.encode([&head[..], &raw].concat());
    let mut trusted = trusted(SOURCE, true);
    trusted.keys[0].public_key = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n  {}\n-----END PUBLIC KEY-----\n",
        &base64[..64],
        &base64[64..]
    );
    let registry = Registry::compile(city(vec![trusted])).unwrap();
    let found = |material| registry.check_signature(&werk(), &event(SOURCE, material)).err();
    assert_eq!(found(Some(MATERIAL)), None);
    assert_eq!(found(None).map(|violation| violation.code), Some("SB-1312"));
}

#[test]
fn a_city_with_keys_that_mean_nothing_does_not_compile() {
    let with = |change: &dyn Fn(&mut TrustedSource)| {
        let mut trusted = trusted(SOURCE, false);
        change(&mut trusted);
        vec![trusted]
    };
    for (name, trust, code) in [
        (
            "no key",
            with(&|t| t.keys[0].public_key = "AAAA".into()),
            "SB-5005",
        ),
        (
            "no base64",
            with(&|t| t.keys[0].public_key = "?".into()),
            "SB-5005",
        ),
        (
            "another algorithm",
            with(&|t| t.keys[0].algorithm = KeyAlgorithm::Ed25519),
            "SB-5005",
        ),
        ("an id twice", with(&|t| t.keys.push(key())), "SB-5007"),
        (
            "not its source",
            with(&|t| t.source = "urn:teststadt:amt".into()),
            "SB-5006",
        ),
        (
            "a source twice",
            vec![trusted(SOURCE, true), trusted(SOURCE, false)],
            "SB-5007",
        ),
    ] {
        let findings = Registry::compile(city(trust)).unwrap_err();
        assert!(
            findings.iter().any(|finding| finding.code == code),
            "{name}: {findings:?}"
        );
    }
}
