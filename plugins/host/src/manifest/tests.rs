use bytes::Bytes;
use stadtbus_event::Event;

use super::*;
use crate::call::Input;

const GOOD: &str = "plugin: outage-redact\npartner: ngn\nversion: 1.0.0\nrole: transform\nconsumes: [a.b.v1]\nproduces: [a.c.v1]\n";

#[test]
fn what_is_not_said_has_a_default() {
    let manifest = Manifest::parse(GOOD).unwrap();
    assert_eq!(manifest.name(), "ngn/outage-redact");
    assert_eq!(
        (
            manifest.world,
            manifest.language.as_str(),
            manifest.title.as_str()
        ),
        (World::Records, "rust", "outage-redact")
    );
    assert_eq!(
        manifest.limits,
        Limits {
            deadline_ms: 50,
            memory_mib: 16,
            output_bytes_max: 262_144,
            outputs_max: 16,
            instance_calls_max: 1_000
        }
    );
}

#[test]
fn what_it_asks_to_be_granted_is_listed() {
    assert_eq!(Manifest::parse(GOOD).unwrap().grants(), ["log"]);
    let more = format!("{GOOD}log: false\nstate: {{key: /nr}}\ntables: [b, a, b]\nlicense: EUPL-1.2\n");
    let manifest = Manifest::parse(&more).unwrap();
    assert_eq!(manifest.grants(), ["state:/nr", "table:a", "table:b"]);
    assert_eq!(manifest.license.as_deref(), Some("EUPL-1.2"));
    assert!(Manifest::parse(&format!("{GOOD}license: \"\"\n")).is_err());
}

#[test]
fn each_fault_is_named() {
    let cases = [
        ("plugin: [", "not YAML"),
        ("- a", "must be a mapping"),
        (&*GOOD.replace("role:", "rolle:"), "no key `rolle`"),
        (&*GOOD.replace("version: 1.0.0\n", ""), "missing field `version`"),
        (&*GOOD.replace("transform", "transfrom"), "unknown variant"),
        (&*GOOD.replace("ngn", "NGN"), "not a"),
        (&*GOOD.replace("outage-redact", "../x"), "`plugin` must be"),
        (&*GOOD.replace("transform", "encode"), "no `produces`"),
        (&*GOOD.replace("transform", "decode"), "no `consumes`"),
        (
            &*GOOD.replace("produces: [a.c.v1]", ""),
            "`consumes` and `produces`",
        ),
        (
            &format!("{GOOD}limits: {{deadline_ms: 5000}}\n"),
            "between 1 and 1000",
        ),
        (&format!("{GOOD}limits: {{memory_mib: 65}}\n"), "between 1 and 64"),
        (
            &format!("{GOOD}limits: {{deadline: 5}}\n"),
            "no key `limits.deadline`",
        ),
        (&format!("{GOOD}state: {{key: id}}\n"), "`state.key` must be"),
        (
            &format!("{GOOD}state: {{key: /id, bytes_max: 1000000}}\n"),
            "`state.bytes_max` is 1000000",
        ),
        (&format!("{GOOD}state: 5\n"), "`state` must be a mapping"),
    ];
    for (yaml, expected) in cases {
        let error = Manifest::parse(yaml).expect_err(yaml);
        assert_eq!(error.code, "SB-4007");
        assert!(error.detail.contains(expected), "{yaml}: {}", error.detail);
    }
}

#[test]
fn the_key_that_was_meant_is_named() {
    let hint = |yaml: &str| Manifest::parse(yaml).expect_err(yaml).hint.unwrap();
    assert_eq!(
        hint(&GOOD.replace("consumes", "consume")),
        "did you mean `consumes`?"
    );
    assert_eq!(
        hint(&format!("{GOOD}limits: {{memroy_mib: 4}}\n")),
        "did you mean `limits.memory_mib`?"
    );
    assert!(hint(&format!("{GOOD}zzzzzzzz: 1\n")).starts_with("the keys here are: plugin, partner"));
}

#[test]
fn state_keys() {
    let manifest = |key: &str| Manifest::parse(&format!("{GOOD}state: {{key: \"{key}\"}}\n")).unwrap();
    let event = Event::builder("1", "urn:x", "a.b.v1")
        .subject("S-1")
        .datacontenttype("application/json")
        .data(Bytes::from_static(
            br#"{"id":"A/1","n":7,"deep":{"flag":true},"list":[1]}"#,
        ))
        .build()
        .unwrap();
    let key = |pointer: &str| state_key(&manifest(pointer), &Input::Event(&event));
    assert_eq!(key("/id").unwrap().as_deref(), Some("A/1"));
    assert_eq!(key("/n").unwrap().as_deref(), Some("7"));
    assert_eq!(key("/deep/flag").unwrap().as_deref(), Some("true"));
    assert_eq!(key("attribute:subject").unwrap().as_deref(), Some("S-1"));
    assert_eq!(key("const").unwrap().as_deref(), Some("const"));
    for missing in ["/none", "/list", "/deep", "attribute:dataschema"] {
        assert_eq!(key(missing).unwrap_err().code, "SB-4112", "{missing}");
    }
    let raw = Input::Raw {
        content_type: "text/plain",
        bytes: b"no json",
        received: "2026-01-01T00:00:00Z",
    };
    assert_eq!(state_key(&manifest("/id"), &raw).unwrap_err().code, "SB-4112");
    assert_eq!(state_key(&Manifest::parse(GOOD).unwrap(), &raw).unwrap(), None);
}
