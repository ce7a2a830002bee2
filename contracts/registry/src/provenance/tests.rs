use super::*;

const NAME: &str = "werk/launisch@1.0.0";
const DIGEST: &str = "aa11";
const YAML: &str = "plugin: launisch\n";

fn signer() -> PluginSigner {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(document.as_ref())
    );
    PluginSigner::from_pem(&pem).unwrap()
}

fn subjects() -> Subjects<'static> {
    Subjects {
        name: NAME,
        digest: DIGEST,
        manifest: YAML,
    }
}

#[test]
fn what_was_signed_is_what_is_vouched_for() {
    let signer = signer();
    let keys = [signer.public().clone()];
    let envelope = signer.sign(subjects());
    let text = serde_json::to_string(&envelope).unwrap();
    let read = PluginSignature::parse(&text).unwrap();
    assert_eq!(read, envelope);
    assert_eq!(read.verify(&keys, subjects()).unwrap(), keys[0].id);
    let others = [
        Subjects {
            name: "werk/anders@1.0.0",
            ..subjects()
        },
        Subjects {
            name: "werk/launisch@1.0.1",
            ..subjects()
        },
        Subjects {
            digest: "aa12",
            ..subjects()
        },
        Subjects {
            manifest: "plugin: launisch\ntables: [a]\n",
            ..subjects()
        },
    ];
    for other in others {
        assert!(envelope.verify(&keys, other).is_err(), "{other:?}");
    }
}

#[test]
fn only_keys_of_the_partner_vouch() {
    let (signer, stranger) = (signer(), signer());
    let envelope = stranger.sign(subjects());
    assert!(envelope.verify(&[signer.public().clone()], subjects()).is_err());
    assert!(envelope.verify(&[], subjects()).is_err());
    // A key that only calls itself by the id of a trusted one.
    let mut forged = envelope;
    forged.signatures[0].keyid.clone_from(&signer.public().id);
    assert!(forged.verify(&[signer.public().clone()], subjects()).is_err());
    // A second signature by somebody unknown does no harm.
    let mut both = signer.sign(subjects());
    both.signatures.insert(0, forged.signatures[0].clone());
    assert!(both.verify(&[signer.public().clone()], subjects()).is_ok());
}

#[test]
fn a_signed_statement_of_another_kind_vouches_for_nothing() {
    let signer = signer();
    let keys = [signer.public().clone()];
    for payload in [
        json!({"_type": STATEMENT_TYPE, "subject": [], "predicateType": PREDICATE_TYPE}),
        json!({"_type": STATEMENT_TYPE, "subject": [{"name": NAME, "digest": {"sha256": DIGEST}}], "predicateType": PREDICATE_TYPE}),
        json!({"_type": "x", "subject": [], "predicateType": "y"}),
        json!(7),
    ] {
        let payload = payload.to_string().into_bytes();
        let envelope = PluginSignature {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(&payload),
            signatures: vec![EnvelopeSignature {
                keyid: keys[0].id.clone(),
                sig: STANDARD.encode(signer.pair.sign(&pre_authentication(&payload))),
            }],
        };
        assert!(envelope.verify(&keys, subjects()).is_err());
    }
}

#[test]
fn keys_are_ed25519_in_pem_or_base64() {
    let key = signer().public().clone();
    assert!(key.is_sound());
    for public_key in ["", "AAAA", "!", "-----BEGIN PUBLIC KEY-----"] {
        let key = PluginKey {
            id: "k".to_owned(),
            public_key: public_key.to_owned(),
        };
        assert!(!key.is_sound(), "{public_key}");
    }
    assert!(PluginSigner::from_pem("").is_err());
    assert!(PluginSigner::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n").is_err());
}
