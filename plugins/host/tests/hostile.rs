//! The attack corpus against the real thing: compiling process, artefacts, pool. Each attack is stopped where and how
//! `corpus.yaml` says, an honest plugin works before and after each, and the host's memory stays where it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stadtbus_plugin_host::{Host, PluginError, Pool, Tables, Verdict};
use support::{call, event, fresh_dir, host_in, manifest, owned};

/// What the whole corpus may leave behind in the host, in MiB.
const RSS_GROWTH_MIB_MAX: u64 = 48;

#[derive(serde::Deserialize)]
struct Attack {
    file: String,
    stage: String,
    code: Option<String>,
}

fn corpus_dir() -> PathBuf {
    support::root().join("../hostile")
}

fn corpus() -> Vec<Attack> {
    serde_saphyr::from_str(&std::fs::read_to_string(corpus_dir().join("corpus.yaml")).unwrap()).unwrap()
}

fn component(file: &str) -> Vec<u8> {
    wat::parse_file(corpus_dir().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn every_attack_of_the_folder_is_in_the_corpus() {
    let mut listed: Vec<String> = corpus().into_iter().map(|attack| attack.file).collect();
    let entries = std::fs::read_dir(corpus_dir()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut present: Vec<String> = names.filter(|name| name.ends_with(".wat")).collect();
    listed.sort();
    present.sort();
    assert_eq!(listed, present);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_stopped_and_named_while_honest_calls_succeed() {
    let host = host_in(fresh_dir("corpus"));
    let pool = Arc::new(Pool::new(0, 64).unwrap());
    let honest = support::mapper(&host, "gsak").await;
    let input = event(r#"{"id":"S-1"}"#);
    let mut wrong = String::new();
    let mut before = None;
    for attack in corpus() {
        let outcome = attack_once(&host, &pool, &attack, &input).await;
        let expected = (attack.stage.as_str(), attack.code.as_deref());
        if (outcome.0, outcome.1) != expected {
            writeln!(wrong, "{}: {expected:?} expected, got {outcome:?}", attack.file).unwrap();
        }
        let answer = pool.run(&honest, owned(&input)).await;
        assert!(answer.is_ok(), "after {}: {answer:?}", attack.file);
        before.get_or_insert_with(rss_mib);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let growth = rss_mib().saturating_sub(before.unwrap());
    assert!(
        growth <= RSS_GROWTH_MIB_MAX,
        "the corpus left {growth} MiB behind"
    );
}

async fn attack_once(
    host: &Host,
    pool: &Pool,
    attack: &Attack,
    input: &stadtbus_event::Event,
) -> (&'static str, Option<&'static str>, String) {
    let manifest = manifest("ngn", "bytes", "limits: {deadline_ms: 30}\n");
    match host.deploy(&manifest, &component(&attack.file)).await {
        Err(PluginError { code, detail, .. }) => ("deploy", Some(code), detail),
        Ok(plugin) => match pool.run(&plugin, owned(input)).await {
            Err(failure) => ("run", Some(failure.code), failure.detail),
            Ok(answer) => ("allowed", None, format!("{:?}", answer.verdict)),
        },
    }
}

#[tokio::test]
async fn a_log_flood_is_bounded_and_cleaned() {
    let host = host_in(fresh_dir("flood"));
    let plugin = host
        .deploy(&manifest("ngn", "bytes", ""), &component("log_flood.wat"))
        .await
        .unwrap();
    let answer = plugin.run(call(&event("{}"), &Tables::none())).unwrap();
    assert!(matches!(answer.verdict, Verdict::Drop(_)));
    assert_eq!((answer.logs.len(), answer.cost.log_lines_dropped), (64, 936));
    assert!(
        answer
            .logs
            .iter()
            .all(|line| line.text.chars().all(|c| !c.is_control() && c != '\u{202e}'))
    );
}

#[tokio::test]
async fn no_call_finds_what_another_left() {
    let host = host_in(fresh_dir("leak"));
    let plugin = host
        .deploy(&manifest("ngn", "bytes", ""), &component("leak.wat"))
        .await
        .unwrap();
    let (input, tables) = (event("{}"), Tables::none());
    for _ in 0..20_000 {
        plugin.run(call(&input, &tables)).unwrap();
    }
}

#[tokio::test]
async fn refused_imports_are_listed_by_name() {
    let host = host_in(fresh_dir("imports"));
    let error = host
        .deploy(&manifest("ngn", "bytes", ""), &component("import_wasi.wat"))
        .await
        .unwrap_err();
    assert_eq!(
        error.names,
        [
            "wasi:cli/environment@0.2.0",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:sockets/tcp@0.2.0"
        ]
    );
    assert!(error.detail.contains("wasi:sockets/tcp@0.2.0") && error.hint.is_some());
}

#[tokio::test]
async fn garbage_is_refused_without_harm() {
    let host = host_in(fresh_dir("garbage"));
    let good = component("leak.wat");
    let manifest = manifest("ngn", "bytes", "");
    let code = async |bytes: &[u8]| host.deploy(&manifest, bytes).await.unwrap_err().code;
    assert_eq!(code(b"").await, "SB-4001");
    assert_eq!(code(b"(component)").await, "SB-4001");
    assert_eq!(code(&good[..good.len() / 2]).await, "SB-4001");
    assert_eq!(code(&vec![0; 11 * 1024 * 1024]).await, "SB-4004");
    // One byte after another is spoilt: each result is an answer, none a crash.
    for place in (8..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x55;
        if let Err(error) = host.deploy(&manifest, &bytes).await {
            assert!(error.code.starts_with("SB-40"), "{error}");
        }
    }
}

/// Functions of hundreds of kilobytes whose values all stay alive: within every limit of shape, and more work for
/// the register allocator than the compiling process may do.
fn compile_bomb() -> Vec<u8> {
    let mut text = String::from("(component (core module $m (memory (export \"memory\") 1)");
    for function in 0..10 {
        write!(
            text,
            "(func (export \"f{function}\") (param i32) (result i32) (local i32 i32 i32 i32)"
        )
        .unwrap();
        text.push_str(&"(local.set 1 (i32.add (local.get 0) (i32.mul (local.get 2) (i32.load (local.get 3)))))(local.set 2 (i32.xor (local.get 1) (local.get 4)))(if (local.get 1) (then (local.set 3 (local.get 2))) (else (local.set 4 (local.get 1))))".repeat(20_000));
        text.push_str("(local.get 1))");
    }
    text.push_str(
        "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0))\
         (func (export \"run\") (param i32 i32) (result i32) (i32.const 0)))\
         (core instance $i (instantiate $m))\
         (func (export \"run\") (param \"input\" (list u8)) (result (list u8))\
         (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")) (realloc (core func $i \"realloc\")))))",
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{:.300}", error.to_string()))
}

#[tokio::test]
async fn a_compile_bomb_harms_only_its_own_process() {
    let host = host_in(fresh_dir("bomb"));
    let bomb = compile_bomb();
    assert!(bomb.len() < stadtbus_plugin_host::limits::COMPONENT_BYTES_MAX);
    let before = rss_mib();
    let error = host
        .deploy(&manifest("ngn", "bytes", ""), &bomb)
        .await
        .unwrap_err();
    assert_eq!(error.code, "SB-4005", "{error}");
    assert!(rss_mib().saturating_sub(before) < RSS_GROWTH_MIB_MAX);
}

#[tokio::test]
async fn bombs_of_shape_are_refused_before_they_are_compiled() {
    let host = host_in(fresh_dir("shape"));
    let in_module = |items: String| format!("(component (core module {items}))");
    let nested = (0..12).fold(String::new(), |inner, _| format!("(component {inner})"));
    let bombs = [
        ("functions", in_module("(func)".repeat(30_001))),
        ("globals", in_module("(global i32 (i32.const 0))".repeat(1_001))),
        (
            "types",
            in_module(
                (0..10_001)
                    .map(|n| format!("(type (func (param {})))", "i32 ".repeat(n % 90)))
                    .collect(),
            ),
        ),
        (
            "exports",
            in_module((0..2_001).fold("(func $f)".to_owned(), |all, n| {
                all + &format!("(export \"{n}\" (func $f))")
            })),
        ),
        (
            "core modules",
            format!("(component {})", "(core module)".repeat(17)),
        ),
        (
            "instances",
            format!(
                "(component (core module $m) {})",
                "(core instance (instantiate $m))".repeat(65)
            ),
        ),
        ("segments", in_module("(data \"x\")".repeat(20_001))),
        ("tables", in_module("(table 1 funcref)".repeat(9))),
        (
            "bytes in one function",
            in_module(format!("(func {})", "(nop)".repeat(1_100_000))),
        ),
        ("", nested),
    ];
    for (what, text) in bombs {
        let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{:.300}", error.to_string()));
        let error = host
            .deploy(&manifest("ngn", "bytes", ""), &bytes)
            .await
            .unwrap_err();
        assert_eq!(error.code, "SB-4006", "{error}");
        assert!(error.detail.contains(what), "{what}: {error}");
    }
}

/// Eight partners whose plugins use up their whole deadline, and one honest: the honest one is hardly kept waiting.
/// Counted in calls, not in time: while it makes 200 calls one after another, the others finish only what one of the
/// two halves of the threads can do.
#[tokio::test(flavor = "multi_thread")]
async fn eight_hostile_neighbours_do_not_starve_an_honest_partner() {
    let host = host_in(fresh_dir("neighbours"));
    let pool = Arc::new(Pool::new(0, 64).unwrap());
    let honest = support::mapper(&host, "gsak").await;
    let over = Arc::new(AtomicBool::new(false));
    let spins = Arc::new(AtomicU64::new(0));
    let mut neighbours = Vec::new();
    for number in 0..8 {
        let manifest = manifest(
            &format!("hostile-{number}"),
            "bytes",
            "limits: {deadline_ms: 50}\n",
        );
        let plugin = host
            .deploy(&manifest, &component("loop_endless.wat"))
            .await
            .unwrap();
        let (over, spins, pool) = (Arc::clone(&over), Arc::clone(&spins), Arc::clone(&pool));
        neighbours.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                for result in pool.run_batch(&plugin, vec![owned(&event("{}")); 4]).await {
                    assert_eq!(result.unwrap_err().code, "SB-4101");
                    spins.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    // All are known to be heavy once each has spun.
    while spins.load(Ordering::Relaxed) < 32 {
        tokio::task::yield_now().await;
    }
    let before = spins.load(Ordering::Relaxed);
    let input = event(r#"{"id":"S-1"}"#);
    for _ in 0..200 {
        pool.run(&honest, owned(&input)).await.unwrap();
    }
    let during = spins.load(Ordering::Relaxed) - before;
    over.store(true, Ordering::Relaxed);
    for neighbour in neighbours {
        neighbour.await.unwrap();
    }
    // 200 calls that each waited for one spin would have seen 200 spins.
    assert!(
        during < 50,
        "the honest partner's 200 calls took as long as {during} spins"
    );
}
