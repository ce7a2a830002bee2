//! Envelopes and materials that are refused although they are signed.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value as Json, json};

use super::{BASE, attached, event, material, refused, sealed, verified, verifier, with_material};
use crate::verifiability::{ATTRIBUTE, Coverage};

/// Case 8 of the document, with signatures that hold.
#[test]
fn case_8_signedextattrs_is_checked_although_the_signature_holds() {
    let event = event(BASE);
    let ext = material(&event, &["exta"])["ext"].clone();
    // (case, names, digest, part of the reason)
    let cases: &[(&str, Json, Json, &str)] = &[
        ("8a", json!(["exta", "exta"]), ext.clone(), "twice"),
        ("8b", json!(["exta", "id"]), ext.clone(), "no extension"),
        ("8b", json!(["specversion"]), ext.clone(), "no extension"),
        ("8b", json!(["time"]), ext.clone(), "no extension"),
        ("8c", json!(["dssematerial"]), ext.clone(), "no extension"),
        ("8d", json!(["exta"]), Json::Null, "without the other"),
        ("8e", Json::Null, ext.clone(), "without the other"),
        ("no name", json!(["Not-A-Name"]), ext.clone(), "no extension"),
        ("no list", json!("exta"), ext.clone(), "something other"),
        ("no strings", json!([1]), ext.clone(), "something other"),
        ("short digest", json!(["exta"]), json!("AAAA"), "not 32 bytes"),
        ("no digest", json!(["exta"]), json!(7), "something other"),
    ];
    for (case, names, ext, part) in cases {
        let mut payload = material(&event, &[]);
        if !names.is_null() {
            payload["signedextattrs"] = names.clone();
        }
        if !ext.is_null() {
            payload["ext"] = ext.clone();
        }
        let found = refused(&attached(&event, &sealed(payload.to_string().as_bytes())));
        assert!(found.contains(part), "{case}: {found}");
        payload["ext"] = Json::Null;
        let null = attached(&event, &sealed(payload.to_string().as_bytes()));
        assert!(
            refused(&null).contains("something other"),
            "{case}: null is not absence"
        );
    }
    let names: Vec<String> = (0..=crate::EXTENSIONS_MAX).map(|n| format!("x{n}")).collect();
    let many = json!({"core": material(&event, &[])["core"], "ext": ext, "signedextattrs": names});
    assert!(refused(&attached(&event, &sealed(many.to_string().as_bytes()))).contains("more extensions"));
}

#[test]
fn envelopes_that_are_refused() {
    let event = event(BASE);
    let sound = sealed(material(&event, &[]).to_string().as_bytes());
    let with = |pointer: &str, value: Json| {
        let mut envelope = sound.clone();
        *envelope.pointer_mut(pointer).unwrap() = value;
        attached(&event, &envelope)
    };
    let signature = sound["signatures"][0].clone();
    let cases = [
        (
            with(
                "/payloadType",
                json!("https://cloudevents.io/verifiability/dsse/v0.2"),
            ),
            "payload type",
        ),
        (with("/payload", json!("*")), "payload that is not base64"),
        (
            with("/payload", json!(STANDARD.encode("{}"))),
            "no valid signature",
        ),
        (with("/payload", Json::Null), "not a DSSE envelope"),
        (with("/signatures", json!([])), "no valid signature"),
        (
            with("/signatures", json!([{"sig": signature["sig"]}])),
            "not a DSSE envelope",
        ),
        (
            with("/signatures/0/keyid", json!("another")),
            "no valid signature",
        ),
        (with("/signatures/0/sig", json!("AAAA")), "no valid signature"),
        (with("/signatures/0/sig", json!("*")), "no valid signature"),
        (
            with("/signatures", json!(vec![signature.clone(); 17])),
            "more than 16",
        ),
        (with_material(&event, "*"), "is not base64"),
        (
            with_material(&event, &STANDARD.encode("{")),
            "not a DSSE envelope",
        ),
        (
            with_material(&event, &STANDARD.encode([0xFF])),
            "not a DSSE envelope",
        ),
        (
            with_material(
                &event,
                &STANDARD.encode(r#"{"payload":"","payload":"","payloadType":"","signatures":[]}"#),
            ),
            "not a DSSE envelope",
        ),
        (
            event.to_builder().extension(ATTRIBUTE, 7).build().unwrap(),
            "is not binary",
        ),
        (attached(&event, &sealed(b"{}")), "something other"),
    ];
    for (event, part) in cases {
        let found = refused(&event);
        assert!(found.contains(part), "{part}: {found}");
    }
    // Another's signature beside ours, unknown members and the other alphabet are nobody's harm.
    let mut other = sound.clone();
    other["signatures"] =
        json!([{"keyid": "another", "sig": "AAAA"}, {"keyid": "testkey", "sig": "AAAA"}, signature]);
    other["more"] = json!(1);
    assert_eq!(verified(&attached(&event, &other)).coverage, Coverage::Core);
    let payload = STANDARD.decode(sound["payload"].as_str().unwrap()).unwrap();
    assert_eq!(
        verified(&with("/payload", json!(URL_SAFE.encode(payload)))).coverage,
        Coverage::Core
    );
    let unsigned = [event.clone(), with_material(&event, "")];
    for event in unsigned {
        assert!(verifier().verify(&event).unwrap().is_none());
    }
}
