//! From the value of an expression to the answer of a plugin, and what may be wrong with it.

use indexmap::IndexMap;
use jsonata_core::value::JValue;

use crate::evaluate::{Done, Outcome, Reason, scalar};
use crate::expression::Expression;
use crate::fault::Fault;

type Members = IndexMap<String, JValue>;

/// What a plugin of this role answers.
///
/// # Errors
/// That the expression yields something else, with the place of the member.
pub(crate) fn answer(role: &str, expression: &Expression<'_>, done: Done) -> Result<JValue, Fault> {
    let mut members = Members::new();
    match done.outcome {
        Outcome::Drop(reason) => put(&mut members, "drop", told(&reason.code, &reason.text)),
        Outcome::Reject(Reason { code, text }) => put(&mut members, "reject", told(&code, &text)),
        Outcome::Value(JValue::Undefined) => {
            let nothing = told("nothing", "the expression yields nothing for this input");
            put(&mut members, "drop", nothing);
        }
        Outcome::Value(value) if role == "encode" => {
            put(&mut members, "encoded", encoded(expression, &value)?);
        }
        Outcome::Value(value) => {
            let outputs = match value.as_array() {
                Some(list) => list
                    .iter()
                    .map(|one| draft(expression, one))
                    .collect::<Result<_, _>>()?,
                None => vec![draft(expression, &value)?],
            };
            put(&mut members, "events", JValue::array(outputs));
        }
    }
    if let Some(state) = done.kept {
        put(&mut members, "state", state);
    }
    Ok(JValue::object(members))
}

/// A reason.
pub(crate) fn told(code: &str, text: &str) -> JValue {
    let mut members = Members::new();
    put(&mut members, "code", JValue::string(code));
    put(&mut members, "text", JValue::string(text));
    JValue::object(members)
}

/// An answer that rejects the input.
pub(crate) fn rejected(code: &str, text: &str) -> JValue {
    let mut members = Members::new();
    put(&mut members, "reject", told(code, text));
    JValue::object(members)
}

fn put(members: &mut Members, name: &str, value: JValue) {
    members.insert(name.to_owned(), value);
}

fn wrong(expression: &Expression<'_>, name: &str, text: &str) -> Fault {
    Fault::new("wrong-output", text, expression.member(name).unwrap_or(0))
}

const INFINITE: &str = "a number of the output is not finite, as after a division by zero";

/// JSON has no word for other numbers; they would be written as null.
fn is_finite(value: &JValue) -> bool {
    match value {
        JValue::Number(number) => number.is_finite(),
        JValue::Array(items) => items.iter().all(is_finite),
        JValue::Object(members) => members.values().all(is_finite),
        _ => true,
    }
}

fn draft(expression: &Expression<'_>, value: &JValue) -> Result<JValue, Fault> {
    let needed = "the expression must yield an event, an object with `type` and `data`, or a list of them";
    let object = value.as_object().ok_or_else(|| wrong(expression, "", needed))?;
    let mut members = Members::new();
    for (name, value) in object {
        let name = name.as_str();
        let value = match name {
            "data" if !is_finite(value) => return Err(wrong(expression, name, INFINITE)),
            "data" => value.clone(),
            _ if value.is_null() => continue,
            "type" | "time" | "dataschema" | "datacontenttype" | "data_base64" if value.is_string() => {
                value.clone()
            }
            "key" | "subject" => {
                let text = scalar(value).ok_or_else(|| {
                    wrong(
                        expression,
                        name,
                        &format!("`{name}` of an event is a string or a number"),
                    )
                })?;
                JValue::string(text)
            }
            "extensions" => pairs(expression, name, value)?,
            "type" | "time" | "dataschema" | "datacontenttype" | "data_base64" => {
                return Err(wrong(
                    expression,
                    name,
                    &format!("`{name}` of an event is a string"),
                ));
            }
            _ => {
                let known = "an event has no members but `type`, `key`, `subject`, `time`, `datacontenttype`, `dataschema`, \
                             `extensions` and `data` or `data_base64`";
                return Err(wrong(expression, name, known));
            }
        };
        put(&mut members, name, value);
    }
    if !members.contains_key("type") {
        return Err(wrong(expression, "type", "an event needs a `type`"));
    }
    Ok(JValue::object(members))
}

fn encoded(expression: &Expression<'_>, value: &JValue) -> Result<JValue, Fault> {
    let needed = "the expression must yield a message, an object with `body`";
    let object = value.as_object().ok_or_else(|| wrong(expression, "", needed))?;
    let mut members = Members::new();
    for (name, value) in object {
        let name = name.as_str();
        match name {
            "body" if !is_finite(value) => return Err(wrong(expression, name, INFINITE)),
            "body" if value.is_string() => {
                put(&mut members, name, value.clone());
                members
                    .entry("content_type".to_owned())
                    .or_insert_with(|| JValue::string("text/plain; charset=utf-8"));
            }
            "body" => {
                let text = value
                    .to_json_string()
                    .map_err(|_| wrong(expression, name, "the body has no JSON form"))?;
                put(&mut members, name, JValue::string(text));
                members
                    .entry("content_type".to_owned())
                    .or_insert_with(|| JValue::string("application/json"));
            }
            "content_type" | "body_base64" if value.is_string() => put(&mut members, name, value.clone()),
            "headers" => put(&mut members, name, pairs(expression, name, value)?),
            "content_type" | "body_base64" => {
                return Err(wrong(
                    expression,
                    name,
                    &format!("`{name}` of a message is a string"),
                ));
            }
            _ => {
                let known =
                    "a message has no members but `content_type`, `headers` and `body` or `body_base64`";
                return Err(wrong(expression, name, known));
            }
        }
    }
    members
        .entry("content_type".to_owned())
        .or_insert_with(|| JValue::string("application/octet-stream"));
    Ok(JValue::object(members))
}

/// Named strings: extensions, header fields. Numbers and truth values take their canonical form.
fn pairs(expression: &Expression<'_>, name: &str, value: &JValue) -> Result<JValue, Fault> {
    let fault = || {
        wrong(
            expression,
            name,
            &format!("`{name}` is an object of strings, numbers and truth values"),
        )
    };
    let mut members = Members::new();
    for (name, value) in value.as_object().ok_or_else(fault)? {
        if !value.is_null() {
            put(
                &mut members,
                name,
                JValue::string(scalar(value).ok_or_else(fault)?),
            );
        }
    }
    Ok(JValue::object(members))
}
