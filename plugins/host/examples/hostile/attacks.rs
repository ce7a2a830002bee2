//! Each attack of the corpus against a host and a pool of its own, with the default limits.

use std::time::Instant;

use stadtbus_plugin_host::{Answer, Failure, Host, Manifest, PluginError, Pool, limits};

use crate::support::corpus::{self, SECRET};
use crate::support::{bombs, fresh_dir, host_in, mapper, owned};

/// What became of one attack.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Where it ended.
    pub(crate) stage: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The longest from start to stop.
    pub(crate) worst_ms: f64,
    /// How far beyond the deadline that was, for a call that ran into it.
    pub(crate) late_ms: Option<f64>,
}

impl Row {
    pub(crate) fn is_right(&self) -> bool {
        self.expected == self.got
    }
}

struct Candidate {
    name: String,
    expected: String,
    manifest: Manifest,
    component: Vec<u8>,
}

/// What each attack came to, and by how many MiB the process has grown over all of them.
pub(crate) async fn run_all(runs: usize) -> (Vec<Row>, f64) {
    let host = host_in(fresh_dir("hostile-corpus"));
    let pool = Pool::new(0, 64).unwrap();
    let honest = mapper(&host, "gsak").await;
    let input = corpus::input();
    // All is made ready before, so that what grows is the host.
    let candidates = candidates();
    for _ in 0..1_000 {
        pool.run(&honest, owned(&input)).await.unwrap();
    }
    let before = rss_mib();
    let mut rows = Vec::new();
    for candidate in &candidates {
        rows.push(attack(&host, &pool, candidate, runs).await);
        let answer = pool.run(&honest, owned(&input)).await;
        assert!(answer.is_ok(), "after {}: {answer:?}", candidate.name);
    }
    (rows, rss_mib() - before)
}

fn candidates() -> Vec<Candidate> {
    let of_corpus = corpus::attacks().into_iter().map(|attack| {
        let (manifest, component) = corpus::ready(&attack.file, "ngn", "");
        Candidate {
            expected: outcome(&attack.stage, attack.code.as_deref()),
            name: attack.file,
            manifest,
            component,
        }
    });
    let bombs = bombs::beyond_each_limit().into_iter();
    let bombs = bombs
        .chain(bombs::far_beyond())
        .chain([bombs::for_the_compiler()]);
    let bombs = bombs.map(|bomb| Candidate {
        name: bomb.name.to_owned(),
        expected: outcome("deploy", Some(bomb.code)),
        manifest: crate::support::manifest("ngn", "bytes", ""),
        component: bomb.component,
    });
    of_corpus.chain(bombs).collect()
}

fn outcome(stage: &str, code: Option<&str>) -> String {
    code.map_or_else(|| stage.to_owned(), |code| format!("{stage} {code}"))
}

async fn attack(host: &Host, pool: &Pool, candidate: &Candidate, runs: usize) -> Row {
    let mut row = Row {
        name: candidate.name.clone(),
        stage: "deploy",
        expected: candidate.expected.clone(),
        got: String::new(),
        worst_ms: 0.0,
        late_ms: None,
    };
    let started = Instant::now();
    let plugin = match host.deploy(&candidate.manifest, &candidate.component).await {
        Ok(plugin) => plugin,
        Err(PluginError { code, .. }) => {
            row.worst_ms = ms_since(started);
            row.got = outcome("deploy", Some(code));
            return row;
        }
    };
    row.stage = "run";
    let input = corpus::input();
    let mut first = None;
    for _ in 0..runs.max(2) {
        let started = Instant::now();
        let result = pool.run(&plugin, owned(&input)).await;
        row.worst_ms = row.worst_ms.max(ms_since(started));
        row.got = judge(&result, first.get_or_insert(result.clone()));
        if !row.is_right() {
            break;
        }
    }
    let late_ms = row.worst_ms - limits::DEADLINE_MS.default as f64;
    row.late_ms = (late_ms > 0.0).then_some(late_ms);
    row
}

/// What a call came to; and whether it was not what the first one came to, or told what was in the input.
fn judge(result: &Result<Answer, Failure>, first: &Result<Answer, Failure>) -> String {
    match (result, first) {
        (Err(failure), _) if format!("{failure:?}").contains(SECRET) => {
            format!("run {} that repeats the input", failure.code)
        }
        (Err(failure), _) => outcome("run", Some(failure.code)),
        (Ok(answer), Ok(first)) if answer.verdict == first.verdict && answer.logs == first.logs => {
            outcome("allowed", None)
        }
        (Ok(_), _) => "another answer to the same input".to_owned(),
    }
}

fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1_000.0
}

fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}
