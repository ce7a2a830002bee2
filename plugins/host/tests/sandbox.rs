//! The sandbox from the side of an honest plugin: what it is given, what comes of its answers, what is kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use serde_json::{Value, json};
use stadtbus_plugin_host::{Answer, Call, Failure, Input, Plugin, Pool, StateChange, Tables, Verdict};
use support::{call, event, fresh_dir, guest, host_in, mapper, owned};

fn run(plugin: &Plugin, data: &str, state: Option<&[u8]>) -> Result<Answer, Failure> {
    let tables = Tables::new([("categories", &json!({"lamp": "NGN"}))]);
    let input = event(data);
    plugin.run(Call {
        input: Input::Event(&input),
        config: b"{}",
        state,
        tables: &tables,
    })
}

fn data(answer: &Answer) -> Value {
    let Verdict::Events(drafts) = &answer.verdict else {
        panic!("{answer:?}")
    };
    serde_json::from_slice(drafts[0].data.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_plugin_sees_the_event_and_its_tables() {
    let host = host_in(fresh_dir("sees"));
    let plugin = mapper(&host, "ngn").await;
    let answer = run(
        &plugin,
        r#"{"id":"S-1","category":"lamp","customers":31200,"address":{"street":"Ostwall 1"}}"#,
        None,
    )
    .unwrap();
    let mapped = data(&answer);
    assert_eq!(mapped["company"], "NGN");
    assert_eq!(mapped["customers"], 31_000);
    assert_eq!(mapped["place"]["street"], "Ostwall 1");
    assert_eq!(mapped["extension"], "7");
    let Verdict::Events(drafts) = &answer.verdict else {
        panic!()
    };
    assert_eq!(
        (drafts[0].key.as_deref(), drafts[0].subject.as_deref()),
        (Some("S-1"), Some("S-1"))
    );
    assert_eq!(answer.state, StateChange::Unchanged);
    assert!(answer.cost.memory_bytes > 0 && answer.cost.output_bytes > 0);
}

#[tokio::test]
async fn state_comes_and_goes() {
    let host = host_in(fresh_dir("state"));
    let plugin = mapper(&host, "ngn").await;
    let counted = |state: Option<&[u8]>| run(&plugin, r#"{"id":"1","do":"count"}"#, state).unwrap().state;
    assert_eq!(counted(None), StateChange::Put(b"1".to_vec()));
    assert_eq!(counted(Some(b"41")), StateChange::Put(b"42".to_vec()));
    assert_eq!(
        run(&plugin, r#"{"id":"1","do":"forget"}"#, Some(b"1"))
            .unwrap()
            .state,
        StateChange::Clear
    );
    assert_eq!(
        run(&plugin, r#"{"id":"1","do":"state-too-large"}"#, None)
            .unwrap_err()
            .code,
        "SB-4110"
    );
    // State of another form is the plugin's own affair: the helper rejects.
    let Verdict::Reject(reason) = run(&plugin, r#"{"id":"1","do":"count"}"#, Some(b"\"x\""))
        .unwrap()
        .verdict
    else {
        panic!()
    };
    assert_eq!(reason.code, "state-unreadable");
}

#[tokio::test]
async fn drops_rejections_and_faults_are_told_apart() {
    let host = host_in(fresh_dir("verdicts"));
    let plugin = mapper(&host, "ngn").await;
    assert!(
        matches!(run(&plugin, r#"{"do":"drop"}"#, None).unwrap().verdict, Verdict::Drop(r) if r.code == "asked-to")
    );
    assert!(
        matches!(run(&plugin, r#"{"do":"reject"}"#, None).unwrap().verdict, Verdict::Reject(r) if r.code == "asked-to")
    );
    let Verdict::Reject(reason) = run(&plugin, r#"{"geheim": "#, None).unwrap().verdict else {
        panic!()
    };
    assert_eq!(reason.code, "data-unreadable");
    assert!(!reason.text.contains("geheim"), "{}", reason.text);
    assert_eq!(
        run(&plugin, r#"{"id":"1","do":"other-type"}"#, None)
            .unwrap_err()
            .code,
        "SB-4111"
    );
    assert_eq!(
        run(&plugin, r#"{"id":"1","do":"forge"}"#, None).unwrap_err().code,
        "SB-4107"
    );
    assert_eq!(
        run(&plugin, r#"{"do":"log","id":"x"}"#, None).unwrap().logs[0].text,
        "x"
    );
}

#[tokio::test]
async fn a_panic_names_its_place_but_not_its_message() {
    let host = host_in(fresh_dir("panic"));
    let plugin = mapper(&host, "ngn").await;
    let failure = run(&plugin, r#"{"do":"panic","id":"geheim"}"#, None).unwrap_err();
    assert_eq!(failure.code, "SB-4103");
    let trace = failure.backtrace.as_deref().unwrap();
    // Names are readable: neither mangled nor with a hash.
    assert!(
        trace.contains("stadtbus_plugin::bindings::transformer::_export_transform_cabi"),
        "{trace}"
    );
    assert!(
        failure.logs.iter().any(|line| line.text.contains("src/lib.rs:")),
        "{:?}",
        failure.logs
    );
    assert!(!format!("{failure:?}").contains("geheim"));
}

#[tokio::test]
async fn json_nested_as_deeply_as_it_may_be_fits_the_stack() {
    let host = host_in(fresh_dir("deep"));
    let plugin = mapper(&host, "ngn").await;
    let nested = |depth: usize| {
        format!(
            r#"{{"id":"1","readings":{}1{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert!(data(&run(&plugin, &nested(120), None).unwrap())["readings"].is_array());
    let objects = format!(
        r#"{{"id":"1","readings":{}1{}}}"#,
        r#"{"a":"#.repeat(120),
        "}".repeat(120)
    );
    assert!(data(&run(&plugin, &objects, None).unwrap())["readings"].is_object());
    assert!(matches!(
        run(&plugin, &nested(500), None).unwrap().verdict,
        Verdict::Reject(_)
    ));
}

#[tokio::test]
async fn large_events_take_more_memory_and_the_limit_holds() {
    let host = host_in(fresh_dir("large"));
    let (mut manifest, component) = guest("mapper");
    // Memory is to be the limit that is met first, also on a busy machine.
    manifest.limits.deadline_ms = 1_000;
    let plugin = host.deploy(&manifest, &component).await.unwrap();
    let of = |bytes: usize| format!(r#"{{"id":"1","note":"{}"}}"#, "x".repeat(bytes));
    let small = run(&plugin, &of(10), None).unwrap().cost.memory_bytes;
    let large = run(&plugin, &of(1_000_000), None).unwrap().cost.memory_bytes;
    assert!(large > small, "{small} {large}");
    assert_eq!(run(&plugin, &of(20_000_000), None).unwrap_err().code, "SB-4102");
}

#[tokio::test]
async fn the_same_call_gives_the_same_answer() {
    let host = host_in(fresh_dir("same"));
    let plugin = mapper(&host, "ngn").await;
    let input = r#"{"id":"1","do":"count","readings":[0.1,1e300,{"b":1,"a":2}]}"#;
    let first = run(&plugin, input, None).unwrap();
    for _ in 0..100 {
        let again = run(&plugin, input, None).unwrap();
        assert_eq!((&again.verdict, &again.state), (&first.verdict, &first.state));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_comes_back_in_order_with_its_failures_in_place() {
    let host = host_in(fresh_dir("batch"));
    let pool = Pool::new(2, 100).unwrap();
    let plugin = mapper(&host, "ngn").await;
    let calls = (0..300)
        .map(|n| {
            owned(&event(&if n % 3 == 0 {
                r#"{"do":"panic"}"#.to_owned()
            } else {
                format!(r#"{{"id":"{n}"}}"#)
            }))
        })
        .collect();
    let results = pool.run_batch(&plugin, calls).await;
    assert_eq!(results.len(), 300);
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(answer) => assert_eq!(data(answer)["id"], n.to_string()),
            Err(failure) => assert_eq!((n % 3, failure.code), (0, "SB-4103")),
        }
    }
}

#[tokio::test]
async fn artefacts_are_kept_and_tampered_ones_are_not_loaded() {
    let dir = fresh_dir("artefacts");
    let (manifest, component) = guest("mapper");
    host_in(dir.clone()).deploy(&manifest, &component).await.unwrap();
    let artefact = || {
        let paths = std::fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        paths
            .into_iter()
            .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
            .unwrap()
    };
    let path = artefact();
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    // Again with a new host: taken from the store, not written again.
    host_in(dir.clone()).deploy(&manifest, &component).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written);

    let sound = std::fs::read(&path).unwrap();
    let mut spoilt = sound.clone();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 1;
    std::fs::write(&path, &spoilt).unwrap();
    let plugin = host_in(dir.clone()).deploy(&manifest, &component).await.unwrap();
    assert!(plugin.run(call(&event(r#"{"id":"1"}"#), &Tables::none())).is_ok());
    assert_eq!(std::fs::read(&path).unwrap().len(), sound.len());
    assert_ne!(
        std::fs::read(&path).unwrap(),
        spoilt,
        "the spoilt artefact was loaded instead of made again"
    );

    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(
        std::fs::metadata(dir.join("key")).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_missing_compiler_is_said_so() {
    let (manifest, component) = guest("mapper");
    let compiler = stadtbus_plugin_host::CompilerCommand::Process {
        program: "/nonexistent".into(),
        args: vec![],
    };
    let config = stadtbus_plugin_host::HostConfig {
        instances_max: 2,
        cache_dir: fresh_dir("missing"),
        compiler,
    };
    let host = stadtbus_plugin_host::Host::new(config).unwrap();
    assert_eq!(
        host.deploy(&manifest, &component).await.unwrap_err().code,
        "SB-4005"
    );
}

/// The component as it ships, not as it would be built here.
#[tokio::test]
async fn a_plugin_says_what_is_wrong_with_its_configuration() {
    let host = host_in(fresh_dir("configured"));
    let map = std::fs::read(support::root().join("../map/build/map.wasm")).unwrap();
    let manifest = support::manifest("ngn", "bytes", "");
    let plugin = host.deploy(&manifest, &map).await.unwrap();
    let check = |config: Value| {
        let found = plugin
            .check_config(config.to_string().as_bytes(), &Tables::none())
            .unwrap();
        found
            .into_iter()
            .map(|fault| (fault.at, fault.line, fault.column, fault.code))
            .collect::<Vec<_>>()
    };
    assert_eq!(check(json!({"expression": "{\"type\": data.kind}"})), []);
    let place = |line, column, code: &str| ("/expression".to_owned(), line, column, code.to_owned());
    assert_eq!(
        check(json!({"expression": "data.id\n  +"})),
        [place(2, 4, "s0207")]
    );
    assert_eq!(
        check(json!({"expression": "$now() & $foo"})),
        [place(1, 1, "absent-function"), place(1, 10, "unknown-name")]
    );
    assert_eq!(check(json!({"other": 1}))[0].0, "");
    assert_eq!(check(json!([]))[0].3, "config-unreadable");
}
