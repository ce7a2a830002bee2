//! JSON values without parts, compared by what they mean.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

/// A text, a number, `true`, `false` or `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// Whole numbers of 64 bits exactly, all others as the nearest 64-bit floating-point number.
    Number(Number),
    /// Compared code point by code point.
    Text(Box<str>),
}

impl Scalar {
    /// None for lists and objects.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Boolean(*truth),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// Whether `value` is the same; numbers are the same whatever their spelling (`1`, `1.0`, `1e0`).
    #[must_use]
    pub fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Boolean(one), Value::Bool(other)) => one == other,
            (Self::Text(one), Value::String(other)) => **one == **other,
            (Self::Number(one), Value::Number(other)) => compare(one, other) == Ordering::Equal,
            _ => false,
        }
    }

    /// How `value` stands to this; none where they are not both texts or both numbers.
    #[must_use]
    pub fn order(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Text(one), Value::String(other)) => Some((**other).cmp(&**one)),
            (Self::Number(one), Value::Number(other)) => Some(compare(other, one)),
            _ => None,
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// A number's value: equal for equal numbers, however they are spelled. So it can be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKey {
    /// A whole number.
    Whole(i128),
    /// The bits of any other.
    Other(u64),
}

/// Whole numbers beyond this are kept as bits.
const WHOLE_MAX: f64 = 1e30;

impl NumberKey {
    /// The key of a JSON number.
    #[must_use]
    pub fn of(number: &Number) -> Self {
        if let Some(whole) = whole(number) {
            return Self::Whole(whole);
        }
        let float = float(number);
        if float.fract() == 0.0 && float.abs() < WHOLE_MAX {
            // Exact: the float is whole and within 128 bits.
            return Self::Whole(float as i128);
        }
        Self::Other(float.to_bits())
    }
}

fn whole(number: &Number) -> Option<i128> {
    let unsigned = number.as_u64().map(i128::from);
    unsigned.or_else(|| number.as_i64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::MAX)
}

fn compare(one: &Number, other: &Number) -> Ordering {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(one), None) => against_float(one, float(other)),
        (None, Some(other)) => against_float(other, float(one)).reverse(),
        (None, None) => float(one).partial_cmp(&float(other)).unwrap_or(Ordering::Equal),
    }
}

/// `whole` has 64 bits, so what is beyond 1e30 is beyond it, too.
fn against_float(whole: i128, float: f64) -> Ordering {
    if float >= WHOLE_MAX {
        return Ordering::Less;
    }
    if float <= -WHOLE_MAX {
        return Ordering::Greater;
    }
    let cut = float.trunc();
    let rest = 0.0_f64.partial_cmp(&(float - cut)).unwrap_or(Ordering::Equal);
    whole.cmp(&(cut as i128)).then(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_exactly() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("9223372036854775806", "9223372036854775807"),
            ("18446744073709551614", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775807"),
            ("9007199254740992.0", "9007199254740993"),
            ("1", "1.0000000000000002"),
            ("-1.5", "-1"),
            ("-1", "-0.5"),
            ("18446744073709551615", "1e300"),
            ("-1e300", "-9223372036854775808"),
            ("0", "5e-324"),
        ] {
            assert_eq!(
                compare(&number(less), &number(more)),
                Ordering::Less,
                "{less} {more}"
            );
            assert_eq!(
                compare(&number(more), &number(less)),
                Ordering::Greater,
                "{less} {more}"
            );
            assert_ne!(NumberKey::of(&number(less)), NumberKey::of(&number(more)));
        }
        for (one, other) in [("1", "1.0"), ("0", "-0.0"), ("100", "1e2"), ("1e300", "1.0e300")] {
            assert_eq!(compare(&number(one), &number(other)), Ordering::Equal);
            assert_eq!(NumberKey::of(&number(one)), NumberKey::of(&number(other)));
        }
    }

    proptest! {
        #[test]
        fn keys_are_equal_when_numbers_are(
            one in prop_oneof![any::<i64>().prop_map(Number::from), (-3..3_i64).prop_map(Number::from),
                any::<f64>().prop_filter_map("finite", Number::from_f64)],
            other in prop_oneof![any::<u64>().prop_map(Number::from), (-3..3_i32).prop_filter_map("finite", |n| Number::from_f64(f64::from(n))),
                any::<f64>().prop_filter_map("finite", Number::from_f64)],
        ) {
            let equal = compare(&one, &other) == Ordering::Equal;
            prop_assert_eq!(NumberKey::of(&one) == NumberKey::of(&other), equal);
            prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
            prop_assert_eq!(compare(&one, &one), Ordering::Equal);
        }
    }
}
