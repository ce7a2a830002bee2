//! Evaluation (§3): fail-fast mode (§4.1), which is what a filter needs.
//!
//! A subexpression that fails is worth the zero value of its type, and so is everything around it; the first error is
//! the one reported. Recursion is bounded by the height of the tree.

use std::borrow::Cow;

use crate::ast::{Kind, Level, Node, Operator};
use crate::attributes::{Attributes, REQUIRED_ATTRIBUTES};
use crate::builtins::Call;
use crate::error::{Error, Reason};
use crate::functions::{Callee, Function};
use crate::value::{Type, Value};

/// What a failed subexpression is worth, and why it failed.
pub(crate) struct Failure<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) error: Error<'a>,
}

pub(crate) type Evaluated<'a, T = Value<'a>> = Result<T, Failure<'a>>;

impl<'a> Failure<'a> {
    /// Worth `false` until somebody knows better: the type to assume where none is known (§3.2).
    pub(crate) fn new(node: &Node, reason: Reason<'a>) -> Self {
        let span = node.span;
        Self {
            value: Value::Boolean(false),
            error: Error { reason, span },
        }
    }

    fn cast(node: &Node, from: Type, to: Type) -> Self {
        Self::new(node, Reason::Cast { from, to })
    }

    /// The same failure, of a subexpression of type `ty`.
    pub(crate) fn worth(self, ty: Type) -> Self {
        self.with(ty.zero())
    }

    pub(crate) fn with(self, value: Value<'a>) -> Self {
        Self { value, ..self }
    }
}

/// Leaves are most of what there is to evaluate: they are read where they are needed, without a call.
#[inline]
pub(crate) fn evaluate<'a, A: Attributes + ?Sized>(node: &'a Node, event: &'a A) -> Evaluated<'a> {
    match &node.kind {
        Kind::Literal(literal) => Ok(literal.value()),
        Kind::Attribute(name) => match event.get(name) {
            Some(value) => Ok(value),
            None => Err(Failure::new(node, Reason::MissingAttribute(name))),
        },
        _ => operation(node, event),
    }
}

fn operation<'a, A: Attributes + ?Sized>(node: &'a Node, event: &'a A) -> Evaluated<'a> {
    match &node.kind {
        // Not reached: `evaluate` has read them.
        Kind::Literal(_) | Kind::Attribute(_) => evaluate(node, event),
        Kind::Exists(name) => {
            let required = REQUIRED_ATTRIBUTES.contains(&&**name);
            Ok(Value::Boolean(required || event.get(name).is_some()))
        }
        Kind::Not(operand) => not(operand, event),
        Kind::Negate(operand) => {
            let number = integer(operand, event).map_err(|failure| failure.worth(Type::Integer))?;
            let overflow = || Failure::new(node, Reason::Overflow).worth(Type::Integer);
            Ok(Value::Integer(number.checked_neg().ok_or_else(overflow)?))
        }
        Kind::Like {
            operand,
            pattern,
            negated,
            ..
        } => {
            let value = evaluate(operand, event).map_err(|failure| failure.worth(Type::Boolean))?;
            let matches = value.with_text(|text| pattern.matches(text));
            Ok(Value::Boolean(matches != *negated))
        }
        Kind::In {
            operand,
            set,
            negated,
        } => contains(operand, set, event)
            .map(|found| Value::Boolean(found != *negated))
            .map_err(|failure| failure.worth(Type::Boolean)),
        Kind::Chain { level, first, rest } => match level {
            Level::Logic => logic(first, rest, event).map(Value::Boolean),
            Level::Comparison => comparison(node, first, rest, event),
            Level::Additive | Level::Multiplicative => {
                arithmetic(node, first, rest, event).map(Value::Integer)
            }
        }
        .map_err(|failure| failure.worth(level.result())),
        Kind::Call {
            name,
            callee,
            arguments,
        } => call(node, name, callee, arguments, event),
    }
}

/// `NOT` is the one operator whose failed cast is not worth the zero value: the cast gives `false`, and what is returned is
/// its negation. Nor does it take integers. The test kit has both (`NOT 10`).
fn not<'a, A: Attributes + ?Sized>(operand: &'a Node, event: &'a A) -> Evaluated<'a> {
    let value = evaluate(operand, event).map_err(|failure| failure.worth(Type::Boolean))?;
    let from = value.ty();
    let truth = match from {
        Type::Integer => None,
        Type::String | Type::Boolean => value.to_boolean(),
    };
    match truth {
        Some(truth) => Ok(Value::Boolean(!truth)),
        None => Err(Failure::cast(operand, from, Type::Boolean).with(Value::Boolean(true))),
    }
}

/// Elements are cast to the type of the operand (§3.4.5), and looked at until one is equal.
fn contains<'a, A: Attributes + ?Sized>(
    operand: &'a Node,
    set: &'a [Node],
    event: &'a A,
) -> Evaluated<'a, bool> {
    let value = evaluate(operand, event)?;
    for item in set {
        let element = evaluate(item, event)?;
        match element.equals_cast(&value) {
            Some(true) => return Ok(true),
            Some(false) => {}
            None => return Err(Failure::cast(item, element.ty(), value.ty())),
        }
    }
    Ok(false)
}

fn logic<'a, A: Attributes + ?Sized>(
    first: &'a Node,
    rest: &'a [(Operator, Node)],
    event: &'a A,
) -> Evaluated<'a, bool> {
    let mut truth = boolean(first, event)?;
    for (operator, right) in rest {
        truth = match (operator, truth) {
            // The right operand must not be evaluated (§3.6).
            (Operator::And, false) | (Operator::Or, true) => continue,
            (Operator::Xor, true) => !boolean(right, event)?,
            _ => boolean(right, event)?,
        };
    }
    Ok(truth)
}

fn comparison<'a, A: Attributes + ?Sized>(
    node: &'a Node,
    first: &'a Node,
    rest: &'a [(Operator, Node)],
    event: &'a A,
) -> Evaluated<'a> {
    let mut left = evaluate(first, event)?;
    for (at, (operator, right)) in rest.iter().enumerate() {
        let left_node = if at == 0 { first } else { node };
        let value = evaluate(right, event)?;
        let truth = if operator.operands().is_none() {
            let equal = left
                .equals_cast(&value)
                .ok_or_else(|| Failure::cast(left_node, left.ty(), value.ty()))?;
            equal == (*operator == Operator::Equal)
        } else {
            let left = cast_integer(left_node, &left)?;
            let right = cast_integer(right, &value)?;
            match operator {
                Operator::Less => left < right,
                Operator::LessOrEqual => left <= right,
                Operator::Greater => left > right,
                _ => left >= right,
            }
        };
        left = Value::Boolean(truth);
    }
    Ok(left)
}

fn arithmetic<'a, A: Attributes + ?Sized>(
    node: &'a Node,
    first: &'a Node,
    rest: &'a [(Operator, Node)],
    event: &'a A,
) -> Evaluated<'a, i32> {
    let mut result = integer(first, event)?;
    for (operator, right) in rest {
        let right = integer(right, event)?;
        let checked = match operator {
            Operator::Add => result.checked_add(right),
            Operator::Subtract => result.checked_sub(right),
            Operator::Multiply => result.checked_mul(right),
            _ if right == 0 => return Err(Failure::new(node, Reason::DivisionByZero)),
            Operator::Divide => result.checked_div(right),
            // The one remainder that overflows on the way is 0.
            _ => Some(result.checked_rem(right).unwrap_or(0)),
        };
        result = checked.ok_or_else(|| Failure::new(node, Reason::Overflow))?;
    }
    Ok(result)
}

fn call<'a, A: Attributes + ?Sized>(
    node: &'a Node,
    name: &'a str,
    callee: &'a Callee,
    arguments: &'a [Node],
    event: &'a A,
) -> Evaluated<'a> {
    match callee {
        Callee::Builtin(builtin) => builtin.call(&Call {
            node,
            name,
            arguments,
            event,
            returns: builtin.returns(),
        }),
        Callee::Custom(function) => {
            custom(node, function, arguments, event).map_err(|failure| match failure.value.ty() {
                ty if ty == function.returns => failure,
                _ => failure.worth(function.returns),
            })
        }
        Callee::Missing { .. } => {
            let arguments = arguments.len();
            Err(Failure::new(node, Reason::MissingFunction { name, arguments }))
        }
    }
}

fn custom<'a, A: Attributes + ?Sized>(
    node: &'a Node,
    function: &'a Function,
    arguments: &'a [Node],
    event: &'a A,
) -> Evaluated<'a> {
    let mut values = Vec::with_capacity(arguments.len());
    for (at, argument) in arguments.iter().enumerate() {
        let value = evaluate(argument, event).map_err(|failure| failure.worth(function.returns))?;
        let from = value.ty();
        let to = function.parameter(at).unwrap_or(from);
        let failure = || Failure::cast(argument, from, to).worth(function.returns);
        values.push(value.cast(to).ok_or_else(failure)?);
    }
    let refused = |message| {
        let name = &*function.name;
        Failure::new(node, Reason::Function { name, message }).worth(function.returns)
    };
    match (function.body)(&values) {
        Ok(value) if value.ty() == function.returns => Ok(value),
        Ok(_) => Err(refused(Cow::Borrowed(
            "returned a value of another type than declared",
        ))),
        Err(error) => {
            let failure = refused(error.message);
            Err(match error.value {
                Some(value) => failure.with(value),
                None => failure,
            })
        }
    }
}

fn boolean<'a, A: Attributes + ?Sized>(node: &'a Node, event: &'a A) -> Evaluated<'a, bool> {
    let value = evaluate(node, event)?;
    let failure = || Failure::cast(node, value.ty(), Type::Boolean);
    value.to_boolean().ok_or_else(failure)
}

pub(crate) fn integer<'a, A: Attributes + ?Sized>(node: &'a Node, event: &'a A) -> Evaluated<'a, i32> {
    cast_integer(node, &evaluate(node, event)?)
}

pub(crate) fn text<'a, A: Attributes + ?Sized>(node: &'a Node, event: &'a A) -> Evaluated<'a, Cow<'a, str>> {
    evaluate(node, event).map(Value::into_text)
}

fn cast_integer<'a>(node: &'a Node, value: &Value<'_>) -> Evaluated<'a, i32> {
    value
        .to_integer()
        .ok_or_else(|| Failure::cast(node, value.ty(), Type::Integer))
}
