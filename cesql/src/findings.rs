//! What can be said of an expression before any event has come (§3.3: as many checks as possible at compile time).

use std::fmt;

use crate::ast::{Kind, Level, Node, Operator};
use crate::error::Error;
use crate::eval::evaluate;
use crate::functions::Callee;
use crate::span::Span;
use crate::value::Type;

/// What is suspicious.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// As a filter the expression never passes, for it is of this type.
    NeverBoolean(Type),
    /// A call of a function that is not registered; it always fails.
    MissingFunction,
    /// A subexpression that fails for every event.
    AlwaysFails,
    /// A constant that cannot be cast to the type its operator needs.
    NeverCasts(Type),
    /// `AND`, `OR` and `XOR` without parentheses between them. They bind alike and go from left to right (§3.6), other than
    /// in SQL; and engines made from the published ANTLR grammar go from right to left.
    MixedLogic,
    /// `NOT x LIKE …`, `NOT x IN …`, `NOT x = …`: the `NOT` applies to `x` alone (§3.6).
    NotBindsTighter,
    /// `data` is not an attribute and cannot be reached (§1).
    Data,
}

/// Something about an expression that its author should know. None makes it invalid; which of them are refused is for
/// the caller to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is suspicious.
    pub kind: FindingKind,
    /// Where.
    pub span: Span,
    sentence: Box<str>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

pub(crate) fn of(root: &Node) -> Vec<Finding> {
    let mut search = Search { found: Vec::new() };
    if let Some(ty @ (Type::String | Type::Integer)) = root.static_type() {
        let sentence = format!("never passes as a filter: its value is always of type {ty}, not Boolean");
        search.push(FindingKind::NeverBoolean(ty), root.span, sentence);
    }
    search.visit(root);
    search.found.sort_by_key(|finding| finding.span.start);
    search.found
}

struct Search {
    found: Vec<Finding>,
}

impl Search {
    fn push(&mut self, kind: FindingKind, span: Span, sentence: impl Into<Box<str>>) {
        let sentence = sentence.into();
        self.found.push(Finding { kind, span, sentence });
    }

    fn visit(&mut self, node: &Node) {
        match &node.kind {
            Kind::Attribute(name) | Kind::Exists(name) if **name == *"data" => self.push(
                FindingKind::Data,
                node.span,
                "the data of an event cannot be reached, and no attribute is called `data`",
            ),
            Kind::Call {
                name,
                callee: Callee::Missing { hint },
                arguments,
            } => {
                let arguments = arguments.len();
                let reason = crate::Reason::MissingFunction { name, arguments };
                let span = node.span;
                let error = Error { reason, span };
                let sentence = match hint {
                    Some(hint) => format!("{error}; {hint}"),
                    None => error.to_string(),
                };
                self.push(FindingKind::MissingFunction, span, sentence);
            }
            Kind::Like { operand, .. } | Kind::In { operand, .. } => self.not_alone(node, operand),
            Kind::Chain { level, first, rest } => {
                self.chain(node, *level, first, rest);
                self.operands(first, rest);
            }
            Kind::Not(operand) => self.never_casts(operand, Type::Boolean),
            Kind::Negate(operand) => self.never_casts(operand, Type::Integer),
            _ => {}
        }
        self.always_fails(node);
        for child in node.children() {
            self.visit(child);
        }
    }

    fn always_fails(&mut self, node: &Node) {
        let call = matches!(
            node.kind,
            Kind::Call {
                callee: Callee::Missing { .. } | Callee::Custom(_),
                ..
            }
        );
        if call || !node.is_constant() {
            return;
        }
        // What fails further inside is said there.
        if let Err(failure) = evaluate(node, &())
            && failure.error.span == node.span
        {
            let sentence = format!("fails for every event: {}", failure.error);
            self.push(FindingKind::AlwaysFails, node.span, sentence);
        }
    }

    fn never_casts(&mut self, operand: &Node, ty: Type) {
        if !operand.is_constant() {
            return;
        }
        let Ok(value) = evaluate(operand, &()) else { return };
        if value.ty() != ty && value.cast(ty).is_none() {
            let sentence = format!("fails for every event: this cannot be read as {ty}");
            self.push(FindingKind::NeverCasts(ty), operand.span, sentence);
        }
    }

    fn operands(&mut self, first: &Node, rest: &[(Operator, Node)]) {
        let lefts = std::iter::once(first).map(Some).chain(std::iter::repeat(None));
        for (left, (operator, right)) in lefts.zip(rest) {
            if let Some(ty) = operator.operands() {
                if let Some(left) = left {
                    self.never_casts(left, ty);
                }
                self.never_casts(right, ty);
            }
        }
    }

    fn chain(&mut self, node: &Node, level: Level, first: &Node, rest: &[(Operator, Node)]) {
        if level == Level::Comparison {
            self.not_alone(node, first);
        }
        let mut operators = rest.iter().map(|(operator, _)| *operator);
        let Some(one) = operators.next() else { return };
        if let Some(other) = operators.find(|operator| level == Level::Logic && *operator != one) {
            let sentence = format!(
                "{} and {} bind alike here and go from left to right, in other engines from right to left: write parentheses",
                one.symbol(),
                other.symbol()
            );
            self.push(FindingKind::MixedLogic, node.span, sentence);
        }
    }

    /// A `NOT` that begins where the whole begins has no parentheses around it.
    fn not_alone(&mut self, node: &Node, operand: &Node) {
        if matches!(operand.kind, Kind::Not(_)) && operand.span.start == node.span.start {
            let sentence = "NOT applies to the word after it alone: write `x NOT LIKE`, `x NOT IN`, `x != y`, or parentheses";
            self.push(FindingKind::NotBindsTighter, operand.span, sentence);
        }
    }
}
