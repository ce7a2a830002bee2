//! What the documents of the extensions demand, extension by extension.

mod views;

use super::check_extensions;
use crate::{Event, Value};

fn with(attributes: &[(&str, Value)]) -> Event {
    let builder = Event::builder("1", "a", "t");
    attributes
        .iter()
        .fold(builder, |builder, (name, value)| {
            builder.extension(name, value.clone())
        })
        .build()
        .unwrap()
}

/// What `check_extensions` says: code and attribute.
fn judged(attributes: &[(&str, Value)]) -> Result<(), (&'static str, Option<String>)> {
    check_extensions(&with(attributes)).map_err(|error| (error.code(), error.attribute().map(str::to_owned)))
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";

/// EXT-TRACING, EXT-PARTITIONING, EXT-SEQUENCE, EXT-EXPIRYTIME, EXT-RECORDEDTIME, EXT-DATAREF, EXT-AUTHCONTEXT,
/// EXT-CLASSIFICATION, EXT-DEPRECATION, EXT-CORRELATION, EXT-SEVERITY.
#[test]
fn what_is_refused_and_how() {
    let s = |text: &str| Value::from(text);
    let token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln";
    // (extension, attributes, code, attribute at fault)
    type Case<'a> = (&'a str, Vec<(&'a str, Value)>, &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        ("tracing", vec![("traceparent", s(""))], "SB-1114", "traceparent"),
        (
            "tracing",
            vec![("traceparent", 7.into())],
            "SB-1114",
            "traceparent",
        ),
        (
            "tracing",
            vec![("tracestate", s("a=b"))],
            "SB-1114",
            "traceparent",
        ),
        (
            "partitioning",
            vec![("partitionkey", s(""))],
            "SB-1114",
            "partitionkey",
        ),
        ("sequence", vec![("sequence", s(""))], "SB-1114", "sequence"),
        ("sequence", vec![("sequence", 7.into())], "SB-1114", "sequence"),
        (
            "expirytime",
            vec![("expirytime", s("soon"))],
            "SB-1114",
            "expirytime",
        ),
        (
            "expirytime",
            vec![("expirytime", s("2026-11-23"))],
            "SB-1114",
            "expirytime",
        ),
        (
            "expirytime",
            vec![("expirytime", true.into())],
            "SB-1114",
            "expirytime",
        ),
        (
            "recordedtime",
            vec![("recordedtime", s("2026-02-29T00:00:00Z"))],
            "SB-1114",
            "recordedtime",
        ),
        ("dataref", vec![("dataref", s(""))], "SB-1114", "dataref"),
        ("dataref", vec![("dataref", s("a b"))], "SB-1114", "dataref"),
        (
            "correlation",
            vec![("correlationid", s(""))],
            "SB-1114",
            "correlationid",
        ),
        (
            "correlation",
            vec![("causationid", s(""))],
            "SB-1114",
            "causationid",
        ),
        (
            "severity",
            vec![("severitynumber", (-1).into())],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitynumber", s("-1"))],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitynumber", s("007"))],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitynumber", s("ERROR"))],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitynumber", true.into())],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitytext", s("ERROR"))],
            "SB-1114",
            "severitynumber",
        ),
        (
            "severity",
            vec![("severitynumber", 9.into()), ("severitytext", s(""))],
            "SB-1114",
            "severitytext",
        ),
        (
            "classification",
            vec![("dataclassification", s("secret"))],
            "SB-1115",
            "dataclassification",
        ),
        (
            "classification",
            vec![("dataclassification", s(""))],
            "SB-1114",
            "dataclassification",
        ),
        (
            "classification",
            vec![("dataregulation", s("GDPR"))],
            "SB-1114",
            "dataclassification",
        ),
        (
            "classification",
            vec![("datacategory", s("standard"))],
            "SB-1114",
            "dataclassification",
        ),
        (
            "classification",
            vec![
                ("dataclassification", s("public")),
                ("dataregulation", s("GDPR,HIPAA")),
            ],
            "SB-1115",
            "dataregulation",
        ),
        (
            "classification",
            vec![
                ("dataclassification", s("public")),
                ("dataregulation", s("GD PR")),
            ],
            "SB-1114",
            "dataregulation",
        ),
        (
            "classification",
            vec![
                ("dataclassification", s("public")),
                ("dataregulation", s("GDPR,")),
            ],
            "SB-1114",
            "dataregulation",
        ),
        (
            "classification",
            vec![("dataclassification", s("public")), ("datacategory", s(""))],
            "SB-1114",
            "datacategory",
        ),
        (
            "deprecation",
            vec![("deprecated", false.into())],
            "SB-1114",
            "deprecated",
        ),
        (
            "deprecation",
            vec![("deprecated", s("yes"))],
            "SB-1114",
            "deprecated",
        ),
        (
            "deprecation",
            vec![("deprecationfrom", s("2026-01-01T00:00:00Z"))],
            "SB-1114",
            "deprecated",
        ),
        (
            "deprecation",
            vec![("deprecationmigration", s("urn:x"))],
            "SB-1114",
            "deprecated",
        ),
        (
            "deprecation",
            vec![
                ("deprecated", true.into()),
                ("deprecationmigration", s("/relative")),
            ],
            "SB-1114",
            "deprecationmigration",
        ),
        (
            "deprecation",
            vec![
                ("deprecated", true.into()),
                ("deprecationfrom", s("2026-01-01T00:00:00Z")),
                ("deprecationsunset", s("2026-01-01T00:59:59+01:00")),
            ],
            "SB-1114",
            "deprecationsunset",
        ),
        ("authcontext", vec![("authtype", s(""))], "SB-1114", "authtype"),
        ("authcontext", vec![("authid", s("x"))], "SB-1114", "authtype"),
        (
            "authcontext",
            vec![("authclaims", s("{}"))],
            "SB-1114",
            "authtype",
        ),
        (
            "authcontext",
            vec![("authtype", s("user")), ("authclaims", s("sub=x"))],
            "SB-1114",
            "authclaims",
        ),
        (
            "authcontext",
            vec![
                ("authtype", s("user")),
                ("authclaims", format!(r#"{{"a":["Bearer {token}"]}}"#).into()),
            ],
            "SB-1114",
            "authclaims",
        ),
        (
            "authcontext",
            vec![
                ("authtype", s("user")),
                ("authclaims", s(r#"{"x":{"Access_Token":"abc"}}"#)),
            ],
            "SB-1114",
            "authclaims",
        ),
    ];
    for (extension, attributes, code, attribute) in cases {
        assert_eq!(
            judged(attributes),
            Err((*code, Some((*attribute).to_owned()))),
            "{extension} {attributes:?}"
        );
    }
}

#[test]
fn what_is_taken() {
    let s = |text: &str| Value::from(text);
    let cases: &[(&str, Vec<(&str, Value)>)] = &[
        ("none", vec![]),
        (
            "unknown",
            vec![("anything", s("")), ("sequencetype", s("Integer"))],
        ),
        (
            "tracing",
            vec![("traceparent", s(TRACE)), ("tracestate", s("a=b"))],
        ),
        ("tracing no reader can read", vec![("traceparent", s("x"))]),
        ("sequence", vec![("sequence", s("0007"))]),
        ("expirytime", vec![("expirytime", s("9999-12-31T23:59:59Z"))]),
        (
            "recordedtime",
            vec![("recordedtime", s("2016-12-31T23:59:60.0123456789Z"))],
        ),
        ("dataref", vec![("dataref", s("../events/1"))]),
        ("severity", vec![("severitynumber", 0.into())]),
        (
            "severity",
            vec![("severitynumber", s("17")), ("severitytext", s("schwer"))],
        ),
        (
            "classification",
            vec![
                ("dataclassification", s("Confidential")),
                ("dataregulation", s("gdpr, BDSG ,DSG-NRW")),
                ("datacategory", s("special-category")),
            ],
        ),
        ("deprecation", vec![("deprecated", s("true"))]),
        (
            "deprecation",
            vec![
                ("deprecated", true.into()),
                ("deprecationfrom", s("2026-01-01T00:00:00Z")),
                ("deprecationsunset", s("2026-01-01T01:00:00+01:00")),
                ("deprecationmigration", s("https://a.example/b")),
            ],
        ),
        (
            "authcontext",
            vec![
                ("authtype", s("user")),
                ("authid", s("hash:7")),
                (
                    "authclaims",
                    s(r#"{"sub":"x","mail":"a.b@c.example","hosts":["a.b.c"],"password":null}"#),
                ),
            ],
        ),
        (
            "authcontext with a type of its own",
            vec![("authtype", s("vehicle"))],
        ),
    ];
    for (extension, attributes) in cases {
        assert_eq!(judged(attributes), Ok(()), "{extension} {attributes:?}");
    }
}

/// CORE-9: whatever an extension says, an event that has it is carried.
#[test]
fn core_9_nothing_but_the_acceptor_refuses() {
    let event = with(&[
        ("dataclassification", "secret".into()),
        ("expirytime", "soon".into()),
    ]);
    let back = crate::json::parse(&crate::json::to_bytes(&event)).unwrap();
    assert_eq!(back, event);
    let error = check_extensions(&back).unwrap_err();
    assert!(!error.to_string().contains("soon") && !error.to_string().contains("secret"));
}
