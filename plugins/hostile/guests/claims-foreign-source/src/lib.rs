//! Publishes under the source of another partner. A draft has no such field, so it tries the extensions.

use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export};

struct ClaimsForeignSource;

impl Transform for ClaimsForeignSource {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        Ok(Draft::new("de.krefeld.test.mapped.v1")
            .extension("source", "urn:krefeld:fb37:leitstelle")
            .data("application/json", event.data.clone().unwrap_or_default())
            .into())
    }
}

export!(transform: ClaimsForeignSource);
