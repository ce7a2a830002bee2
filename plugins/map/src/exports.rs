//! What the component exports: the world `bytes`, and the check of a configuration.

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package stadtbus:mapping; world mapping { include stadtbus:plugin/bytes@1.1.0; include stadtbus:plugin/configured@1.1.0; }",
        world: "stadtbus:mapping/mapping",
        generate_all,
    });
}

use bindings::exports::stadtbus::plugin::configuration;

struct Map;

impl bindings::Guest for Map {
    fn run(input: Vec<u8>) -> Vec<u8> {
        crate::run(&input, bindings::stadtbus::plugin::lookup::get)
    }
}

impl configuration::Guest for Map {
    fn check(config: Vec<u8>) -> Vec<configuration::Fault> {
        let told = |found: crate::Found| configuration::Fault {
            at: found.at,
            line: found.place.0,
            column: found.place.1,
            code: found.code,
            text: found.text,
        };
        crate::check(&config).into_iter().map(told).collect()
    }
}

bindings::export!(Map with_types_in bindings);
