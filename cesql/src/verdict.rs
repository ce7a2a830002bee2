//! What a filter says of an event, and why.

use std::fmt;

use crate::ast::{Kind, Node, Operator};
use crate::attributes::Attributes;
use crate::error::Error;
use crate::eval::evaluate;
use crate::span::Span;
use crate::value::Value;

/// The outcome of an expression: always a value, and an error where there was one (§3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation<'a> {
    /// What the expression is worth; after an error mostly the zero value of its type.
    pub value: Value<'a>,
    /// The first error, after which evaluation ended.
    pub error: Option<Error<'a>>,
}

/// A part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// As it was written.
    pub text: &'a str,
    /// Where it was written.
    pub span: Span,
}

/// The smallest part of an expression that decides what the whole is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// Of `a AND b` the one that is false, of `NOT a` the `a`, and so on inwards.
    pub part: Part<'a>,
    /// What it is for this event.
    pub truth: bool,
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}", self.part.text, self.truth)
    }
}

/// What a filter says of one event. Only [`Verdict::Matched`] lets it pass (SUB-5).
///
/// `Display` is one sentence for a person. It may repeat a value of the event in the case of
/// [`Verdict::NotBoolean`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// `true`, without an error.
    Matched {
        /// What decided it.
        because: Cause<'a>,
    },
    /// `false`, without an error.
    Unmatched {
        /// What decided it.
        because: Cause<'a>,
    },
    /// No error, but not a Boolean.
    NotBoolean {
        /// What it is instead.
        value: Value<'a>,
    },
    /// An error, whatever the value.
    Failed {
        /// What the expression is worth nevertheless.
        value: Value<'a>,
        /// What went wrong.
        error: Error<'a>,
        /// The part that failed.
        at: Part<'a>,
    },
}

impl Verdict<'_> {
    /// Whether the event passes.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Matched { .. })
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched { because } => write!(f, "passes: {because}"),
            Self::Unmatched { because } => write!(f, "does not pass: {because}"),
            Self::NotBoolean { value } => write!(
                f,
                "does not pass: the expression is the {} `{value}`, not a Boolean",
                value.ty()
            ),
            Self::Failed { error, at, .. } => write!(f, "does not pass: `{}`: {error}", at.text),
        }
    }
}

/// The smallest part of `node` that decides its value, which is `truth`, without an error; and what that part is.
pub(crate) fn deciding<'a, A: Attributes + ?Sized>(
    node: &'a Node,
    truth: bool,
    event: &'a A,
) -> (&'a Node, bool) {
    match &node.kind {
        Kind::Not(operand) => deciding(operand, !truth, event),
        Kind::Chain { first, rest, .. } => {
            let decides = if truth { Operator::Or } else { Operator::And };
            if rest.iter().any(|(operator, _)| *operator != decides) {
                return (node, truth);
            }
            let mut operands = std::iter::once(&**first).chain(rest.iter().map(|(_, node)| node));
            let decider = operands
                .find(|node| evaluate(node, event).is_ok_and(|value| value.to_boolean() == Some(truth)));
            decider.map_or((node, truth), |node| deciding(node, truth, event))
        }
        _ => (node, truth),
    }
}
