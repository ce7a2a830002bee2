//! What parses can be evaluated, explained and printed, and its normal form is the same expression.
//!
//! The input is the expression, a line feed, and the text from which attributes get their values.
#![no_main]

use cloudevents_sql::{Attributes, Expression, Value};
use libfuzzer_sys::fuzz_target;

/// Every name has a value; its first letter says of what type.
struct Event<'t>(&'t str);

impl Attributes for Event<'_> {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        let number = self
            .0
            .bytes()
            .take(4)
            .fold(0_i32, |number, byte| number << 8 | i32::from(byte));
        match name.as_bytes().first()? {
            b'm' => None,
            b'i' => Some(number.into()),
            b'b' => Some((number % 2 == 0).into()),
            b't' => Some(self.0.split(',').next_back()?.into()),
            _ => Some(self.0.into()),
        }
    }
}

fuzz_target!(|input: &str| {
    let (source, text) = input.rsplit_once('\n').unwrap_or((input, "5"));
    let Ok(expression) = Expression::parse(source) else {
        return;
    };
    let event = Event(text);
    let evaluation = expression.evaluate(&event);
    let verdict = expression.verdict(&event);
    assert_eq!(verdict.passes(), expression.matches(&event));
    assert!(!verdict.to_string().is_empty());
    if let Some(error) = &evaluation.error {
        assert!(!error.span().of(source).is_empty(), "{error:?}");
    } else if let Some(ty) = expression.static_type() {
        assert_eq!(evaluation.value.ty(), ty);
    }
    for attribute in expression.attributes() {
        assert!(attribute.span.of(source).eq_ignore_ascii_case(attribute.name));
    }
    for finding in expression.findings() {
        assert!(!finding.span.of(source).is_empty());
    }
    let normal = expression.to_string();
    let again = match Expression::parse(&normal) {
        Ok(again) => again,
        // Operators spelled out with blanks may make it longer than an expression may be.
        Err(error) if error.kind().name() == "too-long" => return,
        Err(error) => panic!("{normal}: {error}"),
    };
    assert_eq!(again, expression, "{normal}");
    assert_eq!(again.to_string(), normal);
    let second = again.evaluate(&event);
    assert_eq!(second.value, evaluation.value, "{normal}");
    let kind =
        |evaluation: &cloudevents_sql::Evaluation<'_>| evaluation.error.as_ref().map(|error| error.kind());
    assert_eq!(kind(&second), kind(&evaluation), "{normal}");
});
