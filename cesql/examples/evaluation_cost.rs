//! What evaluating a filter costs, in nanoseconds: `cargo run --release -p cloudevents-sql --example evaluation_cost`.
//!
//! The event and the filters are those of a city: an outage of 31,200 households. Beside it stands what validating the
//! same event against a JSON Schema costs in the same run, which a bus does once for each event.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::time::Instant;

use cloudevents_sql::{Attributes, Expression, Value};
use serde_json::json;

const ROUNDS: u32 = 1_000_000;
/// The best of so many: the machine has other things to do.
const TRIES: usize = 5;

/// Core attributes in fields, extensions sorted: as an event type would keep them.
struct Event {
    core: [(&'static str, String); 6],
    extensions: Vec<(&'static str, Value<'static>)>,
}

impl Attributes for Event {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        if let Some((_, value)) = self.core.iter().find(|(held, _)| *held == name) {
            return Some(value.as_str().into());
        }
        let at = self
            .extensions
            .binary_search_by(|(held, _)| (*held).cmp(name))
            .ok()?;
        self.extensions.get(at).map(|(_, value)| value.borrowed())
    }
}

fn event() -> Event {
    Event {
        core: [
            ("id", "a8f4a0c2-3d6b-5a51-9c1e-7f2b7c1d9e01".to_owned()),
            ("source", "urn:krefeld:ngn:leitwarte".to_owned()),
            ("type", "de.krefeld.swk.outage.reported.v1".to_owned()),
            ("subject", "NGN-2026-004711".to_owned()),
            ("time", "2026-11-23T14:00:00.004+01:00".to_owned()),
            ("datacontenttype", "application/json".to_owned()),
        ],
        extensions: vec![
            ("correlationid", "NGN-2026-004711".into()),
            ("district", 7.into()),
            ("sequence", "00000042".into()),
            ("severity", 4.into()),
        ],
    }
}

/// (filter, share of subscriptions that look like it, whether the event passes)
const FILTERS: [(&str, u32, bool); 8] = [
    ("type = 'de.krefeld.swk.outage.reported.v1'", 30, true),
    ("type LIKE 'de.krefeld.swk.%'", 20, true),
    ("type LIKE '%.outage.%' AND severity >= 3", 15, true),
    (
        "type IN ('de.krefeld.wohnstaette.defect.reported.v1', 'de.krefeld.gsak.tour.changed.v1', 'de.krefeld.swk.outage.ended.v1')",
        10,
        false,
    ),
    ("district IN (1, 3, 5, 7) AND NOT EXISTS drill", 10, true),
    (
        "(severity > 4 OR subject LIKE 'NGN-____-%') AND source = 'urn:krefeld:ngn:leitwarte'",
        8,
        true,
    ),
    ("EXISTS evacuation AND evacuation", 5, false),
    ("LEFT(subject, 3) = 'NGN' AND INT(sequence) % 2 = 0", 2, true),
];

/// Nanoseconds for one `operation`.
fn measure<T>(rounds: u32, mut operation: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(operation());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    best
}

/// Nanoseconds for one validation of the event as the JSON format has it.
fn schema_cost() -> f64 {
    let text = |max: u32| json!({"type": "string", "minLength": 1, "maxLength": max});
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"}, "id": text(64), "source": text(256), "type": text(128),
            "subject": text(64), "time": text(40), "datacontenttype": text(64), "correlationid": text(64),
            "district": {"type": "integer", "minimum": 1, "maximum": 19},
            "sequence": text(20), "severity": {"type": "integer", "minimum": 0, "maximum": 5},
            "data": {
                "type": "object",
                "additionalProperties": false,
                "required": ["stoerungId", "status", "betroffeneKunden"],
                "properties": {
                    "stoerungId": text(40), "status": {"enum": ["gemeldet", "in_bearbeitung", "behoben"]},
                    "ursache": text(200), "betroffeneKunden": {"type": "integer", "minimum": 0},
                    "stadtteile": {"type": "array", "maxItems": 20, "items": text(60)}
                }
            }
        }
    });
    let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
    let event = event();
    let core = event.core.iter().map(|(name, value)| (*name, json!(value)));
    let extensions = event.extensions.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => json!(text),
            Value::Integer(number) => json!(number),
            Value::Boolean(truth) => json!(truth),
        };
        (*name, value)
    });
    let mut document: serde_json::Map<String, serde_json::Value> = core
        .chain(extensions)
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    document.insert("specversion".to_owned(), json!("1.0"));
    document.insert(
        "data".to_owned(),
        json!({
            "stoerungId": "NGN-2026-004711", "status": "in_bearbeitung", "ursache": "unbekannt",
            "betroffeneKunden": 31200, "stadtteile": ["Bockum", "Gartenstadt", "Elfrath"]
        }),
    );
    let document = serde_json::Value::Object(document);
    assert!(validator.is_valid(&document), "the event satisfies the schema");
    measure(ROUNDS / 10, || validator.is_valid(black_box(&document)))
}

fn main() {
    let event = event();
    println!("{:>9}  {:>9}  share  filter", "evaluate", "parse");
    let (mut mix, mut shares) = (0.0, 0);
    for (source, share, passes) in FILTERS {
        let expression = Expression::parse(source).unwrap();
        assert_eq!(expression.matches(&event), passes, "{source}");
        let cost = measure(ROUNDS, || expression.matches(black_box(&event)));
        let parse = measure(ROUNDS / 20, || Expression::parse(black_box(source)));
        println!("{cost:>6.0} ns  {parse:>6.0} ns  {share:>4} %  {source}");
        mix += cost * f64::from(share);
        shares += share;
    }
    let mix = mix / f64::from(shares);
    let schema = schema_cost();
    println!("{mix:>6.0} ns  the mix: one evaluation, weighted by share");
    println!("{schema:>6.0} ns  one JSON Schema validation of the same event, parsed already");
    println!(
        "{:>6.1}     evaluations of the mix for the price of that validation",
        schema / mix
    );
}
