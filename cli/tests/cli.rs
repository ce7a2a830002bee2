//! The command line as a person or a script meets it: the built program, its words, its channels, its exit codes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadtbus"));
    command
        .args(words)
        .stdin(Stdio::null())
        .env_clear()
        .env("LANG", "C")
        .env("HOME", std::env::temp_dir());
    command
}

fn finished(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(words: &[&str]) -> Run {
    finished(command(words).output().unwrap())
}

/// A folder that is gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stadtbus-cli-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A port on which nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn explain_speaks_both_languages() {
    let german = run(&["--lang", "de", "explain", "sb-1203"]);
    assert_eq!((german.code, german.err.as_str()), (0, ""));
    assert!(
        german
            .out
            .starts_with("SB-1203: Die Daten passen nicht zum Vertrag\n\nUrsache\n"),
        "{}",
        german.out
    );
    let english = run(&["explain", "1203", "--lang=en"]);
    assert!(
        english
            .out
            .starts_with("SB-1203: The data does not fit the contract\n\nCause\n"),
        "{}",
        english.out
    );
    let by_locale = finished(
        command(&["explain", "SB-1203"])
            .env("LANG", "de_DE.UTF-8")
            .output()
            .unwrap(),
    );
    assert_eq!(by_locale.out, german.out);
    let json: serde_json::Value =
        serde_json::from_str(&run(&["explain", "SB-1203", "--output", "json"]).out).unwrap();
    assert_eq!(json["code"], "SB-1203");
    assert!(json["remedy"].as_str().unwrap().contains("examples/ok-*.json"));
    let all = run(&["explain"]);
    assert!(all.out.lines().count() > 100 && all.out.lines().all(|line| line.starts_with("SB-")));
}

#[test]
fn an_unknown_code_leads_to_similar_ones() {
    let wrong = run(&["--lang", "de", "explain", "SB-1230"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    assert!(
        wrong
            .err
            .starts_with("Fehler SB-6002: Den Code `SB-1230` gibt es nicht.\n"),
        "{}",
        wrong.err
    );
    assert!(
        wrong.err.ends_with("Hinweis: stadtbus explain SB-1203\n"),
        "{}",
        wrong.err
    );
}

#[test]
fn wrong_use_is_answered_with_a_command_to_paste() {
    let cases: [(&[&str], &str, &str); 7] = [
        (
            &["sned"],
            "error SB-6002: There is no command `sned`.\n  did you mean: send\n",
            "hint: stadtbus --help\n",
        ),
        (
            &["send"],
            "error SB-6002: Missing: <FILE>\n",
            "hint: stadtbus send --help\n",
        ),
        (
            &["send", "x", "--rout", "a"],
            "error SB-6002: There is no `--rout` here.\n  did you mean: --route\n",
            "hint: stadtbus send --help\n",
        ),
        (
            &["dlq", "retry"],
            "error SB-6002: Missing:",
            "hint: stadtbus dlq retry --help\n",
        ),
        (
            &["receive", "a", "--max", "0"],
            "error SB-6002: `0` does not fit `--max <N>`.\n",
            "hint: stadtbus receive --help\n",
        ),
        (
            &["status", "--output", "yaml"],
            "error SB-6002: `yaml` does not fit `--output <FORMAT>`.\n  possible: text, json\n",
            "hint: stadtbus status --help\n",
        ),
        (
            &[],
            "error SB-6002: It is not said what to do.\n",
            "hint: stadtbus --help\n",
        ),
    ];
    for (words, start, end) in cases {
        let wrong = run(words);
        assert_eq!((wrong.code, wrong.out.as_str()), (2, ""), "{words:?}");
        assert!(
            wrong.err.starts_with(start) && wrong.err.ends_with(end),
            "{words:?}:\n{}",
            wrong.err
        );
    }
    let german = finished(command(&["send"]).env("LC_ALL", "de_DE.UTF-8").output().unwrap());
    assert_eq!(
        german.err,
        "Fehler SB-6002: Es fehlt: <DATEI>\nHinweis: stadtbus send --help\n"
    );
}

#[test]
fn help_is_data_in_the_language_of_the_run() {
    let german = run(&["--lang", "de", "trace", "--help"]);
    assert_eq!((german.code, german.err.as_str()), (0, ""));
    for part in [
        "Den Weg eines Ereignisses zeigen",
        "Aufruf: stadtbus trace [OPTIONEN] <ID>",
        "Argumente:",
        "Beispiel:\n  stadtbus trace",
    ] {
        assert!(german.out.contains(part), "{part}:\n{}", german.out);
    }
    let english = run(&["trace", "--help"]);
    for part in [
        "Usage: stadtbus trace [OPTIONS] <ID>",
        "Arguments:",
        "Example:\n  stadtbus trace",
    ] {
        assert!(english.out.contains(part), "{part}:\n{}", english.out);
    }
    assert!(!english.out.contains("plugin-compile") && run(&["--version"]).out.starts_with("stadtbus "));
}

#[test]
fn a_bus_that_does_not_answer_is_exit_4() {
    let scratch = Scratch::new("unreachable");
    let event = scratch.file(
        "event.json",
        r#"{"specversion":"1.0","id":"1","source":"urn:x","type":"a.b.v1"}"#,
    );
    let cases: [&[&str]; 6] = [
        &["status", "--server", NOBODY],
        &["send", event.to_str().unwrap(), "--server", NOBODY],
        &["trace", "1", "--partner", "ngn", "--server", NOBODY],
        &["tap", "--server", NOBODY],
        &["dlq", "list", "--server", NOBODY],
        &["receive", "x", "--server", NOBODY],
    ];
    for words in cases {
        let lost = run(words);
        assert_eq!((lost.code, lost.out.as_str()), (4, ""), "{words:?}: {}", lost.err);
        assert!(
            lost.err
                .starts_with("error SB-6001: The bus at http://127.0.0.1:1 does not answer.\n"),
            "{}",
            lost.err
        );
        assert!(
            lost.err
                .ends_with("hint: stadtbus doctor --server http://127.0.0.1:1\n"),
            "{}",
            lost.err
        );
    }
    let json = run(&["status", "--server", NOBODY, "--output", "json", "--lang", "de"]);
    let error: serde_json::Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!((error["error"]["code"].as_str(), json.code), (Some("SB-6001"), 4));
    let doctor = run(&["doctor", "--server", NOBODY]);
    assert_eq!(doctor.code, 2, "{}", doctor.err);
    assert!(doctor.out.starts_with("fault"), "{}", doctor.out);
}

#[test]
fn identities_and_files_are_checked_before_anything_is_sent() {
    let scratch = Scratch::new("identity");
    let event = scratch.file("event.json", "{}");
    let event = event.to_str().unwrap();
    let missing = run(&["send", "no-such-file.json"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing
            .err
            .starts_with("error SB-6003: no-such-file.json cannot be opened.\n"),
        "{}",
        missing.err
    );
    let tokenless = run(&["send", event, "--as", "ngn/leitwarte"]);
    assert!(
        tokenless.err.contains(
            "hint: stadtbus token issue --key issuer.pem --partner ngn --system leitwarte --scope publish"
        ),
        "{}",
        tokenless.err
    );
    // {"sub":"fb37/leitstelle"}
    let foreign = run(&[
        "send",
        event,
        "--as",
        "ngn/leitwarte",
        "--token",
        "e30.eyJzdWIiOiJmYjM3L2xlaXRzdGVsbGUifQ.x",
    ]);
    assert!(
        foreign
            .err
            .starts_with("error SB-6002: The token belongs to `fb37/leitstelle`, not to `ngn/leitwarte`.\n"),
        "{}",
        foreign.err
    );
    assert_eq!((tokenless.code, foreign.code), (2, 2));
}

#[test]
fn keys_are_made_once_and_tokens_issued_with_them() {
    let scratch = Scratch::new("keys");
    let key = scratch.0.join("issuer.pem");
    let key = key.to_str().unwrap();
    let made = run(&["token", "key", "--out", key]);
    assert_eq!((made.code, made.out.trim()), (0, key), "{}", made.err);
    let text = fs::read_to_string(key).unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    let again = run(&["token", "key", "--out", key]);
    assert_eq!(again.code, 2);
    assert_eq!(
        fs::read_to_string(key).unwrap(),
        text,
        "an existing key must not be overwritten"
    );
    let issue = [
        "token",
        "issue",
        "--key",
        key,
        "--partner",
        "ngn",
        "--system",
        "leitwarte",
        "--scope",
        "publish,subscribe",
        "--ttl",
        "1h",
    ];
    let token = run(&issue);
    assert_eq!(token.out.trim().split('.').count(), 3, "{}", token.err);
    assert_eq!(
        (token.code, token.err.as_str(), token.out.lines().count()),
        (0, "", 1)
    );
    for (at, bad) in [(5, "NGN"), (9, "everything"), (11, "soon"), (11, "0s")] {
        let mut words = issue;
        words[at] = bad;
        let refused = run(&words);
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (2, ""),
            "{bad}: {}",
            refused.err
        );
    }
}

#[test]
fn print_config_is_the_reference_and_serve_refuses_what_is_wrong() {
    let scratch = Scratch::new("config");
    let printed = run(&["print-config"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert!(
        printed.out.contains("\n[broker]\n") && printed.out.contains("listen = "),
        "{}",
        printed.out
    );
    let cases = [
        ("lisen = \"127.0.0.1:0\"\n", "SB-1001", "`listen`"),
        ("listen = 7\n", "SB-1002", "listen"),
        ("listen = \n", "SB-1002", ""),
    ];
    for (text, code, part) in cases {
        let file = scratch.file("stadtbus.toml", text);
        let refused = run(&["serve", "--config", file.to_str().unwrap(), "--lang", "de"]);
        assert_eq!((refused.code, refused.out.as_str()), (64, ""), "{}", refused.err);
        assert!(
            refused.err.starts_with(&format!("Fehler {code}: ")) && refused.err.contains(part),
            "{}",
            refused.err
        );
        assert!(
            refused.err.ends_with("Hinweis: stadtbus print-config\n"),
            "{}",
            refused.err
        );
    }
    let missing = run(&["serve", "--config", "no-such-file.toml"]);
    assert_eq!(missing.code, 64);
    assert!(missing.err.starts_with("error SB-1003: "), "{}", missing.err);
}

#[test]
fn a_broken_city_folder_is_told_with_file_and_line() {
    let scratch = Scratch::new("lint");
    scratch.file("city.yaml", "city: beispiel\ntitel: Beispielstadt\n");
    let folder = scratch.0.to_str().unwrap();
    let german = run(&["lint", folder, "--lang", "de"]);
    assert_eq!(german.code, 1, "{}", german.out);
    assert!(
        german.out.contains("city.yaml:2:1: Fehler SB-5003:"),
        "{}",
        german.out
    );
    assert!(
        german.out.contains("Hinweis:") && german.err.contains("Fehler ·"),
        "{}{}",
        german.out,
        german.err
    );
    let json: serde_json::Value =
        serde_json::from_str(&run(&["lint", folder, "--output", "json", "--quiet"]).out).unwrap();
    assert!(
        json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["code"] == "SB-5004"),
        "{json}"
    );
    let apply = run(&["apply", folder, "--server", NOBODY]);
    assert_eq!((apply.code, apply.out.as_str()), (64, ""), "{}", apply.err);
    assert!(
        apply.err.contains("SB-5003") && apply.err.contains(&format!("hint: stadtbus lint {folder}")),
        "{}",
        apply.err
    );
    let nothing = run(&["test", folder.trim_end_matches("lint")]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    use std::io::Read as _;
    let mut child = command(&["explain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0_u8; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[test]
fn a_new_plugin_is_complete_and_its_name_is_checked() {
    let scratch = Scratch::new("plugin");
    let folder = scratch.0.join("mein-plugin");
    let folder = folder.to_str().unwrap();
    let made = run(&[
        "plugin",
        "new",
        "mein-plugin",
        "--partner",
        "ngn",
        "--folder",
        folder,
    ]);
    assert_eq!(made.code, 0, "{}", made.err);
    for file in ["Cargo.toml", "plugin.yaml", "src/lib.rs", "mein-plugin_test.yaml"] {
        assert!(Path::new(folder).join(file).is_file(), "{file}");
    }
    let again = run(&[
        "plugin",
        "new",
        "mein-plugin",
        "--partner",
        "ngn",
        "--folder",
        folder,
    ]);
    assert!(again.err.starts_with("error SB-6003: "), "{}", again.err);
    let bad = run(&["plugin", "new", "Mein Plugin", "--partner", "ngn"]);
    assert!(bad.err.starts_with("error SB-5013: "), "{}", bad.err);
    let unbuilt = run(&["plugin", "check", folder, "--lang", "de"]);
    assert_eq!(unbuilt.code, 1, "{}", unbuilt.err);
    assert!(
        unbuilt.err.starts_with("Fehler SB-5011: ")
            && unbuilt
                .err
                .ends_with(&format!("Hinweis: stadtbus plugin build {folder}\n")),
        "{}",
        unbuilt.err
    );
}

#[test]
fn dev_says_what_is_missing_before_it_starts_anything() {
    let advice = finished(
        command(&["dev", "--lang", "de"])
            .env("STADTBUS_NATS_SERVER", "/nowhere/nats-server")
            .output()
            .unwrap(),
    );
    assert_eq!((advice.code, advice.out.as_str()), (64, ""), "{}", advice.err);
    assert!(advice.err.starts_with("Fehler SB-6004: "), "{}", advice.err);
    assert!(
        advice.err.ends_with("Hinweis: stadtbus dev --broker memory\n"),
        "{}",
        advice.err
    );
}
