//! Counts by place and passes the data on, byte for byte.

use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export, reject};

struct Count;

impl Transform for Count {
    fn transform(event: &Event, context: &mut Context) -> Answer {
        let data = event
            .data
            .clone()
            .ok_or_else(|| reject("no-data", "the event has no data"))?;
        let count = context.state::<u64>()?.unwrap_or_default() + 1;
        context.put_state(&count)?;
        Ok(Draft::new("de.simulation.abl.probe.counted.v1")
            .subject(count.to_string())
            .data("application/json", data)
            .into())
    }
}

export!(transform: Count);
