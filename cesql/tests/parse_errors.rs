//! Every way in which a text can be no expression, and the whole sentence about it.
#![allow(clippy::unwrap_used, clippy::panic)]

use cloudevents_sql::{Expression, Limits, Parser};

/// Text, name of the error, message.
const ERRORS: &[(&str, &str, &str)] = &[
    (
        "",
        "expected",
        "line 1, column 1: expected an attribute, a literal, a function or `(`, found the end",
    ),
    (
        " \n ",
        "expected",
        "line 2, column 2: expected an attribute, a literal, a function or `(`, found the end",
    ),
    (
        "ABC(",
        "expected",
        "line 1, column 5: expected an attribute, a literal, a function or `(`, found the end",
    ),
    (
        "ABC(1",
        "expected",
        "line 1, column 6: expected `,` or `)`, found the end",
    ),
    (
        "ABC(1,",
        "expected",
        "line 1, column 7: expected an attribute, a literal, a function or `(`, found the end",
    ),
    (
        "ABC(,)",
        "expected",
        "line 1, column 5: expected an attribute, a literal, a function or `(`, found `,`",
    ),
    (
        "(a = 1",
        "expected",
        "line 1, column 7: expected `)` or an operator, found the end",
    ),
    (
        "(a = 1 adn b = 2)",
        "expected",
        "line 1, column 8: expected `)` or an operator, found `adn`; did you mean `AND`?",
    ),
    (
        "a = 1)",
        "expected",
        "line 1, column 6: expected an operator or the end, found `)`",
    ),
    (
        "()",
        "expected",
        "line 1, column 2: expected an attribute, a literal, a function or `(`, found `)`",
    ),
    (
        "a == 1",
        "expected",
        "line 1, column 4: expected an attribute, a literal, a function or `(`, found `=`; equality is one `=`",
    ),
    (
        "a =",
        "expected",
        "line 1, column 4: expected an attribute, a literal, a function or `(`, found the end",
    ),
    (
        "a = in",
        "expected",
        "line 1, column 5: expected an attribute, a literal, a function or `(`, found `in`; IN is a keyword",
    ),
    (
        "a b",
        "expected",
        "line 1, column 3: expected an operator or the end, found `b`",
    ),
    (
        "a\n  lkie 'x'",
        "expected",
        "line 2, column 3: expected an operator or the end, found `lkie`; did you mean `LIKE`?",
    ),
    (
        "größe = 1",
        "unknown-character",
        "line 1, column 3: `ö` means nothing here",
    ),
    (
        "x = 'ü' nad y",
        "expected",
        "line 1, column 9: expected an operator or the end, found `nad`; did you mean `AND`?",
    ),
    (
        "a LIKE b",
        "expected",
        "line 1, column 8: expected a pattern in quotes after `LIKE`, found `b`",
    ),
    (
        "a LIKE 123",
        "expected",
        "line 1, column 8: expected a pattern in quotes after `LIKE`, found `123`",
    ),
    (
        "a NOT = 1",
        "expected",
        "line 1, column 7: expected `LIKE` or `IN` after `NOT`, found `=`",
    ),
    (
        "a IN 'x'",
        "expected",
        "line 1, column 6: expected `(` and the items of the set, found `'x'`",
    ),
    (
        "a IN ()",
        "expected",
        "line 1, column 7: expected an attribute, a literal, a function or `(`, found `)`",
    ),
    (
        "EXISTS 'a'",
        "expected",
        "line 1, column 8: expected the name of an attribute after `EXISTS`, found `'a'`",
    ),
    (
        "EXISTS a_b",
        "attribute-name",
        "line 1, column 8: `a_b` is no attribute: names are letters and digits",
    ),
    (
        "EXISTS LENGTH(a)",
        "expected",
        "line 1, column 14: expected an operator or the end, found `(`",
    ),
    (
        "my_ext = 1",
        "attribute-name",
        "line 1, column 1: `my_ext` is no attribute: names are letters and digits",
    ),
    (
        "F2(1)",
        "function-name",
        "line 1, column 1: `F2` is no function: names are letters and `_`",
    ),
    (
        "_f(1)",
        "function-name",
        "line 1, column 1: `_f` is no function: names are letters and `_`",
    ),
    (
        "+ 5",
        "expected",
        "line 1, column 3: expected digits directly after `+`, found `5`",
    ),
    (
        "+a",
        "expected",
        "line 1, column 2: expected digits directly after `+`, found `a`",
    ),
    (
        "2147483648",
        "integer-range",
        "line 1, column 1: 2147483648 is out of range: integers go from -2147483648 to 2147483647",
    ),
    (
        "a = -2147483649",
        "integer-range",
        "line 1, column 5: -2147483649 is out of range: integers go from -2147483648 to 2147483647",
    ),
    (
        "99999999999999999999999999999",
        "integer-range",
        "line 1, column 1: 999999999999999999999999… is out of range: integers go from -2147483648 to 2147483647",
    ),
    (
        "a = 'b",
        "unterminated-string",
        "line 1, column 5: this string is not closed",
    ),
    (
        "a = 'b\\'",
        "unterminated-string",
        "line 1, column 5: this string is not closed; a quote after `\\` does not end a string",
    ),
    (
        "a = 'it''s'",
        "expected",
        "line 1, column 9: expected an operator or the end, found `'s'`; a quote in a string is written `\\'` or `\\\"`",
    ),
    (
        "a = 'b' 'c'",
        "expected",
        "line 1, column 9: expected an operator or the end, found `'c'`",
    ),
    (
        "a && b",
        "unknown-character",
        "line 1, column 3: `&` means nothing here; write `AND`",
    ),
    (
        "a || b",
        "unknown-character",
        "line 1, column 3: `|` means nothing here; write `OR`, or CONCAT(...) for strings",
    ),
    (
        "!a",
        "unknown-character",
        "line 1, column 1: `!` means nothing here; write `NOT`, or `!=` for \"is not\"",
    ),
    (
        "data.level > 1",
        "unknown-character",
        "line 1, column 5: `.` means nothing here; attributes have no parts, and the data of an event cannot be reached",
    ),
    (
        "a = \u{201C}b\u{201D}",
        "unknown-character",
        "line 1, column 5: `\u{201C}` means nothing here; strings are quoted in ' or \"",
    ),
    (
        "a\u{a0}= 1",
        "unknown-character",
        "line 1, column 2: `\\u{a0}` means nothing here",
    ),
    (
        "a;",
        "unknown-character",
        "line 1, column 2: `;` means nothing here; there is one expression, and nothing ends it",
    ),
    (
        "a = 1 'line\nfeed and more than the message repeats'",
        "expected",
        "line 1, column 7: expected an operator or the end, found `'line feed and more than…`",
    ),
];

#[test]
fn every_error_says_where_what_and_what_was_meant() {
    let wrong: Vec<_> = ERRORS
        .iter()
        .filter_map(|(source, name, message)| {
            let Err(error) = Expression::parse(source) else {
                return Some(format!("{source:?} parses"));
            };
            let found = (error.kind().name(), error.to_string());
            (found.0 != *name || found.1 != *message).then(|| format!("{source:?}: {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_place_is_underlined() {
    for (source, shown) in [
        ("type = 'ü' nad x", "type = 'ü' nad x\n           ^^^"),
        ("a =\n\tb c", " b c\n   ^"),
        ("a =", "a =\n   ^"),
        ("a = 'b\nc", "a = 'b\n    ^^"),
    ] {
        let error = Expression::parse(source).unwrap_err();
        assert_eq!(error.pointing(source).to_string(), shown, "{source}");
    }
}

/// What is nested in every way there is, `depth` deep.
fn nested(depth: usize) -> Vec<String> {
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    vec![
        around("(", "a", ")"),
        around("NOT ", "a", ""),
        around("- ", "a", ""),
        around("ABS(", "a", ")"),
        around("x IN (", "a", ")"),
        around("(x AND y = 1 + 2 * ", "a", ")"),
        around("", "a", " LIKE 'b'"),
        around("", "a", " NOT IN (b)"),
    ]
}

/// What [`Limits::DEPTH_CEILING`] promises to do with.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 1536 } else { 384 } * 1024;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test);
    thread.unwrap().join().unwrap();
}

fn unbounded() -> Parser {
    Parser::new().with_limits(Limits {
        expression_bytes_max: usize::MAX,
        depth_max: usize::MAX,
        list_items_max: usize::MAX,
    })
}

#[test]
fn depth_is_bounded_whatever_the_limits_say() {
    on_a_small_stack(|| {
        let max = Limits::DEPTH_CEILING;
        let sentence = format!("nested more than {max} deep");
        for deep in nested(max + 1).into_iter().chain(nested(100_000)) {
            let error = unbounded().parse(&deep).unwrap_err();
            assert_eq!(error.kind().name(), "too-deep", "{error}");
            assert!(error.to_string().ends_with(&sentence), "{error}");
        }
    });
}

#[test]
fn the_deepest_expressions_can_be_used_in_every_way() {
    on_a_small_stack(|| {
        let parser = unbounded();
        let parses = |shape: usize, depth: usize| parser.parse(nested(depth).get(shape)?).ok();
        for shape in 0..nested(1).len() {
            let mut depths = (1..=Limits::DEPTH_CEILING).rev();
            let expression = depths.find_map(|depth| parses(shape, depth)).unwrap();
            assert_eq!(parser.parse(&expression.to_string()).unwrap(), expression);
            let verdict = expression.verdict(&[("a", "1"), ("x", "1"), ("y", "1")]);
            assert!(!verdict.to_string().is_empty());
            assert!(expression.attributes().len() + expression.findings().len() > 0);
            assert_eq!(expression.clone(), expression);
        }
    });
}

#[test]
fn length_and_lists_are_bounded() {
    let limits = Limits::default();
    let items = |count: usize, separator: &str| vec!["a"; count].join(separator);
    let max = limits.list_items_max;
    for (fits, exceeds) in [
        (items(max, " OR "), items(max + 1, " OR ")),
        (items(max, "+"), items(max + 1, "+")),
        (
            format!("a IN ({})", items(max, ",")),
            format!("a IN ({})", items(max + 1, ",")),
        ),
        (
            format!("CONCAT({})", items(max, ",")),
            format!("CONCAT({})", items(max + 1, ",")),
        ),
    ] {
        assert!(Expression::parse(&fits).is_ok());
        let error = Expression::parse(&exceeds).unwrap_err();
        assert_eq!(error.kind().name(), "too-many", "{exceeds}");
        assert!(error.to_string().ends_with("more than 256 items in one list"));
    }
    let max = limits.expression_bytes_max;
    let text = |bytes: usize| format!("'{}'", "ü".repeat((bytes - 2) / 2));
    assert!(Expression::parse(&text(max)).is_ok());
    let error = Expression::parse(&text(max + 2)).unwrap_err();
    assert_eq!(error.kind().name(), "too-long");
    assert_eq!(
        error.to_string(),
        "line 1, column 2049: an expression has at most 4096 bytes"
    );
}
