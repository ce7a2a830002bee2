use std::time::SystemTime;

use stadtbus_broker::LogName;

use super::*;

fn letter(event: Event) -> DeadLetter {
    DeadLetter {
        subscription: SubscriptionId::parse("fb37-stromausfall").unwrap(),
        partner: PartnerId::parse("fb37").unwrap(),
        log: "LOG_NGN".into(),
        position: 17,
        publisher: PartnerId::parse("ngn").unwrap(),
        code: "SB-3008".into(),
        detail: "2 attempts failed".into(),
        attempts_count: 2,
        attempts: vec![Attempt {
            time: "2026-11-23T14:00:00Z".into(),
            status: Some(503),
            code: "SB-3002".into(),
            detail: "The receiver answered 503.".into(),
            answer: Some("Wartung bis 15 Uhr".into()),
            backtrace: None,
        }],
        plugin: Some("ngn/outage-redact@1.0.0+abc".into()),
        input_sha256: None,
        buried: "2026-11-23T14:00:09Z".into(),
        edited: Some(Edits {
            original: Structured(event.clone()),
            edits: vec![Edited {
                by: "fb37/leitstelle".into(),
                at: "2026-11-23T14:00:10Z".into(),
                reason: String::new(),
            }],
        }),
        life: 0,
        event,
    }
}

fn record(entry: Entry) -> Record {
    Record {
        log: LogName::new("DEAD").unwrap(),
        position: 1,
        subject: entry.subject,
        headers: entry.headers,
        payload: entry.payload,
        stored_at: SystemTime::UNIX_EPOCH,
    }
}

#[test]
fn what_is_buried_can_be_dug_up() {
    let base = || {
        Event::builder(
            "ä 1",
            "urn:krefeld:ngn:leitwarte",
            "de.krefeld.swk.outage.reported.v1",
        )
        .subject("s")
    };
    let events = [
        base(),
        base().extension("hops", 3).extension("flag", true),
        base()
            .datacontenttype("application/json")
            .data(Bytes::from_static(
                b"{\"z\": 1.0e2,\n \"a\": 12345678901234567890}",
            )),
        base()
            .datacontenttype("text/plain")
            .data(Bytes::from_static("Störung".as_bytes())),
        base()
            .datacontenttype("application/octet-stream")
            .data(Bytes::from_static(&[0, 255, 1])),
        base()
            .datacontenttype("application/json")
            .data(Bytes::from_static(b"null")),
    ];
    for event in events.map(|builder| builder.build().unwrap()) {
        let letter = letter(event);
        let entry = letter.encode("dead.fb37.fb37-stromausfall").unwrap();
        assert_eq!(entry.message_id, None);
        let record = record(entry);
        assert_eq!(record.header(SUBSCRIPTION_HEADER), Some("fb37-stromausfall"));
        assert_eq!(record.header(CODE_HEADER), Some("SB-3008"));
        let back = DeadLetter::decode(&record).unwrap();
        assert_eq!(back, letter);
        assert_eq!(back.event.data(), letter.event.data(), "to the byte");
        assert_eq!(back.encode("x").unwrap().payload, record.payload);
    }
}

#[test]
fn what_is_no_dead_letter_is_refused() {
    let good = letter(Event::builder("1", "urn:x", "t").build().unwrap())
        .encode("x")
        .unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&good.payload).unwrap();
    value["event"] = serde_json::json!({"id": "1"});
    for bad in ["", "{}", "null", "[]", &value.to_string()] {
        let error = DeadLetter::from_json(&Bytes::copy_from_slice(bad.as_bytes())).unwrap_err();
        assert_eq!(error.code(), "SB-1505", "{bad}");
    }
    let letter = letter(Event::builder("1", "urn:x", "t").build().unwrap());
    assert!(letter.encode("dead.*.x").is_err());
}
