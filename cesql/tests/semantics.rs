//! What the specification says beyond its test kit, as tables: expression, value, kind of error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use cloudevents_sql::{
    Expression, FindingKind, Function, FunctionError, Functions, Parser, TEXT_BYTES_MAX, Type, Value, Verdict,
};

const EVENT: [(&str, Value<'static>); 8] = [
    ("id", Value::String(std::borrow::Cow::Borrowed("4711"))),
    ("source", Value::String(std::borrow::Cow::Borrowed("/Straße/Ü"))),
    ("type", Value::String(std::borrow::Cow::Borrowed("de.test.v1"))),
    ("myint", Value::Integer(5)),
    ("zero", Value::Integer(0)),
    ("mybool", Value::Boolean(true)),
    ("no", Value::Boolean(false)),
    ("text", Value::String(std::borrow::Cow::Borrowed("abc"))),
];

type Row<'a> = (&'a str, Value<'a>, Option<&'a str>);

fn check(rows: &[Row<'_>]) {
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

#[test]
fn precedence_of_3_6() {
    check(&[
        ("2 + 3 * 4", 14.into(), None),
        ("20 - 5 - 3", 12.into(), None),
        ("100 / 10 / 5", 2.into(), None),
        ("7 % 4 * 2", 6.into(), None),
        ("1 + 1 = 2", yes(), None),
        ("1 < 2 = true", yes(), None),
        ("2 > 1 > 0", yes(), None),
        ("-2 * -3", 6.into(), None),
        ("4-1", 3.into(), None),
        ("4 -1", 3.into(), None),
        ("4 - -1", 5.into(), None),
        ("+4", 4.into(), None),
        ("4 + +4", 8.into(), None),
        ("- 10", (-10).into(), None),
        ("---10", (-10).into(), None),
        ("-2147483648", i32::MIN.into(), None),
        // NOT binds tighter than LIKE: it is `(NOT mybool) LIKE 'fal%'`.
        ("NOT mybool LIKE 'fal%'", yes(), None),
        ("NOT mybool IN ('false')", yes(), None),
        ("NOT no = true", yes(), None),
        // LIKE and IN bind tighter than anything with two operands.
        ("1 + 2 LIKE '2'", 2.into(), None),
        ("text LIKE 'a%' = true", yes(), None),
        ("text LIKE 'a%' IN (true)", yes(), None),
        ("EXISTS text IN (TRUE)", yes(), None),
        // AND, OR, XOR: one level, from left to right.
        ("true OR true AND false", no(), None),
        ("false AND true OR true", yes(), None),
        ("true XOR true OR true", yes(), None),
        ("true OR (true AND false)", yes(), None),
    ]);
}

/// CESQL-3; CESQL-2 where what is missing is reached.
#[test]
fn short_circuits_of_3_6() {
    check(&[
        ("false AND missing", no(), None),
        ("true OR missing", yes(), None),
        ("false AND missing AND missing", no(), None),
        ("false AND missing OR true", yes(), None),
        ("true OR missing XOR true", no(), None),
        ("true XOR missing", no(), Some("missingAttribute")),
        ("missing OR true", no(), Some("missingAttribute")),
        ("'abc' IN ('abc', missing)", yes(), None),
        ("'abc' IN (missing, 'abc')", no(), Some("missingAttribute")),
        ("'abc' NOT IN (missing, 'abc')", no(), Some("missingAttribute")),
    ]);
}

/// CESQL-6: `IN` casts to the type of the left, as the other operators do; CESQL-8.
#[test]
fn casts_of_3_7() {
    check(&[
        ("TRUE = 'true' AND FALSE = 'false'", yes(), None),
        ("TRUE = 'TRUE' OR FALSE = 'FALSE'", no(), None),
        ("'abc' = 1", no(), Some("cast")),
        ("'abc' != 1", no(), Some("cast")),
        ("text = true", no(), Some("cast")),
        ("5 = '5'", yes(), None),
        ("'+5' = 5", yes(), None),
        ("5 = '+5'", no(), None),
        ("mybool = 1", yes(), None),
        ("myint = TRUE", yes(), None),
        ("myint = '5'", yes(), None),
        ("TRUE < 2", yes(), None),
        ("'a' < 'b'", no(), Some("cast")),
        ("text + 1", 0.into(), Some("cast")),
        ("myint AND mybool", yes(), None),
        ("zero OR no", no(), None),
        ("text AND true", no(), Some("cast")),
        ("1 IN ('abc', 1)", no(), Some("cast")),
        ("mybool IN ('x')", no(), Some("cast")),
        ("12 LIKE '1_'", yes(), None),
        ("-12 LIKE '-1_'", yes(), None),
        ("mybool LIKE 'TRUE'", no(), None),
        // What the test kit has for NOT: no integers, and the negation of what the failed cast gives.
        ("NOT myint", yes(), Some("cast")),
        ("NOT text", yes(), Some("cast")),
        ("NOT BOOL(myint)", no(), None),
        ("NOT (NOT text)", no(), Some("cast")),
    ]);
}

#[test]
fn cesql_7_arithmetic_stays_within_32_bits() {
    check(&[
        ("2147483647 + 1", 0.into(), Some("math")),
        ("-2147483648 - 1", 0.into(), Some("math")),
        ("65536 * 65536", 0.into(), Some("math")),
        ("-2147483648 / -1", 0.into(), Some("math")),
        ("-2147483648 % -1", 0.into(), None),
        ("- -2147483648", 0.into(), Some("math")),
        ("-7 / 2", (-3).into(), None),
        ("-7 % 2", (-1).into(), None),
        ("7 % -2", 1.into(), None),
        ("1 / 0 = missing", no(), Some("math")),
        ("ABS(-2147483648)", i32::MAX.into(), Some("math")),
        ("ABS(-2147483648) + 0", 0.into(), Some("math")),
    ]);
}

/// CESQL-8.
#[test]
fn functions_of_3_5() {
    check(&[
        ("length(source)", 9.into(), None),
        ("LENGTH(mybool)", 4.into(), None),
        ("LENGTH(-12)", 3.into(), None),
        ("LENGTH(missing)", 0.into(), Some("missingAttribute")),
        ("CONCAT(missing, 'a')", "".into(), Some("missingAttribute")),
        ("CONCAT(1, TRUE, 'x')", "1truex".into(), None),
        ("CONCAT_WS('-', 1, TRUE, '', 'x')", "1-true--x".into(), None),
        ("UPPER('straße')", "STRASSE".into(), None),
        ("LOWER('ÄÖ')", "äö".into(), None),
        ("TRIM('\u{2003} a\u{a0}')", "a".into(), None),
        ("TRIM('\u{1}a')", "\u{1}a".into(), None),
        ("LEFT(source, 6)", "/Straß".into(), None),
        ("RIGHT(source, 3)", "e/Ü".into(), None),
        ("LEFT('abc', 0)", "".into(), None),
        ("LENGTH(LEFT('abc', -1))", 0.into(), Some("functionEvaluation")),
        ("LEFT('abc', 'x')", "".into(), Some("cast")),
        ("SUBSTRING(source, -1)", "Ü".into(), None),
        ("SUBSTRING('abc', 3, 9)", "c".into(), None),
        ("SUBSTRING('abc', 1, 0)", "".into(), None),
        ("SUBSTRING('abc', 1, -1)", "".into(), Some("functionEvaluation")),
        ("SUBSTRING('abc', 0, -1)", "".into(), Some("functionEvaluation")),
        ("SUBSTRING('abc', -3)", "abc".into(), None),
        ("SUBSTRING('abc', 4)", "".into(), Some("functionEvaluation")),
        ("SUBSTRING('', 0)", "".into(), None),
        (
            "SUBSTRING('abc', -2147483648)",
            "".into(),
            Some("functionEvaluation"),
        ),
        ("INT(missing)", 0.into(), Some("missingAttribute")),
        ("STRING(missing)", "".into(), Some("missingAttribute")),
        ("BOOL('yes')", no(), Some("cast")),
        ("NOSUCH(1 / 0)", no(), Some("missingFunction")),
        ("NOSUCH() + 1", 0.into(), Some("missingFunction")),
        ("CONCAT(NOSUCH())", "".into(), Some("missingFunction")),
    ]);
}

/// CESQL-5.
#[test]
fn exists_is_true_of_required_attributes_whatever_the_event_has() {
    for name in cloudevents_sql::REQUIRED_ATTRIBUTES {
        assert!(Expression::parse(&format!("EXISTS {name}")).unwrap().matches(&()));
    }
    check(&[
        ("EXISTS subject", no(), None),
        ("EXISTS TEXT", yes(), None),
        ("EXISTS no", yes(), None),
    ]);
}

#[test]
fn texts_that_functions_make_are_bounded() {
    let big = "ß".repeat(TEXT_BYTES_MAX / 2 / 8);
    let event = [("big", big.as_str())];
    for (source, error) in [
        ("LENGTH(CONCAT(big, big, big, big, big, big, big, big)) > 0", None),
        (
            "CONCAT(big, big, big, big, big, big, big, big, 'x')",
            Some("functionEvaluation"),
        ),
        (
            "CONCAT_WS(big, '', '', '', '', '', '', '', '', '', '')",
            Some("functionEvaluation"),
        ),
        ("UPPER(big) = ''", None),
    ] {
        let expression = Expression::parse(source).unwrap();
        let evaluation = expression.evaluate(&event);
        let kind = evaluation.error.map(|error| error.kind().name());
        assert_eq!(kind, error, "{source}");
    }
    let large = "a".repeat(TEXT_BYTES_MAX + 1);
    let expression = Expression::parse("UPPER(large)").unwrap();
    let event = [("large", large.as_str())];
    let error = expression.evaluate(&event).error.unwrap();
    assert_eq!(error.to_string(), "UPPER: the text gets too long");
}

#[test]
fn functions_of_the_user_keep_3_5_3() {
    let mut functions = Functions::default();
    let mut add =
        |name: &str, returns, outcome: fn(&[Value<'_>]) -> Result<Value<'static>, FunctionError>| {
            let function = Function::new(name, [Type::Integer], returns, outcome).variadic(Type::String);
            functions.register(function).unwrap();
        };
    add("COUNT", Type::Integer, |arguments| {
        Ok(i32::try_from(arguments.len()).unwrap().into())
    });
    add("TYPES", Type::String, |arguments| {
        let types: Vec<_> = arguments.iter().map(|value| value.ty().to_string()).collect();
        Ok(types.join(" ").into())
    });
    add("LIES", Type::Integer, |_| Ok("text".into()));
    add("FAILS", Type::Integer, |_| Err(FunctionError::new("never works")));
    add("ALMOST", Type::Integer, |_| {
        Err(FunctionError::new("nearly works").with_value(7))
    });
    add("WRONG", Type::Integer, |_| {
        Err(FunctionError::new("fails wrongly").with_value("x"))
    });
    let parser = Parser::new().with_functions(functions);
    let rows: &[Row<'_>] = &[
        ("count(1, 'a', 'b')", 3.into(), None),
        ("TYPES('5', 6, TRUE)", "Integer String String".into(), None),
        ("COUNT()", no(), Some("missingFunction")),
        ("COUNT('x')", 0.into(), Some("cast")),
        ("COUNT(missing)", 0.into(), Some("missingAttribute")),
        ("LIES(1)", 0.into(), Some("functionEvaluation")),
        ("FAILS(1)", 0.into(), Some("functionEvaluation")),
        ("ALMOST(1)", 7.into(), Some("functionEvaluation")),
        ("ALMOST(1) + 1", 0.into(), Some("functionEvaluation")),
        ("WRONG(1)", 0.into(), Some("functionEvaluation")),
    ];
    for (source, value, error) in rows {
        let expression = parser.parse(source).unwrap();
        let evaluation = expression.evaluate(&EVENT);
        let kind = evaluation.error.as_ref().map(|error| error.kind().name());
        assert_eq!((&evaluation.value, kind), (value, *error), "{source}");
    }
    let expression = parser.parse("FAILS(1)").unwrap();
    let error = expression.evaluate(&()).error.unwrap();
    assert_eq!(error.to_string(), "FAILS: never works");
}

/// CESQL-9, SUB-5.
#[test]
fn only_true_without_an_error_passes_sub_5() {
    for (source, sentence) in [
        ("mybool", "passes: `mybool` is true"),
        ("NOT no", "passes: `no` is false"),
        ("no", "does not pass: `no` is false"),
        (
            "myint",
            "does not pass: the expression is the Integer `5`, not a Boolean",
        ),
        (
            "'true'",
            "does not pass: the expression is the String `true`, not a Boolean",
        ),
        (
            "NOT myint",
            "does not pass: `myint`: an Integer that cannot be read as a Boolean",
        ),
        (
            "mybool AND myint > 9 AND text = 'abc'",
            "does not pass: `myint > 9` is false",
        ),
        (
            "(no OR text = 'abc') AND myint = 5",
            "passes: `(no OR text = 'abc') AND myint = 5` is true",
        ),
        ("no OR (text = 'abc')", "passes: `text = 'abc'` is true"),
        ("NOT (mybool AND no)", "passes: `no` is false"),
        ("no XOR no", "does not pass: `no XOR no` is false"),
        ("1 / zero = 1", "does not pass: `1 / zero`: division by zero"),
    ] {
        let expression = Expression::parse(source).unwrap();
        let verdict = expression.verdict(&EVENT);
        assert_eq!(verdict.passes(), sentence.starts_with("passes"), "{source}");
        assert_eq!(expression.matches(&EVENT), verdict.passes(), "{source}");
        assert_eq!(verdict.to_string(), sentence, "{source}");
    }
    let expression = Expression::parse("type LIKE 'de.%' AND missing = 1").unwrap();
    let Verdict::Failed { at, value, .. } = expression.verdict(&EVENT) else {
        panic!("a missing attribute is an error");
    };
    assert_eq!((at.text, at.span.start, value), ("missing", 21, no()));
}

#[test]
fn findings_say_what_is_wrong_before_an_event_comes() {
    for (source, found) in [
        ("type = 'a' AND EXISTS subject AND NOT mybool", vec![]),
        ("type", vec![]),
        (
            "LEFT(type, 3)",
            vec![(FindingKind::NeverBoolean(Type::String), "LEFT(type, 3)")],
        ),
        ("1 + 1", vec![(FindingKind::NeverBoolean(Type::Integer), "1 + 1")]),
        (
            "NOSUCH(type)",
            vec![(FindingKind::MissingFunction, "NOSUCH(type)")],
        ),
        ("myint = 1 / 0", vec![(FindingKind::AlwaysFails, "1 / 0")]),
        ("myint = 1 + 1 / 0", vec![(FindingKind::AlwaysFails, "1 / 0")]),
        (
            "id = LEFT('a', -1)",
            vec![(FindingKind::AlwaysFails, "LEFT('a', -1)")],
        ),
        (
            "type > 'abc'",
            vec![(FindingKind::NeverCasts(Type::Integer), "'abc'")],
        ),
        (
            "mybool AND 'yes'",
            vec![(FindingKind::NeverCasts(Type::Boolean), "'yes'")],
        ),
        ("'5' + myint = 6", vec![]),
        (
            "no AND no OR no",
            vec![(FindingKind::MixedLogic, "no AND no OR no")],
        ),
        ("(no AND no) OR no", vec![]),
        ("no AND no AND no", vec![]),
        (
            "NOT type LIKE 'a'",
            vec![(FindingKind::NotBindsTighter, "NOT type")],
        ),
        (
            "NOT type IN ('a')",
            vec![(FindingKind::NotBindsTighter, "NOT type")],
        ),
        ("NOT type = 'a'", vec![(FindingKind::NotBindsTighter, "NOT type")]),
        ("(NOT mybool) LIKE 'f%'", vec![]),
        ("NOT (type LIKE 'a')", vec![]),
        ("data = 1", vec![(FindingKind::Data, "data")]),
        ("false AND 1 / 0 = 1", vec![(FindingKind::AlwaysFails, "1 / 0")]),
    ] {
        let expression = Expression::parse(source).unwrap();
        let findings = expression.findings();
        let kinds: Vec<_> = findings
            .iter()
            .map(|finding| (finding.kind.clone(), finding.span.of(source)))
            .collect();
        assert_eq!(kinds, found, "{source}");
    }
}

#[test]
fn attributes_are_listed_with_their_places() {
    let source = "Type = 'x' AND NOT EXISTS Foo OR CONCAT(a, -b, c IN (d, 1)) LIKE '%'";
    let expression = Expression::parse(source).unwrap();
    let listed: Vec<_> = expression
        .attributes()
        .iter()
        .map(|attribute| (attribute.name, attribute.span.of(source), attribute.optional))
        .collect();
    let expected = [
        ("type", "Type", false),
        ("foo", "Foo", true),
        ("a", "a", false),
        ("b", "b", false),
        ("c", "c", false),
        ("d", "d", false),
    ];
    assert_eq!(listed, expected);
}
