//! An expression, ready to be evaluated.

use std::fmt;
use std::str::FromStr;

use crate::ast::{Kind, Node};
use crate::attributes::Attributes;
use crate::display;
use crate::eval::{Failure, evaluate};
use crate::findings::{self, Finding};
use crate::functions::Functions;
use crate::limits::Limits;
use crate::necessary::{self, Necessary};
use crate::parse_error::ParseError;
use crate::parser;
use crate::span::Span;
use crate::value::{Type, Value};
use crate::verdict::{Cause, Evaluation, Part, Verdict, deciding};

/// Makes expressions, with bounds and functions of your own. [`Expression::parse`] is the same with neither.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    limits: Limits,
    functions: Functions,
}

impl Parser {
    /// The default bounds and the built-in functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Other bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// More functions.
    #[must_use]
    pub fn with_functions(mut self, functions: Functions) -> Self {
        self.functions = functions;
        self
    }

    /// Parses one expression.
    ///
    /// # Errors
    ///
    /// Where `source` is no expression, or beyond the bounds. A call of an unknown function is an expression: it
    /// fails when it is evaluated (§3.5), and is among the [findings](Expression::findings).
    pub fn parse(&self, source: &str) -> Result<Expression, ParseError> {
        let root = parser::parse(source, &self.limits, &self.functions)?;
        Ok(Expression {
            source: source.into(),
            root,
        })
    }
}

/// A parsed expression. Immutable; evaluating it needs nothing but an event, from any number of threads.
///
/// Two expressions are equal when they mean the same written differently: case of keywords, white space and
/// needless parentheses do not count. `Display` is the normal form, and parsing that gives an equal expression.
///
/// ```
/// use cloudevents_sql::Expression;
///
/// let expression: Expression = "(Type like 'de.%') and not exists SUBJECT".parse()?;
/// assert_eq!(expression.to_string(), "type LIKE 'de.%' AND NOT EXISTS subject");
/// # Ok::<(), cloudevents_sql::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Expression {
    source: Box<str>,
    root: Node,
}

/// An attribute an expression refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeRef<'a> {
    /// In lower case.
    pub name: &'a str,
    /// Where; with `EXISTS name` that is the name's own place.
    pub span: Span,
    /// Whether it is only asked for by `EXISTS`, so that its absence is no error.
    pub optional: bool,
}

impl Expression {
    /// Parses an expression within the default [`Limits`] and with the built-in functions.
    ///
    /// # Errors
    ///
    /// Where `source` is no expression, or beyond the bounds.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        Parser::new().parse(source)
    }

    /// The text it was parsed from, to which all spans refer.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value for this event, and the error if there was one. Evaluation ends at the first error (§4.1).
    ///
    /// ```
    /// use cloudevents_sql::{ErrorKind, Expression, Value};
    ///
    /// let expression = Expression::parse("sequence * 2 > 10")?;
    /// let evaluation = expression.evaluate(&[("sequence", "6")]);
    /// assert_eq!((evaluation.value, evaluation.error), (Value::Boolean(true), None));
    ///
    /// let error = expression.evaluate(&()).error.unwrap();
    /// assert_eq!(error.kind(), ErrorKind::MissingAttribute);
    /// assert_eq!(error.span().of(expression.source()), "sequence");
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    pub fn evaluate<'a, A: Attributes + ?Sized>(&'a self, event: &'a A) -> Evaluation<'a> {
        match evaluate(&self.root, event) {
            Ok(value) => Evaluation { value, error: None },
            Err(Failure { value, error }) => Evaluation {
                value,
                error: Some(error),
            },
        }
    }

    /// Whether the event passes this expression as a filter: its value is the Boolean `true`, and there was no error
    /// (§1.2, SUB-5).
    pub fn matches<A: Attributes + ?Sized>(&self, event: &A) -> bool {
        matches!(evaluate(&self.root, event), Ok(Value::Boolean(true)))
    }

    /// As [`Expression::matches`], with the reason. Evaluates parts a second time to find it.
    ///
    /// ```
    /// use cloudevents_sql::Expression;
    ///
    /// let expression = Expression::parse("type LIKE 'de.%' AND (level > 800 OR EXISTS alarm)")?;
    /// let verdict = expression.verdict(&[("type", "de.krefeld.gauge"), ("level", "712")]);
    /// assert_eq!(verdict.to_string(), "does not pass: `level > 800 OR EXISTS alarm` is false");
    /// let verdict = expression.verdict(&[("type", "de.krefeld.gauge")]);
    /// assert_eq!(verdict.to_string(), "does not pass: `level`: the event has no attribute `level`");
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    pub fn verdict<'a, A: Attributes + ?Sized>(&'a self, event: &'a A) -> Verdict<'a> {
        match evaluate(&self.root, event) {
            Ok(Value::Boolean(truth)) => {
                let (decider, its_truth) = deciding(&self.root, truth, event);
                let because = Cause {
                    part: self.part(decider.span),
                    truth: its_truth,
                };
                if truth {
                    Verdict::Matched { because }
                } else {
                    Verdict::Unmatched { because }
                }
            }
            Ok(value) => Verdict::NotBoolean { value },
            Err(Failure { value, error }) => Verdict::Failed {
                at: self.part(error.span()),
                value,
                error,
            },
        }
    }

    fn part(&self, span: Span) -> Part<'_> {
        Part {
            text: span.of(&self.source),
            span,
        }
    }

    /// Every mention of an attribute, in the order of the source. So whoever keeps expressions can refuse one that
    /// asks for what no event will have.
    ///
    /// ```
    /// let expression = cloudevents_sql::Expression::parse("type = 'a' OR EXISTS Subjct")?;
    /// let names: Vec<_> = expression.attributes().iter().map(|a| (a.name, a.span.start)).collect();
    /// assert_eq!(names, [("type", 0), ("subjct", 21)]);
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    #[must_use]
    pub fn attributes(&self) -> Vec<AttributeRef<'_>> {
        let mut found = Vec::new();
        collect(&self.root, &mut found);
        found
    }

    /// What is true of every event that passes, for an index over many expressions.
    ///
    /// ```
    /// use cloudevents_sql::{Expression, Necessary};
    ///
    /// let expression = Expression::parse("subject = 'bockum' AND LENGTH(id) > 3")?;
    /// let subject = Necessary::Equals { attribute: "subject", text: "bockum".into() };
    /// assert_eq!(expression.necessary(), Necessary::All(vec![subject, Necessary::Unknown]));
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    #[must_use]
    pub fn necessary(&self) -> Necessary<'_> {
        necessary::of(&self.root)
    }

    /// The type of its value where that is the same for every event. Anything but Boolean never passes as a filter.
    #[must_use]
    pub fn static_type(&self) -> Option<Type> {
        self.root.static_type()
    }

    /// What its author should know before the first event comes: unknown functions, parts that always fail, and
    /// what binds otherwise than it looks. In the order of the source.
    ///
    /// ```
    /// let expression = cloudevents_sql::Expression::parse("LENGHT(subject) > 5")?;
    /// let findings = expression.findings();
    /// assert_eq!(
    ///     findings[0].to_string(),
    ///     "there is no function LENGHT with 1 argument; did you mean LENGTH?"
    /// );
    /// # Ok::<(), cloudevents_sql::ParseError>(())
    /// ```
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        findings::of(&self.root)
    }
}

fn collect<'a>(node: &'a Node, found: &mut Vec<AttributeRef<'a>>) {
    let span = node.span;
    match &node.kind {
        Kind::Attribute(name) => found.push(AttributeRef {
            name,
            span,
            optional: false,
        }),
        Kind::Exists(name) => found.push(AttributeRef {
            name,
            span: Span::new(span.end - name.len(), span.end),
            optional: true,
        }),
        _ => node.children().for_each(|child| collect(child, found)),
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::write(&self.root, f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expression(")?;
        display::write(&self.root, f)?;
        f.write_str(")")
    }
}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(source: &str) -> Result<Self, ParseError> {
        Self::parse(source)
    }
}
