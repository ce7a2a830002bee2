//! # CloudEvents SQL
//!
//! The [expression language of CloudEvents][spec], version 1.0: predicates over the context attributes of an event,
//! made for filters of subscriptions.
//!
//! [spec]: https://github.com/cloudevents/spec/blob/main/cesql/spec.md
//!
//! ```
//! use cloudevents_sql::{Expression, Value};
//!
//! let filter = Expression::parse("type LIKE 'de.krefeld.%.outage.%' AND (severity >= 3 OR EXISTS evacuation)")?;
//!
//! let event = [
//!     ("id", Value::from("4711")),
//!     ("source", "urn:krefeld:ngn:leitwarte".into()),
//!     ("type", "de.krefeld.swk.outage.reported.v1".into()),
//!     ("severity", 4.into()),
//! ];
//! assert!(filter.matches(&event));
//! # Ok::<(), cloudevents_sql::ParseError>(())
//! ```
//!
//! # A tour
//!
//! **Parse once.** [`Expression::parse`] checks a text and compiles its patterns; a [`ParseError`] says where it went
//! wrong, what belongs there and what was probably meant. The author is somebody else, so length, depth and lists are
//! bounded ([`Limits`]), and no text can overflow the stack.
//!
//! **Lend the event.** The crate knows no event type. Implement [`Attributes`], one method that lends a value by name, for
//! yours. Maps, slices and arrays of pairs have it.
//!
//! **Evaluate.** [`Expression::matches`] is the filter: true where the value is the Boolean `true` and nothing failed.
//! [`Expression::evaluate`] gives value and error, [`Expression::verdict`] the reason for a person who asks why an
//! event did not come. Comparisons, `LIKE`, `IN`, `EXISTS`, logic and arithmetic allocate nothing, whether they
//! succeed or fail, nor do functions that return a part of an attribute (`LEFT`, `RIGHT`, `SUBSTRING`, `TRIM`).
//!
//! **Check first.** [`Expression::attributes`] lists what it refers to, so that a misspelt attribute is refused when the
//! filter is made and not silently never there. [`Expression::findings`] tells what always fails, and what binds
//! otherwise than it looks.
//!
//! **Index many.** [`Expression::necessary`] tells what is true of every event that passes, so that whoever keeps thousands
//! of filters looks only at those an event can pass.
//!
//! **Extend.** [`Functions::register`] adds functions of your own to a [`Parser`].
//!
//! # Semantics
//!
//! The specification leaves some things open. This is how they are here:
//!
//! * Errors: fail-fast (§4.1). Evaluation ends at the first error, and its value is the zero value of the expression's
//!   type, but where the specification names another (`ABS`, `LEFT`, `RIGHT`, and the user's functions).
//! * `AND`, `OR` and `XOR` bind alike and go from left to right, as §3.6 says. The published ANTLR grammar has them
//!   from right to left, and SQL binds `AND` tighter. An expression that depends on it has a
//!   [`FindingKind::MixedLogic`]; parentheses make it portable.
//! * `NOT` of an Integer is a cast error and worth `true`, as the test kit has it (`NOT 10`), though the table in §3.7
//!   has a cast from Integer to Boolean, which everything else uses. `NOT BOOL(x)` says the same without the error.
//! * Arithmetic that leaves 32 bits is a Math error and worth `0`.
//! * `IN` looks at its elements from left to right until one is equal; an error after that is not found.
//! * In a string a `\` is an escape before the string's own quote only; in a pattern also before `%` and `_`.
//! * Attribute names may be written in any case of letters and are looked up in lower case (the test kit has
//!   `EXISTS SOURCE`).
//! * A sign directly before digits is the literal's where a value begins, and an operator after a value: `4 -1` is `3`.
//! * A function's text longer than [`TEXT_BYTES_MAX`] is a FunctionEvaluation error.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod ast;
mod attributes;
mod builtins;
mod display;
mod error;
mod eval;
mod expression;
mod findings;
mod functions;
mod lexer;
mod like;
mod limits;
mod necessary;
mod parse_error;
mod parser;
mod span;
mod value;
mod verdict;

pub use attributes::{Attributes, REQUIRED_ATTRIBUTES};
pub use error::{Error, ErrorKind, Reason};
pub use expression::{AttributeRef, Expression, Parser};
pub use findings::{Finding, FindingKind};
pub use functions::{Function, FunctionError, Functions, RegisterError};
pub use limits::{Limits, TEXT_BYTES_MAX};
pub use necessary::Necessary;
pub use parse_error::{ParseError, ParseErrorKind};
pub use span::Span;
pub use value::{Type, Value};
pub use verdict::{Cause, Evaluation, Part, Verdict};

/// The examples of the README are run, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
