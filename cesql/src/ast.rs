//! The parsed expression. Equality is of meaning: where something stands and how it was spelled does not count.

use std::borrow::Cow;

use crate::functions::Callee;
use crate::like::Pattern;
use crate::span::Span;
use crate::value::{Type, Value};

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Without the parentheses around it.
    pub(crate) span: Span,
    /// Levels of nodes below, this one included. Bounded, so that whatever walks the tree may recurse.
    pub(crate) height: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Literal(Literal),
    /// In lower case.
    Attribute(Box<str>),
    /// The name in lower case.
    Exists(Box<str>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Like {
        operand: Box<Node>,
        pattern: Pattern,
        spelled: Spelled,
        negated: bool,
    },
    In {
        operand: Box<Node>,
        set: Box<[Node]>,
        negated: bool,
    },
    /// Operators of one level, from left to right. Flat, so that a long `a OR b OR c` is not deep.
    Chain {
        level: Level,
        first: Box<Node>,
        rest: Box<[(Operator, Node)]>,
    },
    Call {
        /// In upper case.
        name: Box<str>,
        callee: Callee,
        arguments: Box<[Node]>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Integer(i32),
    Boolean(bool),
    String { text: Box<str>, spelled: Spelled },
}

/// A quoted string as it stood in the source: not every string can be written in both kinds of quotes.
#[derive(Clone, Debug)]
pub(crate) struct Spelled(pub(crate) Box<str>);

impl PartialEq for Spelled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Literal {
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Integer(number) => Value::Integer(*number),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::String { text, .. } => Value::String(Cow::Borrowed(text)),
        }
    }
}

/// How tightly binary operators bind (§3.6), loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Logic,
    Comparison,
    Additive,
    Multiplicative,
}

impl Level {
    pub(crate) fn tighter(self) -> Option<Self> {
        match self {
            Self::Logic => Some(Self::Comparison),
            Self::Comparison => Some(Self::Additive),
            Self::Additive => Some(Self::Multiplicative),
            Self::Multiplicative => None,
        }
    }

    /// What its operators return.
    pub(crate) fn result(self) -> Type {
        match self {
            Self::Logic | Self::Comparison => Type::Boolean,
            Self::Additive | Self::Multiplicative => Type::Integer,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    And,
    Or,
    Xor,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(crate) fn level(self) -> Level {
        match self {
            Self::And | Self::Or | Self::Xor => Level::Logic,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => Level::Comparison,
            Self::Add | Self::Subtract => Level::Additive,
            Self::Multiply | Self::Divide | Self::Remainder => Level::Multiplicative,
        }
    }

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// The type both operands are cast to; none for `=` and `!=`, which take the right operand's (§3.7).
    pub(crate) fn operands(self) -> Option<Type> {
        match self {
            Self::And | Self::Or | Self::Xor => Some(Type::Boolean),
            Self::Equal | Self::NotEqual => None,
            _ => Some(Type::Integer),
        }
    }
}

impl Node {
    /// The nodes directly below, in source order.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        let (first, rest, chain): (Option<&Self>, &[Self], &[(Operator, Self)]) = match &self.kind {
            Kind::Literal(_) | Kind::Attribute(_) | Kind::Exists(_) => (None, &[], &[]),
            Kind::Not(operand) | Kind::Negate(operand) | Kind::Like { operand, .. } => {
                (Some(operand), &[], &[])
            }
            Kind::In { operand, set, .. } => (Some(operand), set, &[]),
            Kind::Chain { first, rest, .. } => (Some(first), &[], rest),
            Kind::Call { arguments, .. } => (None, arguments, &[]),
        };
        first
            .into_iter()
            .chain(rest)
            .chain(chain.iter().map(|(_, node)| node))
    }

    /// The type of its value, where it does not depend on the event.
    pub(crate) fn static_type(&self) -> Option<Type> {
        match &self.kind {
            Kind::Literal(literal) => Some(literal.value().ty()),
            Kind::Attribute(_) => None,
            Kind::Exists(_) | Kind::Not(_) | Kind::Like { .. } | Kind::In { .. } => Some(Type::Boolean),
            Kind::Negate(_) => Some(Type::Integer),
            Kind::Chain { level, .. } => Some(level.result()),
            Kind::Call { callee, .. } => Some(callee.returns()),
        }
    }

    /// Whether its value is the same for every event.
    pub(crate) fn is_constant(&self) -> bool {
        !matches!(self.kind, Kind::Attribute(_) | Kind::Exists(_)) && self.children().all(Self::is_constant)
    }
}
