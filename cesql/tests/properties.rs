//! What must hold for every expression and every text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use cloudevents_sql::{Attributes, Expression, Necessary, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn event() -> impl Strategy<Value = Vec<(&'static str, Value<'static>)>> {
    let value = prop_oneof![
        select(vec![
            "",
            "1",
            "-5",
            "true",
            "FALSE",
            "abc",
            "aübc",
            "a%b",
            "2147483648"
        ])
        .prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-3..4_i32).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    vec((select(vec!["id", "type", "a", "b2", "c"]), value), 0..6)
}

fn text_literal() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a", "ü", "%", "_", r"\%", r"\_", r"\\", r"\x", "1", "-", " ", "true", "(", "AND",
    ]);
    let inner = vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    (inner, any::<bool>(), any::<bool>()).prop_map(|(inner, double, escaped)| {
        let (quote, other) = if double { ('"', '\'') } else { ('\'', '"') };
        let tail = if escaped {
            format!("\\{quote}{other}")
        } else {
            String::new()
        };
        format!("{quote}{inner}{tail}{quote}")
    })
}

/// Source texts, with needless parentheses and white space and letters of either case.
fn source() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        (0..20_i32).prop_map(|number| format!("+{number}")),
        select(vec![
            "TRUE",
            "false",
            "A",
            "b2",
            "c",
            "type",
            "ID",
            "missing",
            "EXISTS a",
            "exists NOPE",
            "CONCAT()"
        ])
        .prop_map(str::to_owned),
        text_literal(),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let operators = vec![
            " AND ", " or ", " XOR ", "=", " != ", "<>", "<", " <= ", ">", ">=", " + ", " - ", "*", "/", " % ",
        ];
        let functions = vec!["LENGTH", "CONCAT", "concat_ws", "LEFT", "SUBSTRING", "INT", "BOOL", "UPPER", "NOSUCH"];
        prop_oneof![
            4 => vec((inner.clone(), select(operators)), 2..4).prop_map(|operands| {
                let mut text: String = operands.iter().map(|(operand, operator)| format!("{operand}{operator}")).collect();
                let last = operands.last().unwrap().1.len();
                text.truncate(text.len() - last);
                text
            }),
            2 => inner.clone().prop_map(|inner| format!("({inner})")),
            1 => inner.clone().prop_map(|inner| format!("NOT {inner}")),
            1 => inner.clone().prop_map(|inner| format!("- {inner}")),
            1 => inner.clone().prop_map(|inner| format!("-{inner}")),
            1 => (inner.clone(), text_literal(), any::<bool>())
                .prop_map(|(inner, pattern, not)| format!("{inner}{} LIKE {pattern}", if not { " NOT" } else { "" })),
            1 => (inner.clone(), vec(inner.clone(), 1..4), any::<bool>())
                .prop_map(|(inner, set, not)| format!("{inner}{} IN ({})", if not { " not" } else { "" }, set.join(","))),
            1 => (select(functions), vec(inner, 0..4)).prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
        ]
    })
}

/// Filters of the kind an index can use, over the attributes of [`event`].
fn indexed() -> impl Strategy<Value = String> {
    let name = select(vec!["id", "type", "a", "b2", "c"]);
    let literal = select(vec![
        "'1'", "'-5'", "'true'", "'FALSE'", "'abc'", "'+1'", "1", "-2", "true", "false", "'01'",
    ]);
    let operator = select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let pattern = select(vec![
        "'abc'", "'a%'", "'%c'", "'a%c'", "'_b%'", "'%'", "'a\\%b'", "'1'", "'t%e'",
    ]);
    let leaf = prop_oneof![
        (name.clone(), operator.clone(), literal.clone()).prop_map(|(n, o, l)| format!("{n} {o} {l}")),
        (name.clone(), operator, literal.clone()).prop_map(|(n, o, l)| format!("{l} {o} {n}")),
        (name.clone(), vec(literal, 1..3)).prop_map(|(n, l)| format!("{n} IN ({})", l.join(", "))),
        (name.clone(), pattern).prop_map(|(n, p)| format!("{n} LIKE {p}")),
        name.prop_map(|n| format!("EXISTS {n}")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let operators = select(vec![" AND ", " OR ", " XOR "]);
        prop_oneof![
            3 => (inner.clone(), operators.clone(), inner.clone(), operators, inner.clone())
                .prop_map(|(a, o, b, p, c)| format!("({a}){o}({b}){p}({c})")),
            1 => inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

/// What the index claims, looked up by hand.
fn is_true(necessary: &Necessary<'_>, event: &[(&'static str, Value<'static>)]) -> bool {
    let text = |name: &str| Attributes::get(event, name).map(|value| value.to_string());
    match necessary {
        Necessary::All(list) => list.iter().all(|one| is_true(one, event)),
        Necessary::Any(list) => list.iter().any(|one| is_true(one, event)),
        Necessary::Equals { attribute, text: is } => text(attribute).is_some_and(|text| text == **is),
        Necessary::StartsWith { attribute, text: is } => {
            !is.is_empty() && text(attribute).is_some_and(|text| text.starts_with(*is))
        }
        Necessary::EndsWith { attribute, text: is } => {
            !is.is_empty() && text(attribute).is_some_and(|text| text.ends_with(*is))
        }
        Necessary::Between {
            attribute,
            least,
            most,
        } => Attributes::get(event, attribute)
            .and_then(|value| value.to_integer())
            .is_some_and(|number| (*least..=*most).contains(&i64::from(number))),
        _ => true,
    }
}

#[test]
fn what_is_necessary_is_found_where_it_can_be() {
    for (source, expected) in [
        ("a = 'x'", "Equals a x"),
        ("a LIKE 'x'", "Equals a x"),
        ("a LIKE 'x%'", "StartsWith a x"),
        ("a LIKE '%x'", "EndsWith a x"),
        ("a >= 3", "Between a 3"),
        ("3 < a", "Between a 4"),
        ("a = 3", "Between a 3"),
        ("'x' = a", "Unknown"),
        ("a != 'x'", "Unknown"),
        ("a NOT IN ('x')", "Unknown"),
        ("NOT (a = 'x')", "Unknown"),
        ("a = 'x' XOR b2 = 'y'", "Unknown"),
    ] {
        let expression = Expression::parse(source).unwrap();
        let found = match expression.necessary() {
            Necessary::Equals { attribute, text } => format!("Equals {attribute} {text}"),
            Necessary::All(list) if list.len() == 1 => match &list[0] {
                Necessary::StartsWith { attribute, text } => format!("StartsWith {attribute} {text}"),
                Necessary::EndsWith { attribute, text } => format!("EndsWith {attribute} {text}"),
                other => format!("{other:?}"),
            },
            Necessary::Between { attribute, least, .. } => format!("Between {attribute} {least}"),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// An index may look at too many expressions, never at too few.
    #[test]
    fn what_passes_has_what_is_necessary(sources in (source(), vec(indexed(), 8)), event in event()) {
        for source in std::iter::once(&sources.0).chain(&sources.1) {
            let expression = Expression::parse(source).unwrap();
            if expression.matches(&event[..]) {
                prop_assert!(is_true(&expression.necessary(), &event), "{} {:?}", source, expression.necessary());
            }
        }
    }

    /// Printing loses nothing, and prints what was printed once more the same.
    #[test]
    fn the_normal_form_is_the_same_expression(source in source(), event in event()) {
        let expression = Expression::parse(&source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let normal = expression.to_string();
        let again = Expression::parse(&normal).unwrap_or_else(|error| panic!("{normal}: {error}"));
        prop_assert_eq!(&again, &expression, "{} / {}", source, normal);
        prop_assert_eq!(again.to_string(), &*normal);
        let (first, second) = (expression.evaluate(&event[..]), again.evaluate(&event[..]));
        prop_assert_eq!(&first.value, &second.value, "{}", normal);
        prop_assert_eq!(
            first.error.as_ref().map(|error| error.kind()),
            second.error.as_ref().map(|error| error.kind())
        );
    }

    /// A value has the type that was promised; a filter passes for `true` alone (SUB-5); the explanation agrees.
    #[test]
    fn evaluation_keeps_its_promises(source in source(), event in event()) {
        let expression = Expression::parse(&source).unwrap();
        let evaluation = expression.evaluate(&event[..]);
        if let Some(ty) = expression.static_type() {
            prop_assert_eq!(evaluation.value.ty(), ty);
        }
        let passes = evaluation.error.is_none() && evaluation.value == Value::Boolean(true);
        prop_assert_eq!(expression.matches(&event[..]), passes);
        prop_assert_eq!(expression.verdict(&event[..]).passes(), passes);
        if let Some(error) = &evaluation.error {
            prop_assert!(!error.span().of(&source).is_empty());
        }
        for attribute in expression.attributes() {
            prop_assert!(attribute.span.of(&source).eq_ignore_ascii_case(attribute.name));
        }
    }

    /// An event without the listed attributes is all an expression needs to know: it asks for no others.
    #[test]
    fn no_attribute_is_asked_for_that_is_not_listed(source in source(), event in event()) {
        struct Watched<'e>(&'e [(&'static str, Value<'static>)], Vec<String>);
        impl Attributes for Watched<'_> {
            fn get(&self, name: &str) -> Option<Value<'_>> {
                assert!(self.1.iter().any(|listed| listed == name), "{name} is not listed");
                Attributes::get(self.0, name)
            }
        }
        let expression = Expression::parse(&source).unwrap();
        let listed = expression.attributes().iter().map(|attribute| attribute.name.to_owned()).collect();
        let watched = Watched(&event, listed);
        prop_assert_eq!(expression.evaluate(&watched).value, expression.evaluate(&event[..]).value);
    }

    /// Whatever the text, it parses or is refused with a place that lies in it.
    #[test]
    fn any_text_is_an_expression_or_an_error(
        pieces in vec(prop_oneof![
            select(vec![
                "(", ")", ",", "NOT", " AND ", "LIKE", "IN", "EXISTS", "'", "\"", "\\", "a", "1", "-", "+", "=", "<", ">",
                "!", "ABS(", " ", "\n", "_", ".", "ü",
            ]).prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ], 0..24)
    ) {
        let source = pieces.concat();
        if let Err(error) = Expression::parse(&source) {
            let span = error.span();
            prop_assert!(source.get(span.start..span.end).is_some(), "{:?}", span);
            prop_assert_eq!(error.pointing(&source).to_string().lines().count(), 2, "{}", error);
        }
    }
}
