//! The measured transform in Rust.

use serde_json::{Map, Value};
use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, drop, export};

struct Measured;

impl Transform for Measured {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let mut outage: Map<String, Value> = event.data_json()?;
        let Some(customers) = outage.get("customers").and_then(Value::as_u64) else {
            return Err(drop("no-outage", "the event is about something else"));
        };
        outage.insert("customers".to_owned(), customers.next_multiple_of(1_000).into());
        Ok(Draft::new("de.krefeld.test.mapped.v1").json(&outage)?.into())
    }
}

export!(transform: Measured);
