//! The three types of the language, and the casts between them (§3.1, §3.7).

use std::borrow::Cow;
use std::fmt;

/// A type of the language (§3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A sequence of Unicode characters. URIs, URI-references, timestamps and binaries are strings, too.
    String,
    /// 32 bits, signed.
    Integer,
    /// `true` or `false`.
    Boolean,
}

impl Type {
    /// `""`, `0` or `false`: what a subexpression is worth when it fails (§3.1).
    #[must_use]
    pub fn zero(self) -> Value<'static> {
        match self {
            Self::String => Value::String(Cow::Borrowed("")),
            Self::Integer => Value::Integer(0),
            Self::Boolean => Value::Boolean(false),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "String",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
        })
    }
}

/// A value: of an attribute, of a literal, of an expression. Strings are borrowed where they can be.
///
/// `Display` writes what a cast to String gives, so strings without quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// Also the canonical string form of everything that is neither Integer nor Boolean (§3.2).
    String(Cow<'a, str>),
    /// 32 bits, signed.
    Integer(i32),
    /// `true` or `false`.
    Boolean(bool),
}

impl<'a> Value<'a> {
    /// Its type.
    #[must_use]
    pub fn ty(&self) -> Type {
        match self {
            Self::String(_) => Type::String,
            Self::Integer(_) => Type::Integer,
            Self::Boolean(_) => Type::Boolean,
        }
    }

    /// The cast to Integer (§3.7): none where a string is no decimal number of 32 bits, with or without a sign.
    #[must_use]
    pub fn to_integer(&self) -> Option<i32> {
        match self {
            Self::String(text) => text.parse().ok(),
            Self::Integer(number) => Some(*number),
            Self::Boolean(truth) => Some(i32::from(*truth)),
        }
    }

    /// The cast to Boolean (§3.7): none where a string is neither `true` nor `false` in any case of letters.
    #[must_use]
    pub fn to_boolean(&self) -> Option<bool> {
        match self {
            Self::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::String(_) => None,
            Self::Integer(number) => Some(*number != 0),
            Self::Boolean(truth) => Some(*truth),
        }
    }

    /// The cast to String (§3.7), which always succeeds. Allocates for integers only.
    #[must_use]
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::String(text) => text,
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(truth) => Cow::Borrowed(word(truth)),
        }
    }

    /// The cast to `ty` (§3.7); none where it fails.
    #[must_use]
    pub fn cast(self, ty: Type) -> Option<Self> {
        Some(match ty {
            Type::String => Self::String(self.into_text()),
            Type::Integer => Self::Integer(self.to_integer()?),
            Type::Boolean => Self::Boolean(self.to_boolean()?),
        })
    }

    /// The same value, borrowed from this one.
    #[must_use]
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Self::String(text) => Value::String(Cow::Borrowed(text)),
            Self::Integer(number) => Value::Integer(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
        }
    }

    /// The same value, holding what it borrowed.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Integer(number) => Value::Integer(number),
            Self::Boolean(truth) => Value::Boolean(truth),
        }
    }

    /// Lends the cast to String without allocating, whatever the type.
    pub(crate) fn with_text<R>(&self, use_text: impl FnOnce(&str) -> R) -> R {
        match self {
            Self::String(text) => use_text(text),
            Self::Integer(number) => use_text(Decimal::of(*number).as_str()),
            Self::Boolean(truth) => use_text(word(*truth)),
        }
    }

    /// Whether this, cast to the type of `other`, equals `other`; none where the cast fails.
    pub(crate) fn equals_cast(&self, other: &Value<'_>) -> Option<bool> {
        match other {
            Value::String(other) => Some(self.with_text(|text| text == other)),
            Value::Integer(other) => Some(self.to_integer()? == *other),
            Value::Boolean(other) => Some(self.to_boolean()? == *other),
        }
    }
}

fn word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::String(text)
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

const DECIMAL_BYTES: usize = "-2147483648".len();

/// An integer in base 10, on the stack.
struct Decimal {
    bytes: [u8; DECIMAL_BYTES],
    start: usize,
}

impl Decimal {
    fn of(number: i32) -> Self {
        let mut decimal = Self {
            bytes: [b'0'; DECIMAL_BYTES],
            start: DECIMAL_BYTES - 1,
        };
        let mut rest = number.unsigned_abs();
        let mut places = decimal.bytes.iter_mut().enumerate().rev();
        for (at, place) in places.by_ref() {
            // A remainder by ten fits in a byte.
            *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            decimal.start = at;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if let Some((at, place)) = places.next().filter(|_| number < 0) {
            *place = b'-';
            decimal.start = at;
        }
        decimal
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_what_the_standard_library_writes() {
        for number in [0, 1, 9, 10, -1, -10, 99_999, i32::MAX, i32::MIN, -2_147_483_647] {
            assert_eq!(Decimal::of(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn casts_of_the_table_in_3_7() {
        let text = |text| Value::from(text);
        for (value, integer, boolean) in [
            (text("42"), Some(42), None),
            (text("+42"), Some(42), None),
            (text("-2147483648"), Some(i32::MIN), None),
            (text("2147483648"), None, None),
            (text(" 1"), None, None),
            (text(""), None, None),
            (text("-"), None, None),
            (text("１"), None, None),
            (text("tRuE"), None, Some(true)),
            (text("FALSE"), None, Some(false)),
            (text("true "), None, None),
            (Value::Integer(-7), Some(-7), Some(true)),
            (Value::Integer(0), Some(0), Some(false)),
            (Value::Boolean(true), Some(1), Some(true)),
            (Value::Boolean(false), Some(0), Some(false)),
        ] {
            assert_eq!(value.to_integer(), integer, "{value:?}");
            assert_eq!(value.to_boolean(), boolean, "{value:?}");
            assert_eq!(value.clone().into_text(), value.to_string());
        }
    }
}
