//! To and from the SDK's event.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudevents::event::ExtensionValue;
use cloudevents::{AttributesReader, AttributesWriter, Data, Event, EventBuilder, EventBuilderV10};
use serde_json::{Map, Value, json};

use crate::Done;

/// Builds a case as a program would.
pub(crate) fn build(case: &Value) -> Done<Event> {
    let none = Map::new();
    let attributes = case.get("attributes").and_then(Value::as_object).unwrap_or(&none);
    let mut builder = EventBuilderV10::new();
    for (name, value) in attributes {
        builder = match (name.as_str(), value) {
            ("id", Value::String(id)) => builder.id(id),
            ("source", Value::String(source)) => builder.source(source),
            ("type", Value::String(ty)) => builder.ty(ty),
            ("subject", Value::String(subject)) => builder.subject(subject),
            ("time", Value::String(time)) => builder.time(time.as_str()),
            ("datacontenttype" | "dataschema", _) => builder,
            (_, Value::String(value)) => builder.extension(name, value.as_str()),
            (_, Value::Bool(value)) => builder.extension(name, *value),
            (_, value) => builder.extension(name, value.as_i64().ok_or("an attribute of no type")?),
        };
    }
    let declared = attributes
        .get("datacontenttype")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let schema = attributes.get("dataschema").and_then(Value::as_str);
    // The builder takes a schema only together with a payload, and a payload only with its type.
    if let Some(schema) = schema {
        builder = builder.data_with_schema("", schema, "");
    }
    let mut event = builder.build()?;
    let (_, schema, _) = event.take_data();
    event.set_dataschema(schema);
    if attributes.contains_key("datacontenttype") {
        event.set_datacontenttype(Some(declared));
    }
    if let Some(data) = payload(case.get("data").unwrap_or(&Value::Null))? {
        event.set_data_unchecked(data);
    }
    Ok(event)
}

fn payload(data: &Value) -> Done<Option<Data>> {
    let member = |name: &str| data.get(name).and_then(Value::as_str);
    Ok(if let Some(json) = member("json") {
        Some(Data::Json(serde_json::from_str(json)?))
    } else if let Some(text) = member("text") {
        Some(Data::String(text.to_owned()))
    } else if let Some(base64) = member("base64") {
        Some(Data::Binary(STANDARD.decode(base64)?))
    } else {
        None
    })
}

/// Tells an event as the receiving program holds it.
pub(crate) fn tell(event: &Event) -> Value {
    let mut attributes = Map::new();
    for (name, value) in event.iter_attributes() {
        attributes.insert(name.to_owned(), value.to_string().into());
    }
    // As the SDK writes times into the JSON format.
    if let Some(time) = event.time() {
        attributes.insert("time".to_owned(), json!(time));
    }
    for (name, value) in event.iter_extensions() {
        let value = match value {
            ExtensionValue::String(text) => json!(text),
            ExtensionValue::Boolean(truth) => json!(truth),
            ExtensionValue::Integer(number) => json!(number),
        };
        attributes.insert(name.to_owned(), value);
    }
    let data = match event.data() {
        None => Value::Null,
        Some(Data::Json(tree)) => json!({ "json": tree.to_string() }),
        Some(Data::String(text)) => json!({ "text": text }),
        Some(Data::Binary(bytes)) => json!({ "base64": STANDARD.encode(bytes) }),
    };
    json!({ "attributes": attributes, "data": data })
}

/// The event's number, from the message itself.
pub(crate) fn key_of(body: &str) -> String {
    let after = body.split_once("\"zeugennr\"").map_or("", |(_, after)| after);
    after.split('"').nth(1).unwrap_or_default().to_owned()
}
