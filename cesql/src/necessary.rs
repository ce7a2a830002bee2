//! What an index over many expressions can use of one (§3.4, read from the tree without any event).

use std::borrow::Cow;

use crate::ast::{Kind, Literal, Node, Operator};
use crate::value::Value;

/// What is true of every event that passes an expression as a filter. Not the other way round: an event of which it is true
/// need not pass.
///
/// So whoever keeps many expressions can look only at those that an event can pass at all. Texts are compared with
/// the canonical string of the attribute, that is, its cast to String.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Necessary<'a> {
    /// All of these.
    All(Vec<Self>),
    /// At least one of these; none passes where there are none.
    Any(Vec<Self>),
    /// The attribute is this text.
    Equals {
        /// In lower case.
        attribute: &'a str,
        /// The whole value.
        text: Cow<'a, str>,
    },
    /// The attribute begins with this text.
    StartsWith {
        /// In lower case.
        attribute: &'a str,
        /// The beginning, never empty.
        text: &'a str,
    },
    /// The attribute ends with this text.
    EndsWith {
        /// In lower case.
        attribute: &'a str,
        /// The end, never empty.
        text: &'a str,
    },
    /// The attribute's cast to Integer succeeds and lies between these, both included.
    Between {
        /// In lower case.
        attribute: &'a str,
        /// The least it can be; above `most` where no integer will do.
        least: i64,
        /// The most it can be.
        most: i64,
    },
    /// Nothing an index could use.
    Unknown,
}

/// An error or any value but `true` does not pass, so whatever follows may suppose that `node` is worth `true` without one.
pub(crate) fn of(node: &Node) -> Necessary<'_> {
    match &node.kind {
        Kind::Chain { first, rest, .. } => chain(first, rest),
        Kind::Like {
            operand,
            pattern,
            negated: false,
            ..
        } => match &operand.kind {
            Kind::Attribute(attribute) => {
                if let Some(text) = pattern.exact() {
                    let text = Cow::Borrowed(text);
                    return Necessary::Equals { attribute, text };
                }
                let starts = pattern
                    .start()
                    .map(|text| Necessary::StartsWith { attribute, text });
                let ends = pattern.end().map(|text| Necessary::EndsWith { attribute, text });
                let known: Vec<_> = starts.into_iter().chain(ends).collect();
                if known.is_empty() {
                    Necessary::Unknown
                } else {
                    Necessary::All(known)
                }
            }
            _ => Necessary::Unknown,
        },
        Kind::In {
            operand,
            set,
            negated: false,
        } => match &operand.kind {
            Kind::Attribute(attribute) => one_of(attribute, set),
            _ => Necessary::Unknown,
        },
        _ => Necessary::Unknown,
    }
}

/// Logic goes from left to right, and what is skipped changes nothing about the truth of the whole.
fn chain<'a>(first: &'a Node, rest: &'a [(Operator, Node)]) -> Necessary<'a> {
    if let [(operator, right)] = rest
        && let Some(necessary) = comparison(first, *operator, right)
    {
        return necessary;
    }
    rest.iter()
        .fold(of(first), |left, (operator, right)| match operator {
            Operator::And => Necessary::All(vec![left, of(right)]),
            Operator::Or => Necessary::Any(vec![left, of(right)]),
            _ => Necessary::Unknown,
        })
}

fn comparison<'a>(left: &'a Node, operator: Operator, right: &'a Node) -> Option<Necessary<'a>> {
    let (attribute, operator, literal) = match (&left.kind, &right.kind) {
        (Kind::Attribute(name), Kind::Literal(literal)) => (&**name, operator, literal),
        // Both sides are cast to Integer, so they may be exchanged. `=` casts to the type of its right side: it may not.
        (Kind::Literal(literal), Kind::Attribute(name)) => (&**name, mirrored(operator)?, literal),
        _ => return None,
    };
    match (operator, literal) {
        (Operator::Equal, Literal::String { text, .. }) => Some(Necessary::Equals {
            attribute,
            text: Cow::Borrowed(text),
        }),
        (_, Literal::Boolean(_)) => None,
        (operator, literal) => {
            let bound = i64::from(literal.value().to_integer()?);
            let (all_least, all_most) = (i64::from(i32::MIN), i64::from(i32::MAX));
            let (least, most) = match operator {
                Operator::Equal => (bound, bound),
                Operator::Less => (all_least, bound - 1),
                Operator::LessOrEqual => (all_least, bound),
                Operator::Greater => (bound + 1, all_most),
                Operator::GreaterOrEqual => (bound, all_most),
                _ => return None,
            };
            Some(Necessary::Between {
                attribute,
                least,
                most,
            })
        }
    }
}

fn mirrored(operator: Operator) -> Option<Operator> {
    match operator {
        Operator::Less => Some(Operator::Greater),
        Operator::LessOrEqual => Some(Operator::GreaterOrEqual),
        Operator::Greater => Some(Operator::Less),
        Operator::GreaterOrEqual => Some(Operator::LessOrEqual),
        _ => None,
    }
}

/// Elements are cast to the type the attribute happens to have (§3.4.5): an element stands for all its casts.
fn one_of<'a>(attribute: &'a str, set: &'a [Node]) -> Necessary<'a> {
    let mut texts: Vec<Cow<'a, str>> = Vec::with_capacity(set.len());
    for item in set {
        let Kind::Literal(literal) = &item.kind else {
            return Necessary::Unknown;
        };
        let value = literal.value();
        texts.extend(
            value
                .to_integer()
                .map(|number| Value::Integer(number).into_text()),
        );
        texts.extend(value.to_boolean().map(|truth| Value::Boolean(truth).into_text()));
        texts.push(value.into_text());
    }
    texts.sort_unstable();
    texts.dedup();
    Necessary::Any(
        texts
            .into_iter()
            .map(|text| Necessary::Equals { attribute, text })
            .collect(),
    )
}
