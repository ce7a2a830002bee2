//! What a receiver wants to be shown.

use super::*;

#[test]
fn a_credential_is_read_and_never_shown() {
    for (given, credential) in [
        (
            json!({"credentialtype": "ACCESSTOKEN", "accesstoken": "g-e-h-e-i-m", "accesstokenexpiresutc": "2030-01-01T00:00:00Z"}),
            SinkCredential::Token("g-e-h-e-i-m".into()),
        ),
        (
            json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": "https://amt.example/token", "clientid": "amt",
                "clientsecret": "g-e-h-e-i-m", "scope": "lesen"}),
            SinkCredential::Client(ClientCredentials {
                endpoint: "https://amt.example/token".into(),
                id: "amt".into(),
                secret: "g-e-h-e-i-m".into(),
                scope: Some("lesen".into()),
            }),
        ),
        (
            json!({"credentialtype": "PLAIN", "identifier": "amt", "secret": "g-e-h-e-i-m"}),
            SinkCredential::Plain {
                identifier: "amt".into(),
                secret: "g-e-h-e-i-m".into(),
            },
        ),
    ] {
        let order = with(&[("/sinkcredential", given)]);
        let draft = Draft::read(order.to_string().as_bytes(), &owner()).unwrap();
        assert_eq!(draft.credential, Given::New(credential));
        let said = format!(
            "{:?} {:?} {:?}",
            draft.credential,
            draft.subscription,
            Representation::of(&draft.subscription)
        );
        assert!(!said.contains("g-e-h-e-i-m"), "{said}");
    }
    let mut order = good();
    order["sinkcredential"] = Value::Null;
    let draft = Draft::read(order.to_string().as_bytes(), &owner()).unwrap();
    assert_eq!(draft.credential, Given::Removed);
}
