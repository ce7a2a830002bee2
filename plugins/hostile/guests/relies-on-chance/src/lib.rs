//! Looks for chance where a program has some: the seed of hash maps, the order they give, addresses of values. Allowed; two
//! calls with one input must say the same.

use std::collections::HashMap;

use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export, json};

struct ReliesOnChance;

impl Transform for ReliesOnChance {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let map: HashMap<usize, String> = (0..50).map(|n| (n, format!("{}{n}", event.id))).collect();
        let order: Vec<usize> = map.keys().copied().collect();
        let heap = Box::new(0_u8);
        let addresses = [&raw const *heap as usize, &raw const map as usize];
        Ok(Draft::new("de.krefeld.test.mapped.v1")
            .json(&json!({"order": order, "addresses": addresses}))?
            .into())
    }
}

export!(transform: ReliesOnChance);
