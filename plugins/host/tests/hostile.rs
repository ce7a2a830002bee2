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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stadtbus_plugin_host::{Host, PluginError, Pool, Tables, Verdict};
use support::corpus::{self, Attack, SECRET, component};
use support::{bombs, call, event, fresh_dir, host_in, manifest, owned};

/// What the whole corpus may leave behind in the host, in MiB.
const RSS_GROWTH_MIB_MAX: u64 = 48;

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn every_attack_of_the_folder_is_in_the_corpus() {
    let mut listed: Vec<String> = corpus::attacks().into_iter().map(|attack| attack.file).collect();
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(corpus::dir().join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let texts = names("").into_iter().filter(|name| name.ends_with(".wat"));
    let guests = names("guests").into_iter().filter(|name| !name.starts_with('.'));
    let guests = guests.map(|name| format!("guests/{name}"));
    let mut present: Vec<String> = texts.chain(guests).collect();
    listed.sort();
    present.sort();
    assert_eq!(listed, present);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_stopped_and_named_while_honest_calls_succeed() {
    let host = host_in(fresh_dir("corpus"));
    let pool = Arc::new(Pool::new(0, 64).unwrap());
    let honest = support::mapper(&host, "gsak").await;
    let input = corpus::input();
    let mut wrong = String::new();
    let mut before = None;
    for attack in corpus::attacks() {
        let outcome = attack_once(&host, &pool, &attack, &input).await;
        let expected = (attack.stage.as_str(), attack.code.as_deref());
        if (outcome.0, outcome.1) != expected {
            writeln!(wrong, "{}: {expected:?} expected, got {outcome:?}", attack.file).unwrap();
        }
        if outcome.2.contains(SECRET) {
            writeln!(wrong, "{}: the input is repeated: {}", attack.file, outcome.2).unwrap();
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
    let (manifest, component) = corpus::ready(&attack.file, "ngn", "limits: {deadline_ms: 30}\n");
    let plugin = match host.deploy(&manifest, &component).await {
        Err(PluginError { code, detail, .. }) => return ("deploy", Some(code), detail),
        Ok(plugin) => plugin,
    };
    match pool.run(&plugin, owned(input)).await {
        Err(failure) => ("run", Some(failure.code), format!("{failure:?}")),
        Ok(answer) => {
            let again = pool.run(&plugin, owned(input)).await.unwrap();
            assert_eq!(
                (&again.verdict, &again.logs),
                (&answer.verdict, &answer.logs),
                "{}",
                attack.file
            );
            ("allowed", None, String::new())
        }
    }
}

#[tokio::test]
async fn what_is_logged_cannot_steer_forge_or_hide() {
    let host = host_in(fresh_dir("escape"));
    let plugin = host
        .deploy(&manifest("ngn", "bytes", ""), &component("log_escape.wat"))
        .await
        .unwrap();
    let answer = plugin.run(call(&event("{}"), &Tables::none())).unwrap();
    assert_eq!(answer.logs.len(), 2);
    for line in &answer.logs {
        let harmful =
            |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}".contains(c);
        assert!(!line.text.contains(harmful), "{:?}", line.text);
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

#[tokio::test]
async fn a_compile_bomb_harms_only_its_own_process() {
    let host = host_in(fresh_dir("bomb"));
    let bomb = bombs::for_the_compiler().component;
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
    for bomb in bombs::beyond_each_limit().into_iter().chain(bombs::far_beyond()) {
        let error = host
            .deploy(&manifest("ngn", "bytes", ""), &bomb.component)
            .await
            .unwrap_err();
        assert_eq!(error.code, bomb.code, "{}: {error}", bomb.name);
        assert!(error.detail.contains(bomb.what), "{}: {error}", bomb.name);
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
