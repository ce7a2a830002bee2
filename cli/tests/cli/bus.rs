//! Whom it talks to: buses, identities, brokers.

use crate::{NOBODY, Scratch, command, finished, run};
use std::fs;

#[test]
fn a_bus_that_does_not_answer_is_exit_4() {
    let scratch = Scratch::new("unreachable");
    let event = scratch.file(
        "event.json",
        r#"{"specversion":"1.0","id":"1","source":"urn:x","type":"a.b.v1"}"#,
    );
    let cases: [&[&str]; 9] = [
        &["status", "--server", NOBODY],
        &["send", event.to_str().unwrap(), "--server", NOBODY],
        &["trace", "1", "--partner", "ngn", "--server", NOBODY],
        &["tap", "--server", NOBODY],
        &["dlq", "list", "--server", NOBODY],
        &["receive", "x", "--server", NOBODY],
        &["listen", "x", "--server", NOBODY],
        &["route", event.to_str().unwrap(), "--server", NOBODY],
        &["subscription", "list", "--server", NOBODY],
    ];
    for words in cases {
        let lost = run(words);
        assert_eq!((lost.code, lost.out.as_str()), (4, ""), "{words:?}: {}", lost.err);
        assert!(
            lost.err
                .starts_with("error SB-6001: The bus at http://127.0.0.1:1 does not answer.\n"),
            "{}",
            lost.err
        );
        assert!(
            lost.err
                .ends_with("hint: stadtbus doctor --server http://127.0.0.1:1\n"),
            "{}",
            lost.err
        );
    }
    let json = run(&["status", "--server", NOBODY, "--output", "json", "--lang", "de"]);
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!((error["error"]["code"].as_str(), json.code), (Some("SB-6001"), 4));
    let doctor = run(&["doctor", "--server", NOBODY]);
    assert_eq!(doctor.code, 2, "{}", doctor.err);
    assert!(doctor.out.starts_with("fault"), "{}", doctor.out);
}

#[test]
fn identities_and_files_are_checked_before_anything_is_sent() {
    let scratch = Scratch::new("identity");
    let event = scratch.file("event.json", "{}");
    let event = event.to_str().unwrap();
    let missing = run(&["send", "no-such-file.json"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing
            .err
            .starts_with("error SB-6003: no-such-file.json cannot be opened.\n"),
        "{}",
        missing.err
    );
    let tokenless = run(&["send", event, "--as", "ngn/leitwarte"]);
    assert!(
        tokenless.err.contains(
            "hint: stadtbus token issue --key issuer.pem --partner ngn --system leitwarte --scope publish"
        ),
        "{}",
        tokenless.err
    );
    // {"sub":"fb37/leitstelle"}
    let foreign = run(&[
        "send",
        event,
        "--as",
        "ngn/leitwarte",
        "--token",
        "e30.eyJzdWIiOiJmYjM3L2xlaXRzdGVsbGUifQ.x",
    ]);
    assert!(
        foreign
            .err
            .starts_with("error SB-6002: The token belongs to `fb37/leitstelle`, not to `ngn/leitwarte`.\n"),
        "{}",
        foreign.err
    );
    assert_eq!((tokenless.code, foreign.code), (2, 2));
}

#[test]
fn keys_are_made_once_and_tokens_issued_with_them() {
    let scratch = Scratch::new("keys");
    let key = scratch.0.join("issuer.pem");
    let key = key.to_str().unwrap();
    let made = run(&["token", "key", "--out", key]);
    assert_eq!((made.code, made.out.trim()), (0, key), "{}", made.err);
    let text = fs::read_to_string(key).unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    let again = run(&["token", "key", "--out", key]);
    assert_eq!(again.code, 2);
    assert_eq!(
        fs::read_to_string(key).unwrap(),
        text,
        "an existing key must not be overwritten"
    );
    let issue = [
        "token",
        "issue",
        "--key",
        key,
        "--partner",
        "ngn",
        "--system",
        "leitwarte",
        "--scope",
        "publish,subscribe",
        "--ttl",
        "1h",
    ];
    let token = run(&issue);
    assert_eq!(token.out.trim().split('.').count(), 3, "{}", token.err);
    assert_eq!(
        (token.code, token.err.as_str(), token.out.lines().count()),
        (0, "", 1)
    );
    for (at, bad) in [(5, "NGN"), (9, "everything"), (11, "soon"), (11, "0s")] {
        let mut words = issue;
        words[at] = bad;
        let refused = run(&words);
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (2, ""),
            "{bad}: {}",
            refused.err
        );
    }
}

#[test]
fn dev_says_what_is_missing_before_it_starts_anything() {
    let advice = finished(
        command(&["dev", "--lang", "de"])
            .env("STADTBUS_NATS_SERVER", "/nowhere/nats-server")
            .output()
            .unwrap(),
    );
    assert_eq!((advice.code, advice.out.as_str()), (64, ""), "{}", advice.err);
    assert!(advice.err.starts_with("Fehler SB-6004: "), "{}", advice.err);
    assert!(
        advice.err.ends_with("Hinweis: stadtbus dev --broker memory\n"),
        "{}",
        advice.err
    );
}
