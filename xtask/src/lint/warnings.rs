//! Clippy, with every warning an error.

use serde_json::Value;

use crate::shell::{Done, Shell};

/// Set for all of a run, cargo compiles with clippy itself: then what is built for the tests is linted on the way, and no
/// dependency is looked at twice.
const WRAPPER: &str = "RUSTC_WORKSPACE_WRAPPER";

pub(super) fn run(shell: &Shell) -> Done {
    let all = ["--release", "--workspace", "--all-targets"];
    if std::env::var_os(WRAPPER).is_none_or(|wrapper| wrapper != "clippy-driver") {
        return shell.run(
            "cargo",
            &[&["clippy"], &all[..], &["--", "-D", "warnings"]].concat(),
        );
    }
    let build = [&["build", "--message-format", "json"], &all[..]].concat();
    let told = shell.read_even_failed("cargo", &build)?;
    let warnings = found(&told);
    for warning in &warnings {
        eprintln!("{warning}");
    }
    match warnings.len() {
        0 => shell.run("cargo", &[&["build"], &all[..]].concat()),
        count => Err(format!("clippy: {count} warnings")),
    }
}

/// What the compiler said, as it is shown to people. Cargo repeats it for what was compiled before.
fn found(told: &str) -> Vec<String> {
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let message = line.get("message").filter(|message| message.is_object())?;
        let level = message.get("level")?.as_str()?;
        let rendered = message.get("rendered")?.as_str()?;
        matches!(level, "warning" | "error").then(|| rendered.to_owned())
    };
    told.lines().filter_map(message).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_warning_is_found_among_what_cargo_says() {
        let told = concat!(
            "{\"reason\":\"compiler-artifact\",\"package_id\":\"a\"}\n",
            "{\"reason\":\"compiler-message\",\"message\":{\"level\":\"warning\",\"rendered\":\"warning: unused\"}}\n",
            "{\"reason\":\"compiler-message\",\"message\":{\"level\":\"note\",\"rendered\":\"note\"}}\n",
        );
        assert_eq!(super::found(told), ["warning: unused"]);
    }
}
