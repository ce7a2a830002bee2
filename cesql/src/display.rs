//! An expression in its normal form: keywords and functions in upper case, attributes in lower case, no parentheses
//! but those that are needed. Parsing the normal form gives the same expression.

use std::fmt::{self, Formatter};

use crate::ast::{Kind, Level, Literal, Node};

/// How tightly a node holds together; compared with what its place demands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Chain(Level),
    Postfix,
    Unary,
    Primary,
}

fn binding(node: &Node) -> Binding {
    match &node.kind {
        Kind::Chain { level, .. } => Binding::Chain(*level),
        Kind::Like { .. } | Kind::In { .. } => Binding::Postfix,
        Kind::Not(_) | Kind::Negate(_) => Binding::Unary,
        Kind::Literal(_) | Kind::Attribute(_) | Kind::Exists(_) | Kind::Call { .. } => Binding::Primary,
    }
}

/// Writes `node` where something at least as tight as `needed` belongs.
fn operand(node: &Node, needed: Binding, f: &mut Formatter<'_>) -> fmt::Result {
    if binding(node) >= needed {
        return write(node, f);
    }
    f.write_str("(")?;
    write(node, f)?;
    f.write_str(")")
}

pub(crate) fn write(node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    match &node.kind {
        Kind::Literal(Literal::Integer(number)) => write!(f, "{number}"),
        Kind::Literal(Literal::Boolean(true)) => f.write_str("TRUE"),
        Kind::Literal(Literal::Boolean(false)) => f.write_str("FALSE"),
        Kind::Literal(Literal::String { spelled, .. }) => f.write_str(&spelled.0),
        Kind::Attribute(name) => f.write_str(name),
        Kind::Exists(name) => write!(f, "EXISTS {name}"),
        Kind::Not(child) => {
            f.write_str("NOT ")?;
            operand(child, Binding::Unary, f)
        }
        Kind::Negate(child) => {
            // Directly before digits the sign would belong to the literal.
            let digits = matches!(&child.kind, Kind::Literal(Literal::Integer(number)) if *number >= 0);
            f.write_str(if digits { "- " } else { "-" })?;
            operand(child, Binding::Unary, f)
        }
        Kind::Like {
            operand: left,
            spelled,
            negated,
            ..
        } => {
            operand(left, Binding::Postfix, f)?;
            f.write_str(if *negated { " NOT LIKE " } else { " LIKE " })?;
            f.write_str(&spelled.0)
        }
        Kind::In {
            operand: left,
            set,
            negated,
        } => {
            operand(left, Binding::Postfix, f)?;
            f.write_str(if *negated { " NOT IN " } else { " IN " })?;
            list(set, f)
        }
        Kind::Chain { level, first, rest } => {
            let needed = level.tighter().map_or(Binding::Postfix, Binding::Chain);
            operand(first, needed, f)?;
            for (operator, right) in rest {
                write!(f, " {} ", operator.symbol())?;
                operand(right, needed, f)?;
            }
            Ok(())
        }
        Kind::Call { name, arguments, .. } => {
            f.write_str(name)?;
            list(arguments, f)
        }
    }
}

fn list(items: &[Node], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("(")?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(item, f)?;
    }
    f.write_str(")")
}
