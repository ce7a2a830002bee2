//! Panics with the data of its event and a message of a megabyte. Neither may be seen in what the host says about it.

use stadtbus_plugin::{Answer, Context, Event, Transform, export};

struct PanicsWithSecret;

impl Transform for PanicsWithSecret {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let data = event.data.clone().unwrap_or_default();
        panic!("{} {}", String::from_utf8_lossy(&data), "x".repeat(1 << 20));
    }
}

export!(transform: PanicsWithSecret);
