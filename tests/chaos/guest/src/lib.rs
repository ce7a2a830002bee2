//! Passes the data of an event on, byte for byte.

use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export, reject};

struct PassOn;

impl Transform for PassOn {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let data = event
            .data
            .clone()
            .ok_or_else(|| reject("no-data", "the event has no data"))?;
        Ok(Draft::new("de.pruefstand.abl.probe.derived.v1")
            .data("application/json", data)
            .into())
    }
}

export!(transform: PassOn);
