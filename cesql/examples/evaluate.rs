//! Evaluates an expression against an event and says why.
//!
//! ```sh
//! evaluate "type LIKE 'de.%' AND level > 800" type=de.krefeld.gauge level=812
//! evaluate "sequence = 5" '{"specversion":"1.0","id":"1","source":"/a","type":"b","sequence":5}'
//! ```
//!
//! Attributes given as `name=value` are strings. Ends with 0 if the event passes, with 1 if not, with 2 if there is no expression.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use cloudevents_sql::{Attributes, Expression, Value};

const NO_EXPRESSION: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(source) = arguments.next() else {
        eprintln!("usage: evaluate EXPRESSION [NAME=VALUE | JSON-EVENT]...");
        return ExitCode::from(NO_EXPRESSION);
    };
    let expression = match Expression::parse(&source) {
        Ok(expression) => expression,
        Err(error) => {
            eprintln!("{error}\n{}", error.pointing(&source));
            return ExitCode::from(NO_EXPRESSION);
        }
    };
    let mut event = BTreeMap::new();
    for argument in arguments {
        if let Err(error) = add(&mut event, &argument) {
            eprintln!("{error}");
            return ExitCode::from(NO_EXPRESSION);
        }
    }
    println!("expression  {expression}");
    for finding in expression.findings() {
        println!("note        `{}`: {finding}", finding.span.of(&source));
    }
    for attribute in expression.attributes() {
        match Attributes::get(&event, attribute.name) {
            Some(value) => println!("{:<11} {value}", attribute.name),
            None => println!("{:<11} (missing)", attribute.name),
        }
    }
    println!("value       {}", expression.evaluate(&event).value);
    let verdict = expression.verdict(&event);
    println!("verdict     {verdict}");
    if verdict.passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn add(event: &mut BTreeMap<String, Value<'static>>, argument: &str) -> Result<(), String> {
    if !argument.trim_start().starts_with('{') {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| format!("{argument:?} is neither name=value nor a JSON object"))?;
        event.insert(name.to_owned(), value.to_owned().into());
        return Ok(());
    }
    let members: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(argument).map_err(|error| format!("the event is no JSON object: {error}"))?;
    for (name, member) in members {
        let value = match member {
            serde_json::Value::Null => continue,
            serde_json::Value::Bool(truth) => truth.into(),
            serde_json::Value::Number(number) => match number.as_i64().map(i32::try_from) {
                Some(Ok(number)) => number.into(),
                _ => return Err(format!("{name} is no Integer of 32 bits")),
            },
            serde_json::Value::String(text) => text.into(),
            // Data, which is no attribute.
            _ => continue,
        };
        if !name.starts_with("data") || matches!(&*name, "datacontenttype" | "dataschema") {
            event.insert(name, value);
        }
    }
    Ok(())
}
