//! Maps events by a JSONata expression: the plugin for whoever has no program to write.
//!
//! *Promise*: one component for the three roles; the configuration is the program, or what the component carries
//! ([`carried`]). What can be wrong with an expression is
//! said when it is written down (`configuration.check`), with line and column. What goes wrong with one input rejects that
//! input with JSONata's code, the place in the expression and a sentence that holds nothing of the input. *Refuses*: the
//! clock, chance and `$eval`, reasons that are not written out, work without measure.
//!
//! | role | `$` is | the expression yields |
//! |---|---|---|
//! | `decode` | `{content_type, received, body}`, `body` read where it is JSON | an event or a list of them |
//! | `transform` | the event | an event or a list of them |
//! | `encode` | the event | a message `{content_type, headers, body}` |
//!
//! Nothing at all drops the input. `$table(name, key)` reads a lookup table, `$state()` and `$keep(value)` the state,
//! `$drop(code, text)` and `$reject(code, text)` say no.

mod answer;
mod carried;
mod evaluate;
#[cfg(target_arch = "wasm32")]
mod exports;
mod expression;
mod fault;
mod marks;
mod tokens;

#[cfg(test)]
mod tests;

use evaluate::{Given, Lookup};
use expression::Expression;
use jsonata_core::value::JValue;

/// What must be configured.
const EXPRESSION: &str = "expression";

/// Answers one call.
pub(crate) fn run(input: &[u8], lookup: Lookup) -> Vec<u8> {
    let answer = match call(input, lookup) {
        Ok(answer) => answer,
        Err((code, text)) => answer::rejected(&code, &text),
    };
    answer.to_json_string().unwrap_or_default().into_bytes()
}

fn call(input: &[u8], lookup: Lookup) -> Result<JValue, (String, String)> {
    let said = |code: &str, text: &str| (code.to_owned(), text.to_owned());
    let unreadable = || said("input-unreadable", "the input of this call cannot be read");
    let text = core::str::from_utf8(input).map_err(|_| unreadable())?;
    let document = JValue::from_json_str(text).map_err(|_| unreadable())?;
    let config = document.get("config").unwrap_or(&JValue::Null);
    let source =
        source(config, carried::expression()).map_err(|(_, text)| said("config-unreadable", text))?;
    let placed = |fault: fault::Fault| (fault.code.clone(), fault.told(source));
    let expression = Expression::read(source).map_err(|faults| {
        let first = faults.into_iter().next();
        first.map_or_else(unreadable, placed)
    })?;
    let role = document.get("role").and_then(JValue::as_str).unwrap_or_default();
    let given = Given {
        input: match document.get("raw") {
            Some(raw) => message(raw).ok_or_else(|| said("body-unreadable", "the body is not valid JSON"))?,
            None => document.get("event").cloned().ok_or_else(unreadable)?,
        },
        state: document.get("state").cloned().unwrap_or(JValue::Undefined),
        lookup,
    };
    evaluate::evaluate(&expression, &given)
        .and_then(|done| answer::answer(role, &expression, done))
        .map_err(placed)
}

/// `$` of a decoder.
fn message(raw: &JValue) -> Option<JValue> {
    let mut members = raw.as_object()?.clone();
    let content_type = raw
        .get("content_type")
        .and_then(JValue::as_str)
        .unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if let Some(text) = members.shift_remove("text") {
        let is_json = essence == "application/json" || essence.ends_with("+json");
        let body = if is_json {
            JValue::from_json_str(text.as_str()?).ok()?
        } else {
            text
        };
        members.insert("body".to_owned(), body);
    }
    Some(JValue::object(members))
}

/// The expression out of a configuration, or the one that is carried; else the place in it and what is wrong there.
fn source<'a>(config: &'a JValue, carried: &'a str) -> Result<&'a str, (&'static str, &'static str)> {
    let members = config
        .as_object()
        .ok_or(("", "the configuration is an object with `expression`"))?;
    if members.keys().any(|name| name != EXPRESSION) {
        return Err(("", "the configuration has no member but `expression`"));
    }
    match (members.get(EXPRESSION), carried) {
        (Some(_), carried) if !carried.is_empty() => Err((
            "/expression",
            "the plugin carries its expression, so that its configuration has none",
        )),
        (None, carried) if !carried.is_empty() => Ok(carried),
        (given, _) => given.and_then(JValue::as_str).ok_or((
            "/expression",
            "the configuration needs an `expression`, a JSONata expression as text",
        )),
    }
}

/// One thing that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// JSON Pointer into the configuration.
    pub(crate) at: String,
    /// Line and column in the expression, from 1; 0 elsewhere.
    pub(crate) place: (u32, u32),
    pub(crate) code: String,
    pub(crate) text: String,
}

/// Everything that is wrong with a configuration.
pub(crate) fn check(config: &[u8]) -> Vec<Found> {
    let config = core::str::from_utf8(config).ok();
    let config = config.and_then(|text| JValue::from_json_str(text).ok());
    let source = match source(config.as_ref().unwrap_or(&JValue::Null), carried::expression()) {
        Ok(source) => source,
        Err((at, text)) => {
            return vec![Found {
                at: at.to_owned(),
                place: (0, 0),
                code: "config-unreadable".to_owned(),
                text: text.to_owned(),
            }];
        }
    };
    let faults = Expression::read(source).err().unwrap_or_default();
    let found = |fault: fault::Fault| Found {
        at: format!("/{EXPRESSION}"),
        place: fault::place(source, fault.offset),
        code: fault.code,
        text: fault.text,
    };
    faults.into_iter().map(found).collect()
}
