//! What an expression sees of an event, and what it does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use cloudevents_sql::{Expression, Value};

const EVENT: [(&str, Value<'static>); 3] = [
    ("source", Value::String(std::borrow::Cow::Borrowed("/Straße/Ü"))),
    ("myint", Value::Integer(5)),
    ("text", Value::String(std::borrow::Cow::Borrowed("abc"))),
];

fn check(rows: &[(&str, Value<'_>, Option<&str>)]) {
    for (source, value, error) in rows {
        let expression = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let evaluation = expression.evaluate(&EVENT);
        let kind = evaluation.error.as_ref().map(|error| error.kind().name());
        assert_eq!((&evaluation.value, kind), (value, *error), "{source}");
    }
}

fn yes<'a>() -> Value<'a> {
    true.into()
}

fn no<'a>() -> Value<'a> {
    false.into()
}

/// CESQL-2: what is missing is false, zero or empty, and an error.
#[test]
fn missing_attributes_are_zero_values() {
    check(&[
        ("missing", no(), Some("missingAttribute")),
        ("BOOL(missing)", no(), Some("missingAttribute")),
        ("INT(missing)", 0.into(), Some("missingAttribute")),
        ("STRING(missing)", "".into(), Some("missingAttribute")),
    ]);
}

/// CESQL-4: `%` is any text, `_` one character, `\\` takes their meaning away; nothing else is special.
#[test]
fn like_of_3_4() {
    check(&[
        ("'abc' LIKE 'a%'", yes(), None),
        ("'abc' LIKE '%'", yes(), None),
        ("'' LIKE '%'", yes(), None),
        ("'abc' LIKE 'a_c'", yes(), None),
        ("'abc' LIKE '_'", no(), None),
        ("source LIKE '/Stra_e/_'", yes(), None),
        ("'a%c' LIKE 'a\\%c'", yes(), None),
        ("'abc' LIKE 'a\\%c'", no(), None),
        ("'a_c' LIKE 'a\\_c'", yes(), None),
        ("'abc' LIKE 'a\\_c'", no(), None),
        ("'a.c' LIKE 'a.c'", yes(), None),
        ("'abc' LIKE 'a.c'", no(), None),
        ("'abc' LIKE 'ABC'", no(), None),
        ("'abc' NOT LIKE 'a%'", no(), None),
    ]);
}

/// CESQL-10: the payload is no attribute, whatever is asked; and nothing about the event is changed by asking.
#[test]
fn data_is_out_of_reach() {
    check(&[
        ("EXISTS data", no(), None),
        ("data = 'x'", no(), Some("missingAttribute")),
        ("LENGTH(data)", 0.into(), Some("missingAttribute")),
    ]);
    let (before, event) = (EVENT, EVENT);
    Expression::parse("CONCAT(text, 'x') = 'abcx' AND myint + 1 = 6")
        .unwrap()
        .evaluate(&event);
    assert_eq!(event, before);
}
