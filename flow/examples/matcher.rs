//! What it costs to find the subscriptions of one event, with ten, a thousand and a hundred thousand of them.
//!
//! `cargo run --release -p stadtbus-flow --example matcher`
//!
//! Two mixes over the same 40 event types, 200 recipients with 8,000 usage agreements, and filters of every dialect.
//! *City*: districts, streets, thresholds, areas; the more subscribe, the more match. *Own objects*: everybody asks
//! for things of his own, so that hardly more match however many subscribe. Memory is what the allocator gave out and did not
//! get back: `table` for the matcher alone, `rule` for the subscription with its parsed filters below it. `naive` asks every
//! rule of the city in turn, as a journey does.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use stadtbus_contracts::{City, DataView, Registry, Subscription, load};
use stadtbus_event::Event;
use stadtbus_flow::route::{Decision, Matcher, Rule};

const TYPES: usize = 40;
const RECIPIENTS: usize = 200;
const EVENTS: usize = 2_000;
const PURPOSE: &str = "https://w3id.org/dpv#ServiceProvision";
const DISTRICTS: [&str; 19] = [
    "stadtmitte",
    "kempener-feld",
    "inrath",
    "cracau",
    "dießem",
    "benrad",
    "forstwald",
    "benrad-nord",
    "hüls",
    "traar",
    "verberg",
    "gartenstadt",
    "bockum",
    "linn",
    "gellep",
    "fischeln",
    "uerdingen",
    "elfrath",
    "oppum",
];

fn ty(n: usize) -> String {
    format!("de.teststadt.werk.thing{}.v1", n % TYPES)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn city() -> City {
    let mut city = load(Path::new("contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    city.subscriptions.clear();
    let (contract, partner) = (city.contracts[0].clone(), city.partners["amt"].clone());
    for n in 0..RECIPIENTS {
        let mut partner = partner.clone();
        partner.partner = format!("amt{n}").parse().unwrap();
        for system in &mut partner.systems {
            system.sources = vec![format!("urn:teststadt:amt{n}:sys")];
        }
        city.partners.insert(partner.partner.clone(), partner);
    }
    city.contracts = (0..TYPES)
        .map(|n| {
            let mut contract = contract.clone();
            contract.event_type = ty(n).parse().unwrap();
            contract.id = format!("urn:teststadt:datacontract:werk.thing{n}.v1");
            contract.schema = contract.schema.replace("thing", &format!("thing{n}"));
            let agreement = contract.usage[0].clone();
            contract.usage = (0..RECIPIENTS)
                .map(|to| {
                    let mut agreement = agreement.clone();
                    agreement.agreement = format!("urn:teststadt:usage:{n}:{to}");
                    agreement.recipient = format!("amt{to}").parse().unwrap();
                    agreement
                })
                .collect();
            contract
        })
        .collect();
    city
}

/// A position in a city of ten by twelve kilometres.
fn position(random: &mut fastrand::Rng) -> [f64; 2] {
    [6.50 + random.f64() * 0.17, 51.28 + random.f64() * 0.11]
}

fn street(random: &mut fastrand::Rng) -> String {
    let district = DISTRICTS[random.usize(..DISTRICTS.len())];
    format!("{district}/straße-{}", random.u32(..100))
}

fn area(random: &mut fastrand::Rng) -> Value {
    let [lon, lat] = position(random);
    let corner = |n: i32| {
        let angle = f64::from(n % 12) * std::f64::consts::TAU / 12.0;
        [lon + 0.008 * angle.cos(), lat + 0.005 * angle.sin()]
    };
    let ring: Vec<[f64; 2]> = (0..=12).map(corner).collect();
    json!({"type": "Polygon", "coordinates": [ring]})
}

/// What departments, companies and associations would order.
fn of_the_city(n: usize, random: &mut fastrand::Rng) -> Value {
    let district = DISTRICTS[random.usize(..DISTRICTS.len())];
    let [lon, lat] = position(random);
    match n / TYPES % 20 {
        0..=3 => json!([{"exact": {"partitionkey": district}}]),
        4..=5 => json!([{"prefix": {"subject": format!("{}/", street(random))}}]),
        6 => json!([{"suffix": {"subject": format!("/{}", random.u32(..500))}}]),
        7..=9 => {
            json!([{"x-data": {"/customers": {"atLeast": 10u32.pow(random.u32(2..5)) + random.u32(..900)}}}])
        }
        10..=12 => {
            json!([{"x-data": {"/location": {"near": {"lat": lat, "lon": lon, "metres": random.u32(100..800)}}}}])
        }
        13 => json!([{"x-data": {"/location": {"within": area(random)}}}]),
        14 => json!([{"sql": format!("partitionkey = '{district}' AND severity >= {}", random.u32(2..5))}]),
        15 => {
            json!([{"sql": format!("subject LIKE '{}/%' OR (severity = 4 AND partitionkey IN ('{district}', 'linn'))", street(random))}])
        }
        16 => {
            json!([{"any": [{"exact": {"partitionkey": district}}, {"x-data": {"/cause": {"in": ["bagger", "sturm"]}}}]}, {"x-data": {"/customers": {"atLeast": random.u32(100..9_000)}}}])
        }
        17 => {
            json!([{"exact": {"partitionkey": district}}, {"not": {"suffix": {"subject": "-test"}}}, {"x-data": {"/status": "open"}}])
        }
        18 => json!([{"not": {"prefix": {"subject": format!("{district}/")}}}]),
        _ => json!([]),
    }
}

/// Filters for one meter, one building, one rare event.
fn of_own_objects(n: usize, random: &mut fastrand::Rng) -> Value {
    let [lon, lat] = position(random);
    match n / TYPES % 5 {
        0 => json!([{"exact": {"subject": format!("{}/{n}", street(random))}}]),
        1 => json!([{"x-data": {"/station": format!("UST-{n}")}}]),
        2 => json!([{"x-data": {"/location": {"near": {"lat": lat, "lon": lon, "metres": 10}}}}]),
        3 => json!([{"x-data": {"/customers": {"atLeast": 1_000_000 + random.u32(..1_000_000)}}}]),
        _ => json!([{"sql": format!("subject = '{}/{n}' AND severity > 1", street(random))}]),
    }
}

fn rules(count: usize, mix: Mix, registry: &Arc<Registry>) -> Vec<Arc<Rule>> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..count)
        .map(|n| {
            let subscription: Subscription = serde_json::from_value(json!({
                "subscription": format!("amt-{n}"), "partner": format!("amt{}", n % RECIPIENTS),
                "title": "Störungen im eigenen Gebiet", "purpose": PURPOSE, "types": [ty(n)],
                "filters": mix(n, &mut random), "sink": {"pull": {}},
            }))
            .unwrap();
            Arc::new(Rule::new(subscription, Arc::clone(registry)))
        })
        .collect()
}

/// Events of about 600 bytes of data; few customers mostly, many seldom.
fn events() -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(11);
    (0..EVENTS)
        .map(|n| {
            let street = street(&mut random);
            let district = street.split('/').next().unwrap().to_owned();
            let data = json!({
                "station": format!("UST-{}", random.u32(..100_000)), "status": (["open", "closed"])[n % 2],
                "customers": 10f64.powf(random.f64() * 4.0) as u32, "cause": (["bagger", "sturm", "alter", "wartung", "unbekannt"])[n % 5],
                "location": {"type": "Point", "coordinates": position(&mut random)},
                "begin": "2026-11-23T14:00:00+01:00", "text": "x".repeat(300),
            });
            Event::builder(n.to_string(), "urn:teststadt:werk:sys", ty(random.usize(..TYPES)))
                .subject(format!("{street}/{}", random.u32(..500)))
                .extension("partitionkey", district)
                .extension("severity", random.i32(0..5))
                .datacontenttype("application/json")
                .data(data.to_string())
                .build()
                .unwrap()
        })
        .collect()
}

type Mix = fn(usize, &mut fastrand::Rng) -> Value;

/// Nanoseconds for one of `events`, and how many matches each has; for at least half a second.
fn rate(events: &[Event], mut matches: impl FnMut(&Event) -> usize) -> (f64, f64) {
    let (mut asked, mut matched) = (0usize, 0usize);
    let start = Instant::now();
    while asked < events.len() || start.elapsed() < Duration::from_millis(500) {
        for event in events {
            matched += black_box(matches(black_box(event)));
        }
        asked += events.len();
    }
    let nanos = start.elapsed().as_secs_f64() * 1e9;
    (nanos / asked as f64, matched as f64 / asked as f64)
}

fn row(name: &str, count: usize, mix: Mix, registry: &Arc<Registry>, events: &[Event]) {
    let mut made = None;
    let below = allocation_counter::measure(|| made = Some(rules(count, mix, registry)));
    let rules = made.unwrap();
    let mut built = None;
    let start = Instant::now();
    let table = allocation_counter::measure(|| built = Some(Matcher::new(rules.clone())));
    let compiled = start.elapsed();
    let matcher = built.unwrap();
    let (nanos, matches) = rate(events, |event| {
        let mut found = 0;
        matcher.matches(event, now(), |_| found += 1);
        found
    });
    let few = &events[..events.len().min(4_000_000 / count.max(1)).max(20)];
    let (naive, again) = rate(few, |event| {
        let view = DataView::new(event);
        let explained = rules.iter().map(|rule| rule.explain_in(&view, now()));
        explained.filter(|decision| *decision == Decision::Match).count()
    });
    let (_, expected) = rate(few, |event| {
        let mut found = 0;
        matcher.matches(event, now(), |_| found += 1);
        found
    });
    assert!(
        (again - expected).abs() < 1e-9,
        "the table finds {expected}, the rules say {again}"
    );
    println!(
        "{name:<12} {count:>9} {nanos:>10.0} {matches:>9.2} {:>9} {naive:>12.0} {:>7} {:>7} {:>9.0}",
        if matches > 0.0 {
            format!("{:.0}", nanos / matches)
        } else {
            "-".to_owned()
        },
        table.bytes_current / i64::try_from(count).unwrap(),
        below.bytes_current / i64::try_from(count).unwrap(),
        compiled.as_secs_f64() * 1e3,
    );
}

fn main() {
    let registry = Arc::new(Registry::compile(city()).unwrap_or_else(|findings| panic!("{findings}")));
    let events = events();
    println!(
        "{:<12} {:>9} {:>10} {:>9} {:>9} {:>12} {:>7} {:>7} {:>9}",
        "mix", "orders", "ns/event", "matches", "ns/match", "naive ns", "B table", "B rule", "ms build"
    );
    for (name, mix) in [("city", of_the_city as Mix), ("own objects", of_own_objects)] {
        for count in [10, 1_000, 100_000] {
            row(name, count, mix, &registry, &events);
        }
    }
}
