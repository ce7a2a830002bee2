//! Keeps what it allocates, and allocates without end.

use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export};

struct AllocatesEndlessly;

impl Transform for AllocatesEndlessly {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        loop {
            kept.push(event.id.as_bytes().repeat(10_000));
            // Never so; a loop without a way out would be all the compiler leaves of this.
            if kept.len() == usize::MAX {
                return Ok(Draft::new("de.krefeld.test.mapped.v1").json(&kept)?.into());
            }
        }
    }
}

export!(transform: AllocatesEndlessly);
