//! An honest guest for the tests and the measurement of the host: it does what ordinary plugins do, and the odd thing
//! a test asks it for in `do`.

use serde_json::{Value, json};
use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, drop, export, log, reject};

struct Mapper;

impl Transform for Mapper {
    fn transform(event: &Event, context: &mut Context) -> Answer {
        let data: Value = event.data_json()?;
        let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("do") {
            "drop" => return Err(drop("asked-to", "the input asks for it")),
            "reject" => return Err(reject("asked-to", "the input asks for it")),
            "panic" => panic!("secret {}", text("id")),
            "count" => {
                let seen: u64 = context.state()?.unwrap_or(0);
                context.put_state(&(seen + 1))?;
            }
            "forget" => context.clear_state(),
            "log" => log::info(text("id")),
            "state-too-large" => context.put_state(&"x".repeat(100))?,
            "other-type" => return Ok(Draft::new("de.krefeld.other.v1").into()),
            "forge" => {
                return Ok(Draft::new("de.krefeld.test.mapped.v1")
                    .extension("causationid", "forged")
                    .into());
            }
            _ => {}
        }
        let company: Option<String> = context.lookup("categories", text("category"))?;
        let mapped = json!({
            "id": data.get("id"),
            "place": {"street": data.pointer("/address/street"), "zip": data.pointer("/address/zip")},
            "customers": data.get("customers").and_then(Value::as_u64).map(|count| (count + 500) / 1_000 * 1_000),
            "company": company,
            "readings": data.get("readings"),
            "extension": event.extension("sequence"),
        });
        Ok(Draft::new("de.krefeld.test.mapped.v1")
            .key(text("id"))
            .subject(text("id"))
            .json(&mapped)?
            .into())
    }
}

export!(transform: Mapper);
