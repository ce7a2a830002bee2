//! What the crate costs per event of 1 KiB, in microseconds: `cargo run --release -p stadtbus-event --example cost`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use stadtbus_event::{http_binding, json, nats_binding};

const ROUNDS: u32 = 200_000;

fn measure<T>(what: &str, mut operation: impl FnMut() -> T) {
    for _ in 0..ROUNDS / 10 {
        black_box(operation());
    }
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(operation());
    }
    println!(
        "{what:<28} {:>7.3} µs",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    );
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
}
