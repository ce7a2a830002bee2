#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{
    signed::{Keys, Wrong, digest, follows, sign, verify},
    *,
};
use crate::{authenticate::generate_key, deliver::signature::SigningKeys};

fn keys() -> (SigningKeys, Keys) {
    let signing = SigningKeys::from_pem(&generate_key().unwrap()).unwrap();
    let key = signing.public().next().unwrap();
    let published = json!({"keys": [{
        "kid": key.id, "kty": "OKP", "crv": "Ed25519", "use": "sig", "x": URL_SAFE_NO_PAD.encode(&key.bytes), "whpk": key.whpk,
    }]});
    let keys = Keys::parse(published.to_string().as_bytes()).unwrap();
    (signing, keys)
}

fn balance(delivered: i64, pending: i64) -> Balance {
    Balance {
        since_ms: 1_000,
        at_ms: 2_000,
        logs: BTreeMap::from([("LOG_WERK".to_owned(), 9)]),
        accepted: delivered + pending,
        delivered,
        pending,
        ..Balance::default()
    }
}

fn statement(day: &str, previous: Option<Previous>, accounts: Vec<Account>) -> Statement {
    Statement {
        day: day.to_owned(),
        zone: "Europe/Berlin".to_owned(),
        begins: "2026-11-27T23:00:00.000Z".to_owned(),
        ends: "2026-11-28T23:00:00.000Z".to_owned(),
        made: "2026-11-28T23:00:31.000Z".to_owned(),
        previous,
        even: true,
        complete: true,
        subscriptions: accounts,
        ended: Vec::new(),
        logs: Vec::new(),
        sources: Vec::new(),
        unchecked: Vec::new(),
    }
}

#[test]
fn a_day_opens_where_the_one_before_closed() {
    let first = Account::of("amt-alles", "amt", &balance(3, 2), None);
    assert_eq!((first.opening, first.movement), (Heads::default(), first.closing));
    let second = Account::of("amt-alles", "amt", &balance(7, 1), Some(&first));
    assert_eq!(second.opening, first.closing);
    let movement = second.movement;
    assert_eq!(
        (movement.accepted, movement.delivered, movement.pending),
        (3, 4, -1)
    );
    let anew = Balance {
        since_ms: 5_000,
        ..balance(1, 0)
    };
    assert_eq!(
        Account::of("amt-alles", "amt", &anew, Some(&second)).opening,
        Heads::default()
    );
}

#[test]
fn a_statement_is_believed_as_it_was_made_and_not_otherwise() {
    let (signing, keys) = keys();
    let made = statement(
        "2026-11-28",
        None,
        vec![Account::of("amt-alles", "amt", &balance(3, 2), None)],
    );
    let compact = sign(&made, &signing).unwrap();
    assert_eq!(verify(&compact, &keys).unwrap(), made);
    assert_eq!(
        verify(&format!("{compact}\n"), &keys).unwrap(),
        made,
        "a file ends with a line"
    );
    for at in 0..compact.len() {
        let mut bytes = compact.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&changed, &keys).is_err(), "byte {at} of {compact}");
    }
    let (other, _) = self::keys();
    let foreign = sign(&made, &other).unwrap();
    assert!(matches!(verify(&foreign, &keys), Err(Wrong::UnknownKey(_))));
    assert_eq!(sign(&made, &SigningKeys::default()), None);
}

#[test]
fn a_chain_breaks_where_one_is_left_out() {
    let (signing, keys) = keys();
    let mut before: Option<String> = None;
    let mut all = Vec::new();
    for day in ["2026-11-26", "2026-11-27", "2026-11-28"] {
        let previous = before.as_deref().map(|compact| Previous {
            day: verify(compact, &keys).unwrap().day,
            sha256: digest(compact),
        });
        let compact = sign(&statement(day, previous, Vec::new()), &signing).unwrap();
        before = Some(compact.clone());
        all.push(compact);
    }
    let read = |at: usize| verify(&all[at], &keys).unwrap();
    assert_eq!(follows(&read(1), &all[0]), Ok(()));
    assert_eq!(follows(&read(2), &all[1]), Ok(()));
    assert!(matches!(follows(&read(2), &all[0]), Err(Wrong::Chain { .. })));
    assert!(matches!(follows(&read(0), &all[2]), Err(Wrong::Chain { .. })));
}
