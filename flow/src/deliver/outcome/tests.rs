use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn outcome(status: u16, retry_after: Option<&str>) -> Outcome {
    let value = retry_after.map(|text| HeaderValue::from_str(text).unwrap());
    Outcome::from_answer(StatusCode::from_u16(status).unwrap(), value.as_ref(), now())
}

#[test]
fn every_status_has_its_meaning() {
    for status in 100..1000 {
        let found = outcome(status, Some("7"));
        let after = Some(Duration::from_secs(7));
        match status {
            200..=299 => assert_eq!(found, Outcome::Delivered { status }),
            410 => assert_eq!(found, Outcome::Gone),
            408 | 425 | 429 | 500..=599 => {
                assert!(
                    matches!(&found, Outcome::Retry { code: "SB-3002", after: a, .. } if *a == after),
                    "{found:?}"
                );
            }
            400..=499 => assert!(
                matches!(found, Outcome::Refused { code: "SB-3001", .. }),
                "{found:?}"
            ),
            _ => assert!(
                matches!(
                    found,
                    Outcome::Retry {
                        code: "SB-3007",
                        after: None,
                        ..
                    }
                ),
                "{found:?}"
            ),
        }
        assert_eq!(found_code(status), outcome(status, None).code());
    }
}

fn found_code(status: u16) -> Option<&'static str> {
    match status {
        200..=299 => None,
        410 => Some("SB-3005"),
        408 | 425 | 429 | 500..=599 => Some("SB-3002"),
        400..=499 => Some("SB-3001"),
        _ => Some("SB-3007"),
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 5 ", Some(5)),
        ("99999999999999999999999", Some(u64::from(u32::MAX))),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 08:50:37 1994", Some(60)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1h", None),
        ("soon", None),
        ("Sun, 32 Nov 1994 08:50:37 GMT", None),
        ("1994-11-06T08:50:37Z", None),
    ] {
        let found = read_retry_after(&HeaderValue::from_str(text).unwrap(), now());
        assert_eq!(found, seconds.map(Duration::from_secs), "{text:?}");
    }
    assert_eq!(
        read_retry_after(&HeaderValue::from_bytes(b"\xff").unwrap(), now()),
        None
    );
}

#[test]
fn an_excerpt_is_harmless() {
    for (raw, clean_text) in [
        (&b""[..], None),
        (b" \r\n\t\0 ", None),
        (b"not found", Some("not found")),
        (b"<h1>\r\n  Wartung\t\n</h1>", Some("<h1> Wartung </h1>")),
        (b"\x1b[31mred\x1b[0m", Some("[31mred [0m")),
        (b"\xff\xfeok", Some("\u{fffd}\u{fffd}ok")),
        ("a\u{202e}b\u{200b}c\u{feff}".as_bytes(), Some("a b c")),
        ("Störung".as_bytes(), Some("Störung")),
    ] {
        assert_eq!(clean(raw).as_deref(), clean_text, "{raw:?}");
    }
}

proptest::proptest! {
    #[test]
    fn an_excerpt_is_short_and_plain(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..5000)) {
        if let Some(text) = clean(&raw) {
            proptest::prop_assert!(text.len() <= 1024);
            proptest::prop_assert!(!text.is_empty() && !text.chars().any(char::is_control));
        }
    }

    #[test]
    fn retry_after_never_panics(raw in "[ -~]*") {
        let _ = read_retry_after(&HeaderValue::from_str(&raw).unwrap(), now());
    }
}

#[test]
fn a_receiver_may_say_more_than_its_status() {
    let answered = |status: u16, says: &'static str| {
        let status = StatusCode::from_u16(status).unwrap();
        let says = HeaderValue::from_static(says);
        Outcome::from_answer(status, None, SystemTime::now()).heeding(Some(&says))
    };
    assert_eq!(answered(503, "disable"), Outcome::Gone);
    assert_eq!(answered(404, " Disable "), Outcome::Gone);
    assert_eq!(answered(503, "abort-message").code(), Some("SB-3001"));
    assert_eq!(answered(503, "please").code(), Some("SB-3002"));
    assert_eq!(answered(204, "disable"), Outcome::Delivered { status: 204 });
}
