//! The built-in functions (§3.5.1, §3.5.2, and the casts of §3.7 by name).

use std::borrow::Cow;

use crate::ast::Node;
use crate::attributes::Attributes;
use crate::error::Reason;
use crate::eval::{Evaluated, Failure, evaluate, integer, text};
use crate::functions::Arity;
use crate::limits::TEXT_BYTES_MAX;
use crate::value::{Type, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    Int,
    Bool,
    String,
    Length,
    Concat,
    ConcatWs,
    Lower,
    Upper,
    Trim,
    Left,
    Right,
    Substring,
    Abs,
}

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) builtin: Builtin,
    pub(crate) arity: Arity,
}

const fn entry(name: &'static str, builtin: Builtin, fixed: usize) -> Entry {
    Entry {
        name,
        builtin,
        arity: Arity {
            fixed,
            variadic: false,
        },
    }
}

const fn variadic(name: &'static str, builtin: Builtin, fixed: usize) -> Entry {
    Entry {
        name,
        builtin,
        arity: Arity {
            fixed,
            variadic: true,
        },
    }
}

pub(crate) const BUILTINS: [Entry; 14] = [
    entry("INT", Builtin::Int, 1),
    entry("BOOL", Builtin::Bool, 1),
    entry("STRING", Builtin::String, 1),
    entry("LENGTH", Builtin::Length, 1),
    variadic("CONCAT", Builtin::Concat, 0),
    variadic("CONCAT_WS", Builtin::ConcatWs, 1),
    entry("LOWER", Builtin::Lower, 1),
    entry("UPPER", Builtin::Upper, 1),
    entry("TRIM", Builtin::Trim, 1),
    entry("LEFT", Builtin::Left, 2),
    entry("RIGHT", Builtin::Right, 2),
    entry("SUBSTRING", Builtin::Substring, 2),
    entry("SUBSTRING", Builtin::Substring, 3),
    entry("ABS", Builtin::Abs, 1),
];

/// A call, as its function sees it. Its arguments are evaluated where they are needed, from left to right.
pub(crate) struct Call<'a, A: ?Sized> {
    pub(crate) node: &'a Node,
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [Node],
    pub(crate) event: &'a A,
    pub(crate) returns: Type,
}

impl Builtin {
    pub(crate) fn returns(self) -> Type {
        match self {
            Self::Int | Self::Length | Self::Abs => Type::Integer,
            Self::Bool => Type::Boolean,
            Self::String
            | Self::Concat
            | Self::ConcatWs
            | Self::Lower
            | Self::Upper
            | Self::Trim
            | Self::Left
            | Self::Right
            | Self::Substring => Type::String,
        }
    }

    pub(crate) fn call<'a, A: Attributes + ?Sized>(self, call: &Call<'a, A>) -> Evaluated<'a> {
        match self {
            Self::Int | Self::Bool | Self::String => {
                let value = call.value(0)?;
                let from = value.ty();
                let to = self.returns();
                value
                    .cast(to)
                    .ok_or_else(|| call.fails(Reason::Cast { from, to }))
            }
            Self::Length => {
                let value = call.value(0)?;
                let chars = value.with_text(|text| text.chars().count());
                Ok(Value::Integer(i32::try_from(chars).unwrap_or(i32::MAX)))
            }
            Self::Concat => call.joined("", 0),
            Self::ConcatWs => {
                let delimiter = call.text(0)?;
                call.joined(&delimiter, 1)
            }
            Self::Lower => call.bounded(call.text(0)?.to_lowercase()),
            Self::Upper => call.bounded(call.text(0)?.to_uppercase()),
            Self::Trim => Ok(part_of(call.text(0)?, str::trim)),
            Self::Left | Self::Right => call.end_of_text(self == Self::Left),
            Self::Substring => call.substring(),
            Self::Abs => {
                let number = call.integer(0)?;
                let failure = || call.fails_with(Reason::Overflow, i32::MAX);
                Ok(Value::Integer(number.checked_abs().ok_or_else(failure)?))
            }
        }
    }
}

impl<'a, A: Attributes + ?Sized> Call<'a, A> {
    fn argument(&self, at: usize) -> Result<&'a Node, Failure<'a>> {
        // Dispatch has counted the arguments.
        self.arguments
            .get(at)
            .ok_or_else(|| self.refuses("takes more arguments"))
    }

    fn value(&self, at: usize) -> Evaluated<'a> {
        evaluate(self.argument(at)?, self.event).map_err(|failure| failure.worth(self.returns))
    }

    fn text(&self, at: usize) -> Result<Cow<'a, str>, Failure<'a>> {
        text(self.argument(at)?, self.event).map_err(|failure| failure.worth(self.returns))
    }

    fn integer(&self, at: usize) -> Result<i32, Failure<'a>> {
        integer(self.argument(at)?, self.event).map_err(|failure| failure.worth(self.returns))
    }

    fn fails(&self, reason: Reason<'a>) -> Failure<'a> {
        Failure::new(self.node, reason).worth(self.returns)
    }

    fn fails_with(&self, reason: Reason<'a>, value: impl Into<Value<'a>>) -> Failure<'a> {
        Failure::new(self.node, reason).with(value.into())
    }

    fn refusal(&self, message: &'static str) -> Reason<'a> {
        Reason::Function {
            name: self.name,
            message: Cow::Borrowed(message),
        }
    }

    fn refuses(&self, message: &'static str) -> Failure<'a> {
        self.fails(self.refusal(message))
    }

    fn bounded(&self, text: String) -> Evaluated<'a> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(self.refuses("the text gets too long"));
        }
        Ok(text.into())
    }

    /// The arguments from place `from` on, with `delimiter` between them. One at a time, so that no more than the result and
    /// one argument is held.
    fn joined(&self, delimiter: &str, from: usize) -> Evaluated<'a> {
        let mut joined = String::new();
        for at in from..self.arguments.len() {
            if at > from {
                joined.push_str(delimiter);
            }
            self.value(at)?.with_text(|text| joined.push_str(text));
            if joined.len() > TEXT_BYTES_MAX {
                return Err(self.refuses("the text gets too long"));
            }
        }
        Ok(joined.into())
    }

    /// `LEFT` and `RIGHT`.
    fn end_of_text(&self, left: bool) -> Evaluated<'a> {
        let text = self.text(0)?;
        let Ok(count) = usize::try_from(self.integer(1)?) else {
            let refusal = self.refusal("the number of characters is negative");
            return Err(self.fails_with(refusal, text));
        };
        Ok(part_of(text, |text| {
            if left {
                text.get(..byte_at(text, count)).unwrap_or_default()
            } else {
                let skipped = text.chars().count().saturating_sub(count);
                text.get(byte_at(text, skipped)..).unwrap_or_default()
            }
        }))
    }

    /// Characters are counted from 1, or from the end by a negative position.
    fn substring(&self) -> Evaluated<'a> {
        let text = self.text(0)?;
        let position = i64::from(self.integer(1)?);
        let count = match self.arguments.len() {
            2 => usize::MAX,
            _ => usize::try_from(self.integer(2)?).map_err(|_| self.refuses("the length is negative"))?,
        };
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if position > length || position < -length {
            return Err(self.refuses("the position lies outside of the text"));
        }
        let skipped = match position {
            0 => return Ok(Value::from("")),
            1.. => position - 1,
            _ => length + position,
        };
        let skipped = usize::try_from(skipped).unwrap_or_default();
        Ok(part_of(text, |text| {
            let rest = text.get(byte_at(text, skipped)..).unwrap_or_default();
            rest.get(..byte_at(rest, count)).unwrap_or_default()
        }))
    }
}

/// Where the character after `chars` characters begins; the end where there are no more.
fn byte_at(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

/// A part of the text, borrowed where the text is.
fn part_of<'a>(text: Cow<'a, str>, part: impl Fn(&str) -> &str) -> Value<'a> {
    match text {
        Cow::Borrowed(text) => Value::from(part(text)),
        Cow::Owned(text) => Value::from(part(&text).to_owned()),
    }
}
