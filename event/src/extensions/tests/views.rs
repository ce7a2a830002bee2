//! What the views say.

use super::{TRACE, with};
use crate::Event;
use crate::extensions::{
    AuthContext, AuthType, Classification, Correlation, DataClassification, DataRef, Deprecation,
    DistributedTracing, ExpiryTime, PartitionKey, RecordedTime, Sequence, Severity, TraceParent,
};

/// EXT-TRACING.
#[test]
fn tracing() {
    let event = with(&[("traceparent", TRACE.into()), ("tracestate", "a=b".into())]);
    let view = DistributedTracing::of(&event).unwrap().unwrap();
    assert_eq!((view.traceparent, view.tracestate), (TRACE, Some("a=b")));
    let expected = TraceParent {
        trace_id: "0af7651916cd43dd8448eb211c80319c",
        parent_id: "b9c7c989f97918e1",
        sampled: true,
    };
    assert_eq!(view.parent(), Some(expected));
    let later = TRACE.replacen("00", "01", 1) + "-what-comes-then";
    assert_eq!(TraceParent::parse(&later), Some(expected));
    assert!(!TraceParent::parse(&TRACE.replace("-01", "-fe")).unwrap().sampled);
    for broken in [
        "".to_owned(),
        format!("{TRACE}-x"),
        TRACE.replacen("00", "ff", 1),
        TRACE.to_uppercase(),
        TRACE.replace("b9c7c989f97918e1", "0000000000000000"),
        TRACE.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
        TRACE.replace("-01", "-1"),
        TRACE.replace("-01", ""),
    ] {
        assert_eq!(TraceParent::parse(&broken), None, "{broken}");
    }
}

/// EXT-SEQUENCE, EXT-PARTITIONING.
#[test]
fn order() {
    fn view(event: &Event) -> Sequence<'_> {
        Sequence::of(event).unwrap().unwrap()
    }
    let event = |value: &str| with(&[("sequence", value.into()), ("partitionkey", "k".into())]);
    let (nine, ten, wide) = (event("009"), event("010"), event("0010"));
    assert!(view(&nine) < view(&ten));
    assert_eq!(view(&ten).missing_since(&view(&nine)), Some(0));
    assert_eq!(view(&event("042")).missing_since(&view(&ten)), Some(31));
    assert_eq!(view(&nine).missing_since(&view(&ten)), None);
    assert_eq!(view(&ten).missing_since(&view(&ten)), None);
    assert_eq!(view(&wide).missing_since(&view(&nine)), None);
    assert_eq!(view(&event("b")).missing_since(&view(&event("a"))), None);
    assert!(PartitionKey::of(&nine).unwrap() == Some(PartitionKey { key: "k" }));
}

/// EXT-EXPIRYTIME, EXT-RECORDEDTIME.
#[test]
fn times() {
    let event = |text: &str| with(&[("expirytime", text.into()), ("recordedtime", text.into())]);
    let now: jiff::Timestamp = "2026-11-23T13:00:00.5Z".parse().unwrap();
    let cases = [
        ("2026-11-23T14:00:00.5+01:00", true),
        ("2026-11-23T13:00:00.500000000999Z", true),
        ("2026-11-23T13:00:00.500000001Z", false),
        ("2026-11-23T13:00:00.49Z", true),
        ("0000-01-01T00:00:00Z", true),
        ("9999-12-31T23:59:59Z", false),
    ];
    for (text, passed) in cases {
        let event = event(text);
        let view = ExpiryTime::of(&event).unwrap().unwrap();
        assert_eq!(view.has_passed(now), passed, "{text}");
        assert_eq!(view.at.as_str(), text);
        assert_eq!(RecordedTime::of(&event).unwrap().unwrap().at.as_str(), text);
    }
    let old: jiff::Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
    let (before, after) = (event("1969-12-31T23:59:59.2Z"), event("1969-12-31T23:59:59.3Z"));
    assert!(ExpiryTime::of(&before).unwrap().unwrap().has_passed(old));
    assert!(!ExpiryTime::of(&after).unwrap().unwrap().has_passed(old));
    let (leap, next) = (event("2016-12-31T23:59:60Z"), event("2017-01-01T00:00:00Z"));
    let at = |event| ExpiryTime::of(event).unwrap().unwrap().at;
    assert!(at(&leap).is_at_or_after(&at(&next)) && at(&next).is_at_or_after(&at(&leap)));
}

/// EXT-DATAREF, EXT-CORRELATION.
#[test]
fn references() {
    let event = with(&[("dataref", "../x".into()), ("causationid", "7".into())]);
    assert_eq!(DataRef::of(&event).unwrap().unwrap().uri, "../x");
    let view = Correlation::of(&event).unwrap().unwrap();
    assert_eq!((view.correlationid, view.causationid), (None, Some("7")));
    assert!(Correlation::of(&with(&[])).unwrap().is_none());
}

/// EXT-SEVERITY.
#[test]
fn severity() {
    let of = |number: i32| with(&[("severitynumber", number.into())]);
    for (number, name) in [
        (0, None),
        (1, Some("TRACE")),
        (4, Some("TRACE")),
        (5, Some("DEBUG")),
        (9, Some("INFO")),
        (16, Some("WARN")),
        (17, Some("ERROR")),
        (24, Some("FATAL")),
        (25, None),
        (i32::MAX, None),
    ] {
        let event = of(number);
        let view = Severity::of(&event).unwrap().unwrap();
        assert_eq!((view.number, view.name()), (number, name));
    }
    let named = with(&[("severitynumber", "17".into()), ("severitytext", "schwer".into())]);
    assert_eq!(Severity::of(&named).unwrap().unwrap().name(), Some("schwer"));
}

/// EXT-CLASSIFICATION.
#[test]
fn classification() {
    let event = with(&[
        ("dataclassification", "RESTRICTED".into()),
        ("dataregulation", " gdpr , BDSG".into()),
        ("datacategory", "standard".into()),
    ]);
    let view = DataClassification::of(&event).unwrap().unwrap();
    assert_eq!(view.level, Classification::Restricted);
    assert!(Classification::Public < Classification::Internal);
    assert_eq!(view.regulations().collect::<Vec<_>>(), ["gdpr", "BDSG"]);
    assert_eq!(view.category, Some("standard"));
    let bare = with(&[("dataclassification", "public".into())]);
    assert_eq!(
        DataClassification::of(&bare)
            .unwrap()
            .unwrap()
            .regulations()
            .count(),
        0
    );
}

/// EXT-DEPRECATION.
#[test]
fn deprecation() {
    let event = |sunset: &str| with(&[("deprecated", true.into()), ("deprecationsunset", sunset.into())]);
    let (early, late) = (event("2026-01-01T00:00:00Z"), event("2026-01-02T00:00:00Z"));
    let none = with(&[
        ("deprecated", true.into()),
        ("deprecationmigration", "urn:x".into()),
    ]);
    let view = |event| Deprecation::of(event).unwrap().unwrap();
    assert!(view(&early).shortens(&view(&late)));
    assert!(!view(&late).shortens(&view(&early)));
    assert!(!view(&late).shortens(&view(&late)));
    assert!(!view(&late).shortens(&view(&none)));
    assert_eq!(view(&none).migration, Some("urn:x"));
}

/// EXT-AUTHCONTEXT.
#[test]
fn authcontext() {
    let kinds = [
        ("app_user", AuthType::AppUser),
        ("user", AuthType::User),
        ("service_account", AuthType::ServiceAccount),
        ("api_key", AuthType::ApiKey),
        ("system", AuthType::System),
        ("unauthenticated", AuthType::Unauthenticated),
        ("unknown", AuthType::Unknown),
        ("vehicle", AuthType::Other("vehicle")),
    ];
    for (text, kind) in kinds {
        let event = with(&[("authtype", text.into()), ("authid", "x".into())]);
        let view = AuthContext::of(&event).unwrap().unwrap();
        assert_eq!((view.kind, view.id, view.claims), (kind, Some("x"), None));
    }
}
