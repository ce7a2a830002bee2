//! What it says: languages, help, codes, misuse.

use crate::{command, finished, run};
use std::process::Stdio;

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
            "error SB-6002: Which ones? Name numbers from the list, or what they have in common.\n",
            "hint: stadtbus dlq retry --subscription fb37-stromausfall --dry-run\n",
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
