//! One evaluation: bounded in steps and depth, with the functions of the bus.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions, HostFnResult};
use jsonata_core::parser;
use jsonata_core::value::JValue;

use crate::expression::Expression;
use crate::fault::{self, Fault};
use crate::marks::{self, MARK};

/// Marks that one evaluation may come by: turns of its loops and calls of its functions.
const STEPS_MAX: u32 = 20_000;
/// How deep an evaluation may nest. The stack of the guest (see `build.rs`) holds more than this.
const DEPTH_MAX: usize = 200;
/// Items of a list that comes about on the way.
const LIST_MAX: usize = 20_000;

/// Entry of a lookup table as JSON text, by table and key.
pub(crate) type Lookup = fn(&str, &str) -> Option<Vec<u8>>;

/// What an evaluation is given.
pub(crate) struct Given {
    /// `$`.
    pub(crate) input: JValue,
    /// `$state()`.
    pub(crate) state: JValue,
    /// `$table(…)`.
    pub(crate) lookup: Lookup,
}

/// A reason that the expression gave, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What came of an evaluation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A value; undefined for none.
    Value(JValue),
    /// `$drop(…)`.
    Drop(Reason),
    /// `$reject(…)`.
    Reject(Reason),
}

/// An evaluation that came to its end.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// What `$keep(…)` was given last.
    pub(crate) kept: Option<JValue>,
}

/// Evaluates an expression.
///
/// # Errors
/// What stopped it, with the place.
pub(crate) fn evaluate(expression: &Expression<'_>, given: &Given) -> Result<Done, Fault> {
    let bounded = marks::bounded(expression.source, &expression.tokens);
    let (result, seen) = attempt(&bounded, given);
    if let Some(outcome) = seen.stopped.take() {
        return Ok(Done {
            outcome,
            kept: seen.kept.take(),
        });
    }
    if seen.steps.get() > STEPS_MAX {
        let text = format!("it was stopped after {STEPS_MAX} steps");
        return Err(Fault::new("too-many-steps", text, seen.mark.get()));
    }
    match result {
        Ok(value) => Ok(Done {
            outcome: Outcome::Value(value),
            kept: seen.kept.take(),
        }),
        Err(error) => Err(explain(expression, given, &error, seen.mark.get())),
    }
}

/// Finds the place by evaluating once more, with marks everywhere.
fn explain(expression: &Expression<'_>, given: &Given, error: &EvaluatorError, known: usize) -> Fault {
    let code = fault::code(error);
    let closely = marks::closely(expression.source, &expression.tokens);
    let (again, seen) = attempt(&closely, given);
    let found = matches!(again, Err(again) if fault::code(&again) == code);
    let offset = if found { seen.mark.get() } else { known };
    let text = fault::meaning(&code);
    Fault::new(code, text, offset)
}

/// What the functions of the bus saw of an evaluation.
#[derive(Default)]
pub(crate) struct Seen {
    mark: Cell<usize>,
    steps: Cell<u32>,
    stopped: RefCell<Option<Outcome>>,
    kept: RefCell<Option<JValue>>,
}

pub(crate) fn attempt(source: &str, given: &Given) -> (Result<JValue, EvaluatorError>, Rc<Seen>) {
    let seen = Rc::new(Seen::default());
    let tree = match parser::parse(source) {
        Ok(tree) => tree,
        Err(error) => return (Err(failed(&error.to_string())), seen),
    };
    let options = EvaluatorOptions {
        max_stack_depth: Some(DEPTH_MAX),
        max_sequence_length: Some(LIST_MAX),
        ..EvaluatorOptions::default()
    };
    let mut evaluator = Evaluator::with_options(Context::new(), options);
    let result = equip(&mut evaluator, given, &seen).and_then(|()| evaluator.evaluate(&tree, &given.input));
    (result, seen)
}

fn equip(evaluator: &mut Evaluator, given: &Given, seen: &Rc<Seen>) -> Result<(), EvaluatorError> {
    let at = Rc::clone(seen);
    evaluator.register_fn(MARK, move |args: &[JValue]| -> HostFnResult {
        let offset = args.first().and_then(JValue::as_i64);
        at.mark.set(
            offset
                .and_then(|offset| usize::try_from(offset).ok())
                .unwrap_or(0),
        );
        at.steps.set(at.steps.get().saturating_add(1));
        if at.steps.get() > STEPS_MAX {
            return Err(failed("too many steps"));
        }
        Ok(JValue::Undefined)
    })?;
    for (name, verdict) in [
        ("drop", Outcome::Drop as fn(Reason) -> Outcome),
        ("reject", Outcome::Reject),
    ] {
        let stop = Rc::clone(seen);
        evaluator.register_fn(name, move |args: &[JValue]| -> HostFnResult {
            let word = |at: usize| {
                args.get(at)
                    .and_then(JValue::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let reason = Reason {
                code: word(0),
                text: word(1),
            };
            stop.stopped.replace(Some(verdict(reason)));
            Err(failed("stopped by the expression"))
        })?;
    }
    let state = given.state.clone();
    evaluator.register_fn("state", move |_: &[JValue]| -> HostFnResult { Ok(state.clone()) })?;
    let keep = Rc::clone(seen);
    evaluator.register_fn("keep", move |args: &[JValue]| -> HostFnResult {
        let value = args.first().cloned().unwrap_or(JValue::Null);
        keep.kept.replace(Some(value.clone()));
        Ok(value)
    })?;
    let lookup = given.lookup;
    evaluator.register_fn("table", move |args: &[JValue]| -> HostFnResult {
        let (Some(table), Some(key)) = (args.first().and_then(JValue::as_str), args.get(1).and_then(key))
        else {
            return Ok(JValue::Undefined);
        };
        let entry = lookup(table, &key).and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(entry
            .and_then(|text| JValue::from_json_str(&text).ok())
            .unwrap_or(JValue::Undefined))
    })
}

fn failed(why: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(why.to_owned())
}

/// The key of a table: a string, a number, or a place (a GeoJSON point or its coordinates).
fn key(value: &JValue) -> Option<String> {
    if let Some(place) = value.get("coordinates") {
        return key(place);
    }
    if let Some(place) = value.as_array() {
        let (lon, lat) = (place.first()?.as_f64()?, place.get(1)?.as_f64()?);
        return Some(format!("{lon},{lat}"));
    }
    scalar(value)
}

/// A string as it is, a number or a truth value as JSON writes it.
pub(crate) fn scalar(value: &JValue) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    (value.is_number() || value.is_bool())
        .then(|| value.to_json_string().ok())
        .flatten()
}
