//! `stadtbus plugin watch`: each change of a plugin is one turn that does again what changed, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Failure, Process, eventually, stadtbus_bin, workspace_dir};
use tempfile::TempDir;

use crate::supply::stadtbus;

/// The first turn compiles what the plugin depends on.
const BUILD: Duration = Duration::from_secs(200);
const SOURCE: &str = "src/lib.rs";
const TESTS: &str = "probe_test.yaml";

/// A new plugin in Rust inside the source tree, where guests share what they depend on.
pub(crate) async fn new_plugin() -> (TempDir, PathBuf) {
    let target = workspace_dir().join("target");
    let home = tempfile::Builder::new()
        .prefix("plugin-")
        .tempdir_in(target)
        .unwrap();
    let folder = home.path().join("probe");
    let path = folder.display().to_string();
    let made = stadtbus(&["plugin", "new", "probe", "--partner", "werk", "--folder", &path]).await;
    made.success("new").unwrap();
    (home, folder)
}

/// A watcher, and what it has said.
struct Watcher {
    process: Process,
}

impl Watcher {
    fn start(folder: &Path, log: &str, more: &[&str]) -> Self {
        let path = folder.display().to_string();
        let mut args = vec!["plugin", "watch", &path, "--output", "json", "--quiet"];
        args.extend_from_slice(more);
        let log = folder.parent().unwrap().join(log);
        let process = Process::start(&stadtbus_bin().unwrap(), &args, &[], &log).unwrap();
        Self { process }
    }

    fn turns(&self) -> Vec<Value> {
        let text = self.process.log_text();
        // The last line may not be whole yet.
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect()
    }

    async fn turn(&self, number: usize) -> Value {
        eventually(BUILD, &format!("turn {number}"), || async {
            let turn = self.turns().into_iter().nth(number - 1);
            turn.ok_or_else(|| Failure::new(self.process.log_text()))
        })
        .await
        .unwrap()
    }
}

fn change(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// Number, changed files, how it was built, passed, failed, code.
fn told(turn: &Value) -> Value {
    json!([
        turn["turn"],
        turn["changes"],
        turn["build"]["effort"],
        turn["passed"],
        turn["failed"],
        turn["error"]["code"]
    ])
}

#[tokio::test]
async fn each_change_is_one_turn_that_does_again_what_changed() {
    let (_home, folder) = new_plugin().await;
    let mut watcher = Watcher::start(&folder, "watch.log", &[]);
    assert_eq!(told(&watcher.turn(1).await), json!([1, [], "quick", 2, 0, null]));

    // A test asks for no build.
    change(&folder, TESTS, "people: 300", "people: 400");
    let turn = watcher.turn(2).await;
    assert_eq!(told(&turn), json!([2, [TESTS], null, 1, 1, null]));
    let notes = turn["cases"][1]["note"].as_str().unwrap();
    assert!(
        notes.contains(" of 50 ms") && notes.contains(" of 16 MiB"),
        "{turn}"
    );

    // Neither what tools make nor what editors keep for a moment is a change: it would be turn 3, or stand in it.
    std::fs::create_dir_all(folder.join("build")).unwrap();
    std::fs::write(folder.join("build/note"), "1").unwrap();
    std::fs::write(folder.join("src/lib.rs~"), "1").unwrap();
    change(
        &folder,
        SOURCE,
        "div_ceil(100) * 100",
        "div_ceil(100) * 100 + 100",
    );
    assert_eq!(
        told(&watcher.turn(3).await),
        json!([3, [SOURCE], "quick", 2, 0, null])
    );

    change(&folder, SOURCE, "let input: Input", "let input: Inputs");
    let turn = watcher.turn(4).await;
    assert_eq!(told(&turn), json!([4, [SOURCE], null, 0, 0, "SB-5011"]));
    assert!(
        turn["error"].to_string().contains("error[E0425]")
            || turn["error"].to_string().contains("error[E0412]"),
        "{turn}"
    );

    // While the source does not build, a test that changed needs a build, too.
    change(&folder, TESTS, "nobody affected", "nobody at all");
    assert_eq!(
        told(&watcher.turn(5).await),
        json!([5, [TESTS], null, 0, 0, "SB-5011"])
    );
    change(&folder, SOURCE, "let input: Inputs", "let input: Input");
    assert_eq!(
        told(&watcher.turn(6).await),
        json!([6, [SOURCE], "quick", 2, 0, null])
    );
    watcher.process.kill_hard().await.unwrap();

    // What is signed and deployed is not what was built in a hurry.
    assert!(folder.join("build/watch/probe.wasm").is_file() && !folder.join("build/probe.wasm").exists());
}

/// Holds a build up until the test says go; `target` is not watched.
const GATE: &str = r#"
fn main() {
    println!("cargo:rerun-if-changed=src/lib.rs");
    std::fs::write("target/began", "").unwrap();
    while !std::path::Path::new("target/go").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
"#;

#[tokio::test]
async fn a_change_during_a_build_is_one_more_turn_also_where_nobody_tells() {
    let (_home, folder) = new_plugin().await;
    std::fs::create_dir(folder.join("target")).unwrap();
    std::fs::write(folder.join("target/go"), "").unwrap();
    std::fs::write(folder.join("build.rs"), GATE).unwrap();
    for (log, more) in [("told.log", &[][..]), ("polled.log", &["--poll"][..])] {
        let mut watcher = Watcher::start(&folder, log, more);
        assert_eq!(told(&watcher.turn(1).await), json!([1, [], "quick", 2, 0, null]));
        std::fs::remove_file(folder.join("target/go")).unwrap();
        std::fs::remove_file(folder.join("target/began")).unwrap();
        change(&folder, SOURCE, "use serde::", "// changed\nuse serde::");
        eventually(BUILD, "the build", || async {
            let began = folder.join("target/began").exists();
            if began {
                Ok(())
            } else {
                Err(Failure::new("not yet"))
            }
        })
        .await
        .unwrap();
        change(&folder, SOURCE, "// changed\n", "");
        std::fs::write(folder.join("target/go"), "").unwrap();
        assert_eq!(
            told(&watcher.turn(2).await),
            json!([2, [SOURCE], "quick", 2, 0, null])
        );
        assert_eq!(
            told(&watcher.turn(3).await),
            json!([3, [SOURCE], "quick", 2, 0, null])
        );
        // And no more than one: the next turn is the next change's.
        change(&folder, TESTS, "# Cases", "# The cases");
        assert_eq!(
            told(&watcher.turn(4).await),
            json!([4, [TESTS], null, 2, 0, null])
        );
        change(&folder, TESTS, "# The cases", "# Cases");
        watcher.turn(5).await;
        watcher.process.kill_hard().await.unwrap();
    }
}
