//! Has serde read a document that is nested a million times, with the reader's own limit switched off.

use serde::de::Deserialize;
use serde_json::{Deserializer, Value};
use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export, reject};

struct ReadsTooDeep;

impl Transform for ReadsTooDeep {
    fn transform(_event: &Event, _context: &mut Context) -> Answer {
        let text = "[".repeat(1_000_000);
        let mut reader = Deserializer::from_str(&text);
        reader.disable_recursion_limit();
        let value = Value::deserialize(&mut reader).map_err(|_| reject("not-json", "it cannot be read"))?;
        Ok(Draft::new("de.krefeld.test.mapped.v1").json(&value)?.into())
    }
}

export!(transform: ReadsTooDeep);
