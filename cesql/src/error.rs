//! What can go wrong while an expression is evaluated (§3.3).

use std::borrow::Cow;
use std::fmt;

use crate::span::Span;
use crate::value::Type;

/// The error types of the specification (§3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The text is no expression. Always a [`ParseError`](crate::ParseError), never an [`Error`].
    Parse,
    /// Division by zero, or a result that does not fit into 32 bits.
    Math,
    /// A value that cannot be cast to the type an operator or function needs.
    Cast,
    /// An attribute the event does not have.
    MissingAttribute,
    /// A function that is not registered under this name with this number of arguments.
    MissingFunction,
    /// A function that refused its arguments.
    FunctionEvaluation,
    /// Anything else. Nothing in this crate raises it.
    Generic,
}

impl ErrorKind {
    /// A stable name: `parse`, `math`, `cast`, `missingAttribute`, `missingFunction`, `functionEvaluation`, `generic`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Math => "math",
            Self::Cast => "cast",
            Self::MissingAttribute => "missingAttribute",
            Self::MissingFunction => "missingFunction",
            Self::FunctionEvaluation => "functionEvaluation",
            Self::Generic => "generic",
        }
    }
}

/// Why an evaluation failed, in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason<'a> {
    /// The event has no attribute of this name.
    MissingAttribute(&'a str),
    /// A value of type `from` is not one of type `to`.
    Cast {
        /// The type it has.
        from: Type,
        /// The type it was to have.
        to: Type,
    },
    /// `x / 0` or `x % 0`.
    DivisionByZero,
    /// The result of an operator or of `ABS` does not fit into 32 bits.
    Overflow,
    /// No function of this name takes so many arguments.
    MissingFunction {
        /// As called, in upper case.
        name: &'a str,
        /// How many arguments the call has.
        arguments: usize,
    },
    /// A function refused its arguments.
    Function {
        /// In upper case.
        name: &'a str,
        /// The function's own sentence.
        message: Cow<'static, str>,
    },
}

/// A failed evaluation: what happened, and where in the expression.
///
/// Borrows from the expression and names no value of the event, so it may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error<'a> {
    pub(crate) reason: Reason<'a>,
    pub(crate) span: Span,
}

impl<'a> Error<'a> {
    /// The error type of the specification.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.reason {
            Reason::MissingAttribute(_) => ErrorKind::MissingAttribute,
            Reason::Cast { .. } => ErrorKind::Cast,
            Reason::DivisionByZero | Reason::Overflow => ErrorKind::Math,
            Reason::MissingFunction { .. } => ErrorKind::MissingFunction,
            Reason::Function { .. } => ErrorKind::FunctionEvaluation,
        }
    }

    /// What happened, for a program.
    #[must_use]
    pub fn reason(&self) -> &Reason<'a> {
        &self.reason
    }

    /// The subexpression that failed.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Display for Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::MissingAttribute(name) => write!(f, "the event has no attribute `{name}`"),
            Reason::Cast { from, to } => {
                let article = if *from == Type::Integer { "an" } else { "a" };
                let to_article = if *to == Type::Integer { "an" } else { "a" };
                write!(f, "{article} {from} that cannot be read as {to_article} {to}")
            }
            Reason::DivisionByZero => f.write_str("division by zero"),
            Reason::Overflow => f.write_str("the result does not fit into 32 bits"),
            Reason::MissingFunction { name, arguments } => {
                let plural = if *arguments == 1 { "" } else { "s" };
                write!(f, "there is no function {name} with {arguments} argument{plural}")
            }
            Reason::Function { name, message } => write!(f, "{name}: {message}"),
        }
    }
}

impl std::error::Error for Error<'_> {}
