//! JSON Schema 2020-12, compiled once, asked per event.
//!
//! Nothing is ever fetched: a reference that leaves the document is refused when the city is
//! loaded. Patterns run on a linear-time engine, so that no payload can make a check slow. What is
//! said about a failure comes from the schema; the payload's values and names are never repeated.

use std::collections::HashSet;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::finding::{Text, nearest};

pub(crate) mod fields;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A compiled schema and what the bus wants to know about its text.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    /// Every property name in the schema; only these may appear in a pointer.
    names: HashSet<String>,
    /// Property names at the top level.
    pub(crate) properties: Vec<String>,
    /// Required names at the top level.
    pub(crate) required: Vec<String>,
    /// Whether unknown fields at the top level are refused.
    pub(crate) closed: bool,
    /// `$id`.
    pub(crate) id: Option<String>,
}

/// Where and why data fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// JSON pointer from the data's root.
    pub(crate) pointer: String,
    pub(crate) detail: Text,
    pub(crate) hint: Option<Text>,
}

pub(crate) fn compile(text: &str) -> Result<Schema, Text> {
    let schema = crate::strict_json::parse(text.as_bytes()).map_err(|_| {
        Text::new(
            "Das Schema ist kein lesbares JSON.",
            "the schema is not readable JSON",
        )
    })?;
    if schema.get("$schema").and_then(Value::as_str) != Some(DIALECT) {
        return Err(Text::new(
            format!("„$schema“ muss „{DIALECT}“ sein."),
            format!("`$schema` must be `{DIALECT}`"),
        ));
    }
    let validator = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| {
            let why: String = error.to_string().chars().take(200).collect();
            Text::new(
                format!("Das Schema lässt sich nicht übersetzen: {why}"),
                format!("the schema does not compile: {why}"),
            )
        })?;
    let mut names = HashSet::new();
    collect_names(&schema, &mut names);
    let strings = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let closed = |name: &str| schema.get(name) == Some(&Value::Bool(false));
    Ok(Schema {
        validator,
        names,
        properties: schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default(),
        required: strings(schema.get("required")),
        closed: closed("additionalProperties") || closed("unevaluatedProperties"),
        id: schema.get("$id").and_then(Value::as_str).map(str::to_owned),
    })
}

fn collect_names(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                names.extend(properties.keys().cloned());
            }
            map.values().for_each(|v| collect_names(v, names));
        }
        Value::Array(items) => items.iter().for_each(|v| collect_names(v, names)),
        _ => {}
    }
}

impl Schema {
    /// The first failure, if any. The good case does not allocate.
    pub(crate) fn check(&self, data: &Value) -> Result<(), Failure> {
        if self.validator.is_valid(data) {
            return Ok(());
        }
        match self.validator.validate(data) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &ValidationError<'_>) -> Failure {
        let mut pointer = self.clean(error.instance_path().as_str());
        if let ValidationErrorKind::Required {
            property: Value::String(name),
        } = error.kind()
        {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        let (detail, hint) = self.sentence(error);
        Failure {
            pointer,
            detail,
            hint,
        }
    }

    /// Segments the schema does not name come from the payload and are shown as `*`.
    fn clean(&self, pointer: &str) -> String {
        let mut out = String::new();
        for segment in pointer.split('/').skip(1) {
            let known = self
                .names
                .contains(&segment.replace("~1", "/").replace("~0", "~"));
            let index = segment.len() <= 9 && segment.bytes().all(|b| b.is_ascii_digit());
            out.push('/');
            out.push_str(if known || index { segment } else { "*" });
        }
        out
    }

    fn sentence(&self, error: &ValidationError<'_>) -> (Text, Option<Text>) {
        use ValidationErrorKind as K;
        let plain = |de: String, en: String| (Text::new(de, en), None);
        match error.kind() {
            K::Required { .. } => plain("Dieses Feld fehlt.".into(), "this field is missing".into()),
            K::AdditionalProperties { unexpected } | K::UnevaluatedProperties { unexpected } => {
                self.unexpected(unexpected)
            }
            K::Type { kind } => {
                let wanted = match kind {
                    TypeKind::Single(kind) => kind.to_string(),
                    TypeKind::Multiple(kinds) => kinds
                        .iter()
                        .map(|k| k.to_string())
                        .collect::<Vec<_>>()
                        .join(" | "),
                };
                let found = kind_of(error.instance());
                plain(
                    format!("Hier wird der Typ {wanted} erwartet, da steht {found}."),
                    format!("expected type {wanted}, found {found}"),
                )
            }
            K::Enum { options } => {
                let options = shorten(options);
                plain(
                    format!("Erlaubt ist nur einer von {options}."),
                    format!("expected one of {options}"),
                )
            }
            K::Constant { expected_value } => {
                let value = shorten(expected_value);
                plain(format!("Erlaubt ist nur {value}."), format!("expected {value}"))
            }
            K::Format { format } => plain(
                format!("Der Wert hat nicht das Format „{format}“."),
                format!("the value is not in format `{format}`"),
            ),
            K::Pattern { pattern } => {
                let pattern: String = pattern.chars().take(120).collect();
                plain(
                    format!("Der Wert passt nicht zum Muster {pattern}."),
                    format!("the value does not match the pattern {pattern}"),
                )
            }
            kind => bound(kind),
        }
    }

    fn unexpected(&self, unexpected: &[String]) -> (Text, Option<Text>) {
        let count = unexpected.len();
        let text = Text::new(
            format!("Hier stehen Felder, die der Vertrag nicht kennt ({count})."),
            format!("there are fields here that the contract does not name ({count})"),
        );
        let mut known: Vec<&str> = self.names.iter().map(String::as_str).collect();
        known.sort_unstable();
        // The suggestion is the schema's word; the payload's is not repeated.
        let hint = unexpected
            .iter()
            .find_map(|name| nearest(name, known.iter().copied()));
        (
            text,
            hint.map(|word| {
                Text::new(
                    format!("Gemeint war wohl „{word}“."),
                    format!("Did you mean `{word}`?"),
                )
            }),
        )
    }
}

/// Failures against a number in the schema, and the rest by keyword.
fn bound(kind: &ValidationErrorKind) -> (Text, Option<Text>) {
    use ValidationErrorKind as K;
    let (de, en, limit) = match kind {
        K::Minimum { limit } => (
            "Der Wert muss mindestens {} sein.",
            "the value must be at least {}",
            limit.to_string(),
        ),
        K::Maximum { limit } => (
            "Der Wert darf höchstens {} sein.",
            "the value must be at most {}",
            limit.to_string(),
        ),
        K::ExclusiveMinimum { limit } => (
            "Der Wert muss größer als {} sein.",
            "the value must be greater than {}",
            limit.to_string(),
        ),
        K::ExclusiveMaximum { limit } => (
            "Der Wert muss kleiner als {} sein.",
            "the value must be less than {}",
            limit.to_string(),
        ),
        K::MinLength { limit } => (
            "Der Text muss mindestens {} Zeichen haben.",
            "the text must have at least {} characters",
            limit.to_string(),
        ),
        K::MaxLength { limit } => (
            "Der Text darf höchstens {} Zeichen haben.",
            "the text must have at most {} characters",
            limit.to_string(),
        ),
        K::MinItems { limit } => (
            "Die Liste muss mindestens {} Einträge haben.",
            "the list must have at least {} items",
            limit.to_string(),
        ),
        K::MaxItems { limit } => (
            "Die Liste darf höchstens {} Einträge haben.",
            "the list must have at most {} items",
            limit.to_string(),
        ),
        K::MultipleOf { multiple_of } => (
            "Der Wert muss ein Vielfaches von {} sein.",
            "the value must be a multiple of {}",
            multiple_of.to_string(),
        ),
        K::UniqueItems => (
            "Die Liste enthält einen Eintrag doppelt.",
            "the list holds an item twice",
            String::new(),
        ),
        other => (
            "Die Regel „{}“ des Schemas ist verletzt.",
            "the schema's rule `{}` is not met",
            other.keyword().to_owned(),
        ),
    };
    (
        Text::new(de.replace("{}", &limit), en.replace("{}", &limit)),
        None,
    )
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn shorten(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 200 {
        text
    } else {
        text.chars().take(199).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests;
