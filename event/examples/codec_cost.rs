//! What the crate costs per event of 1 KiB, in microseconds, beside the SDK where that can do the same: `cargo run --release -p stadtbus-event --example codec_cost`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use stadtbus_event::kafka_binding::Key;
use stadtbus_event::{
    Event, Format, amqp_binding, check_extensions, http_binding, json, kafka_binding, mqtt_binding,
    nats_binding,
};

const ROUNDS: u32 = 200_000;

/// Microseconds for one operation, printed and returned.
fn measure<T>(what: &str, mut operation: impl FnMut() -> T) -> f64 {
    for _ in 0..ROUNDS / 10 {
        black_box(operation());
    }
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(operation());
    }
    let cost = start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
    println!("{what:<34} {cost:>7.3} µs");
    cost
}

/// Structured mode against the SDK, in the same run: its type is read and written by serde, as its bindings do.
fn against_the_sdk(body: &Bytes, event: &Event) {
    println!("\nagainst cloudevents-sdk, structured mode in JSON");
    let sdk: cloudevents::Event = serde_json::from_slice(body).unwrap();
    let rows = [
        (
            "parse",
            measure("  parse", || json::parse(body).unwrap()),
            measure("  parse, SDK", || {
                serde_json::from_slice::<cloudevents::Event>(body).unwrap()
            }),
        ),
        (
            "write",
            measure("  write", || json::to_bytes(event)),
            measure("  write, SDK", || serde_json::to_vec(&sdk).unwrap()),
        ),
        (
            "round trip",
            measure("  round trip", || json::to_bytes(&json::parse(body).unwrap())),
            measure("  round trip, SDK", || {
                serde_json::to_vec(&serde_json::from_slice::<cloudevents::Event>(body).unwrap()).unwrap()
            }),
        ),
    ];
    for (what, ours, theirs) in rows {
        println!("  {what}: {:.1} times as fast", theirs / ours);
    }
}

/// Every format, and every binding in binary mode.
fn formats_and_bindings(event: &Event) {
    println!("\nformats");
    for format in Format::ALL {
        let written = format.to_bytes(event);
        println!("  {format:?}: {} bytes", written.len());
        measure("  parse", || format.parse(&written).unwrap());
        measure("  write", || format.to_bytes(event));
    }
    println!("\nbindings, binary mode");
    let mqtt = mqtt_binding::encode_binary(event).unwrap();
    measure("  MQTT write", || mqtt_binding::encode_binary(event).unwrap());
    measure("  MQTT read", || mqtt_binding::decode(&mqtt).unwrap());
    let kafka = kafka_binding::encode_binary(event, &Key::None);
    measure("  Kafka write", || {
        kafka_binding::encode_binary(event, &Key::None)
    });
    measure("  Kafka read", || kafka_binding::decode(&kafka).unwrap());
    let amqp = amqp_binding::encode_binary(event);
    measure("  AMQP write", || amqp_binding::encode_binary(event));
    measure("  AMQP read", || amqp_binding::decode(&amqp).unwrap());
}

fn main() {
    let points: Vec<String> = (0..20).map(|n| format!("[6.6{n:02},51.3{n:02}]")).collect();
    let body = Bytes::from(format!(
        r#"{{"specversion":"1.0","id":"a8f4a0c2-3d6b-5a51-9c1e-7f2b7c1d9e01","source":"urn:krefeld:ngn:leitwarte","type":"de.krefeld.swk.outage.reported.v1","subject":"NGN-2026-004711","time":"2026-11-23T14:00:00.004+01:00","datacontenttype":"application/json","dataschema":"https://bus.krefeld.example/schemas/outage.v1.json","correlationid":"NGN-2026-004711","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{{"stoerungId":"NGN-2026-004711","status":"in_bearbeitung","ursache":"unbekannt","betroffeneKunden":31200,"gebiet":{{"type":"Polygon","coordinates":[[{}]]}},"stadtteile":["Bockum","Gartenstadt","Elfrath"]}}}}"#,
        points.join(",")
    ));
    println!("structured event of {} bytes", body.len());
    let event = json::parse(&body).unwrap();
    let (nats_headers, payload) = nats_binding::encode_binary(&event);
    let logged = nats_binding::decode(&nats_headers, payload.clone()).unwrap();
    let (http_headers, http_body) = http_binding::encode_binary(&event);
    measure("json::parse", || json::parse(&body).unwrap());
    measure("json::to_bytes", || json::to_bytes(&event));
    measure("json::to_bytes, first time", || {
        json::to_bytes(&logged.to_builder().data(payload.clone()).build().unwrap())
    });
    measure("nats_binding::encode_binary", || {
        nats_binding::encode_binary(&event)
    });
    measure("nats_binding::decode", || {
        nats_binding::decode(&nats_headers, payload.clone()).unwrap()
    });
    measure("http_binding::encode_binary", || {
        http_binding::encode_binary(&event)
    });
    measure("http_binding::decode, binary", || {
        http_binding::decode(&http_headers, http_body.clone(), 1).unwrap()
    });
    measure("clone", || event.clone());
    measure("size_bytes", || event.size_bytes());
    measure("check_extensions", || check_extensions(&event).unwrap());
    against_the_sdk(&body, &event);
    formats_and_bindings(&event);
}
