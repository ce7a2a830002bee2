//! Why a text is no expression.

use std::borrow::Cow;
use std::fmt;

use crate::span::Span;

/// Longest part of the source that a message repeats, in characters.
const QUOTED_CHARS_MAX: usize = 24;

/// What is wrong, for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The source has more bytes than [`Limits::expression_bytes_max`](crate::Limits::expression_bytes_max).
    TooLong {
        /// The bound.
        max: usize,
    },
    /// Something stands deeper than [`Limits::depth_max`](crate::Limits::depth_max).
    TooDeep {
        /// The bound.
        max: usize,
    },
    /// More items than [`Limits::list_items_max`](crate::Limits::list_items_max) in a set, a call or a chain.
    TooMany {
        /// The bound.
        max: usize,
    },
    /// A character that begins nothing.
    UnknownCharacter(char),
    /// A string that is not closed.
    UnterminatedString,
    /// An integer literal that does not fit into 32 bits.
    IntegerRange,
    /// A word that cannot be the name of an attribute: letters `a-z` and digits only.
    AttributeName,
    /// A word that cannot be the name of a function: letters and `_`, beginning with a letter.
    FunctionName,
    /// Something else is needed here.
    Expected(&'static str),
}

impl ParseErrorKind {
    /// A stable name, such as `too-long`, `expected` or `attribute-name`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::TooDeep { .. } => "too-deep",
            Self::TooMany { .. } => "too-many",
            Self::UnknownCharacter(_) => "unknown-character",
            Self::UnterminatedString => "unterminated-string",
            Self::IntegerRange => "integer-range",
            Self::AttributeName => "attribute-name",
            Self::FunctionName => "function-name",
            Self::Expected(_) => "expected",
        }
    }
}

/// A text that is no expression: what is wrong, where, and what was probably meant.
///
/// `Display` is one line. [`ParseError::pointing`] shows the place.
///
/// ```
/// let source = "type LKE 'de.%'";
/// let error = cloudevents_sql::Expression::parse(source).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 1, column 6: expected an operator or the end, found `LKE`; did you mean `LIKE`?"
/// );
/// assert_eq!(error.pointing(source).to_string(), "type LKE 'de.%'\n     ^^^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(Box<Inner>);

/// Boxed: the parser recurses, and every result on its stack has room for an error.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: ParseErrorKind,
    span: Span,
    line: usize,
    column: usize,
    found: Box<str>,
    hint: Option<Cow<'static, str>>,
}

impl ParseError {
    pub(crate) fn new(source: &str, span: Span, kind: ParseErrorKind) -> Self {
        let (line, column) = span.line_and_column(source);
        Self(Box::new(Inner {
            kind,
            span,
            line,
            column,
            found: shortened(span.of(source)).into(),
            hint: None,
        }))
    }

    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What is wrong, for a program.
    #[must_use]
    pub fn kind(&self) -> &ParseErrorKind {
        &self.0.kind
    }

    /// The place.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// The line of `source` it is in with the place underlined, two lines. `source` is what was parsed.
    pub fn pointing<'s>(&'s self, source: &'s str) -> impl fmt::Display + 's {
        Pointing { error: self, source }
    }
}

/// What can be shown of `text` on one line.
fn shortened(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.0.line, self.0.column)?;
        let found = &self.0.found;
        match &self.0.kind {
            ParseErrorKind::TooLong { max } => write!(f, "an expression has at most {max} bytes")?,
            ParseErrorKind::TooDeep { max } => write!(f, "nested more than {max} deep")?,
            ParseErrorKind::TooMany { max } => write!(f, "more than {max} items in one list")?,
            ParseErrorKind::UnknownCharacter(c) => {
                write!(f, "`{}` means nothing here", c.escape_debug())?;
            }
            ParseErrorKind::UnterminatedString => f.write_str("this string is not closed")?,
            ParseErrorKind::IntegerRange => write!(
                f,
                "{found} is out of range: integers go from -2147483648 to 2147483647"
            )?,
            ParseErrorKind::AttributeName => {
                write!(f, "`{found}` is no attribute: names are letters and digits")?;
            }
            ParseErrorKind::FunctionName => write!(f, "`{found}` is no function: names are letters and `_`")?,
            ParseErrorKind::Expected(what) if found.is_empty() => {
                write!(f, "expected {what}, found the end")?;
            }
            ParseErrorKind::Expected(what) => write!(f, "expected {what}, found `{found}`")?,
        }
        match &self.0.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

struct Pointing<'s> {
    error: &'s ParseError,
    source: &'s str,
}

impl fmt::Display for Pointing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self
            .source
            .split('\n')
            .nth(self.error.0.line - 1)
            .unwrap_or_default();
        let span = self.error.0.span.of(self.source);
        let marks = span.split('\n').next().unwrap_or_default().chars().count().max(1);
        let line = line.trim_end_matches('\r').replace('\t', " ");
        write!(f, "{line}\n{:1$}", "", self.error.0.column - 1)?;
        f.write_str(&"^".repeat(marks))
    }
}
