//! Warm instances: what they keep, for whom, and when they end. The guest counts its calls and tells the number, so that
//! each answer says how old the instance is that gave it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use stadtbus_plugin_host::{Host, Manifest, Plugin, Tables, Verdict, limits};
use support::{call, event, fresh_dir, host_in, manifest};

/// What the guest does at which of its calls; 0: never.
#[derive(Default)]
struct Guest {
    trap_at: u32,
    spin_at: u32,
    garbage_at: u32,
    grow_at: u32,
    grow_pages: u64,
}

impl Guest {
    fn component(&self) -> Vec<u8> {
        let Self {
            trap_at,
            spin_at,
            garbage_at,
            grow_at,
            grow_pages,
        } = self;
        let answer = r#"{"drop":{"code":"n000","text":"a call"}}"#;
        let digit = 2048 + answer.find("000").unwrap();
        let (tens, ones) = (digit + 1, digit + 2);
        let length = answer.len();
        let answer = answer.replace('"', "\\22");
        let text = format!(
            r#"(component
  (core module $m
    (data (i32.const 2048) "{answer}")
    (global $n (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "run") (param i32 i32) (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (if (i32.eq (global.get $n) (i32.const {trap_at})) (then (unreachable)))
      (if (i32.eq (global.get $n) (i32.const {spin_at})) (then (loop $l (br $l))))
      (if (i32.eq (global.get $n) (i32.const {grow_at})) (then (drop (memory.grow (i32.const {grow_pages})))))
      (i32.store8 (i32.const {digit}) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (global.get $n) (i32.const 100)) (i32.const 10))))
      (i32.store8 (i32.const {tens}) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (global.get $n) (i32.const 10)) (i32.const 10))))
      (i32.store8 (i32.const {ones}) (i32.add (i32.const 48) (i32.rem_u (global.get $n) (i32.const 10))))
      (i32.store (i32.const 1024) (i32.const 2048))
      (i32.store (i32.const 1028) (select (i32.const 5) (i32.const {length}) (i32.eq (global.get $n) (i32.const {garbage_at}))))
      (i32.const 1024)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
        );
        wat::parse_str(text).unwrap()
    }
}

fn warm(partner: &str, limits: &str) -> Manifest {
    manifest(
        partner,
        "bytes",
        &format!("instances: warm\nlimits: {{{limits}}}\n"),
    )
}

async fn deploy(host: &Host, guest: &Guest, manifest: &Manifest) -> Arc<Plugin> {
    host.deploy(manifest, &guest.component()).await.unwrap()
}

/// How many calls the instance that answers has seen, or the code of the failure.
fn age(plugin: &Plugin) -> String {
    match plugin.run(call(&event("{}"), &Tables::none())) {
        Ok(answer) => told(&answer.verdict),
        Err(failure) => failure.code.to_owned(),
    }
}

fn told(verdict: &Verdict) -> String {
    let Verdict::Drop(reason) = verdict else {
        panic!("{verdict:?}")
    };
    reason.code.clone()
}

fn ages(plugin: &Plugin, calls: usize) -> Vec<String> {
    (0..calls).map(|_| age(plugin)).collect()
}

#[tokio::test]
async fn an_instance_serves_as_many_calls_as_its_manifest_says() {
    let host = host_in(fresh_dir("warm-calls"));
    let plugin = deploy(&host, &Guest::default(), &warm("ngn", "instance_calls_max: 3")).await;
    assert_eq!(
        ages(&plugin, 7),
        ["n001", "n002", "n003", "n001", "n002", "n003", "n001"]
    );
    let plugin = deploy(&host, &Guest::default(), &warm("ngn", "instance_calls_max: 1")).await;
    assert_eq!(ages(&plugin, 2), ["n001", "n001"]);
}

#[tokio::test]
async fn an_instance_whose_memory_grew_too_much_ends() {
    let host = host_in(fresh_dir("warm-growth"));
    let pages = limits::WARM_GROWTH_BYTES_MAX / 65_536;
    let guest = |grow_at, grow_pages| Guest {
        grow_at,
        grow_pages,
        ..Guest::default()
    };
    let plugin = deploy(&host, &guest(2, pages + 1), &warm("ngn", "")).await;
    assert_eq!(ages(&plugin, 3), ["n001", "n002", "n001"]);
    // As much as is allowed, and what the first call takes to settle, are no growth.
    for guest in [guest(2, pages), guest(1, pages + 1)] {
        let plugin = deploy(&host, &guest, &warm("ngn", "")).await;
        assert_eq!(ages(&plugin, 3), ["n001", "n002", "n003"]);
    }
}

#[tokio::test]
async fn an_instance_that_failed_in_any_way_ends() {
    let host = host_in(fresh_dir("warm-failure"));
    let cases = [
        (
            Guest {
                trap_at: 2,
                ..Guest::default()
            },
            "SB-4103",
        ),
        (
            Guest {
                spin_at: 2,
                ..Guest::default()
            },
            "SB-4101",
        ),
        (
            Guest {
                garbage_at: 2,
                ..Guest::default()
            },
            "SB-4107",
        ),
        (
            Guest {
                grow_at: 2,
                grow_pages: 1_000,
                ..Guest::default()
            },
            "SB-4102",
        ),
    ];
    for (guest, code) in cases {
        let plugin = deploy(&host, &guest, &warm("ngn", "deadline_ms: 30")).await;
        assert_eq!(ages(&plugin, 4), ["n001", code, "n001", code]);
    }
}

#[tokio::test]
async fn no_partner_plugin_or_deployment_gets_anothers_instance() {
    let host = host_in(fresh_dir("warm-partners"));
    let component = Guest::default();
    let ngn = deploy(&host, &component, &warm("ngn", "")).await;
    let gsak = deploy(&host, &component, &warm("gsak", "")).await;
    let mut other = warm("ngn", "");
    other.plugin = "other".to_owned();
    let other = deploy(&host, &component, &other).await;
    let again = deploy(&host, &component, &warm("ngn", "")).await;
    assert_eq!(ages(&ngn, 2), ["n001", "n002"]);
    for plugin in [&gsak, &other, &again] {
        assert_eq!(plugin.digest(), ngn.digest());
        assert_eq!(age(plugin), "n001");
    }
    assert_eq!(age(&ngn), "n003");
}

#[tokio::test]
async fn who_does_not_ask_for_warm_instances_gets_fresh_ones() {
    let host = host_in(fresh_dir("warm-fresh"));
    let plugin = deploy(&host, &Guest::default(), &manifest("ngn", "bytes", "")).await;
    assert_eq!(ages(&plugin, 2), ["n001", "n001"]);
    // And who asks can still be asked in a fresh one, beside the one that waits.
    let plugin = deploy(&host, &Guest::default(), &warm("ngn", "")).await;
    assert_eq!(ages(&plugin, 2), ["n001", "n002"]);
    let (input, tables) = (event("{}"), Tables::none());
    let fresh = plugin.run_fresh(call(&input, &tables)).unwrap();
    assert_eq!(told(&fresh.verdict), "n001");
    assert_eq!(age(&plugin), "n003");
}

#[tokio::test]
async fn each_call_has_its_whole_time_however_old_the_instance_is() {
    let host = host_in(fresh_dir("warm-time"));
    let limits = "deadline_ms: 10, instance_calls_max: 10000";
    let plugin = deploy(&host, &Guest::default(), &warm("ngn", limits)).await;
    let born = Instant::now();
    while born.elapsed() < Duration::from_millis(100) {
        let answered = age(&plugin);
        assert!(answered.starts_with('n'), "{answered}");
    }
}

#[tokio::test]
async fn who_waits_longest_makes_room_for_the_others() {
    let host = host_in(fresh_dir("warm-room"));
    // The host of these tests has 32 instances, half of which may wait.
    let mut plugins = Vec::new();
    for number in 0..17 {
        let plugin = deploy(&host, &Guest::default(), &warm(&format!("partner-{number}"), "")).await;
        assert_eq!(age(&plugin), "n001");
        plugins.push(plugin);
    }
    assert_eq!(age(&plugins[16]), "n002");
    assert_eq!(
        age(&plugins[0]),
        "n001",
        "it was the oldest, and should have ended"
    );
    // What is undeployed gives its room back.
    plugins.truncate(1);
    let plugin = deploy(&host, &Guest::default(), &warm("late", "")).await;
    assert_eq!(ages(&plugin, 2), ["n001", "n002"]);
    assert_eq!(age(&plugins[0]), "n002");
}

#[test]
fn records_have_no_warm_instances() {
    let text = "plugin: p\npartner: ngn\nversion: 1.0.0\nrole: transform\ninstances: warm\nconsumes: [a.b.v1]\nproduces: [a.c.v1]\n";
    let error = Manifest::parse(text).unwrap_err();
    assert_eq!(error.code, "SB-4007");
    assert!(error.detail.contains("instances: warm"), "{error}");
    for calls in [0, 10_001] {
        let error = Manifest::parse(&text.replace(
            "instances: warm",
            &format!("world: bytes\ninstances: warm\nlimits: {{instance_calls_max: {calls}}}"),
        ));
        assert!(error.unwrap_err().detail.contains("instance_calls_max"));
    }
}
