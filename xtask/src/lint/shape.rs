//! Shape: nothing longer than a person reads in one go, and `unsafe` in one place.

use super::{Breach, Source};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const MAIN_LINES_MAX: usize = 120;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[(
    "event/src/json/tests.rs",
    "one table of what the JSON format refuses, read against the specification as a whole",
)];

/// The one place where `unsafe` is the only way, with its reason.
const UNSAFE: &[(&str, &str)] = &[(
    "plugins/host/src/",
    "a compiled component is loaded by wasmtime's unsafe deserialize: we made it ourselves, keyed by digest",
)];
const UNSAFE_MAX: usize = 1;

/// Files over 400 lines and functions over 70 (code lines, as clippy counts them) of the crates that ship.
pub(crate) fn lengths(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let lines = source.text.lines().count();
        let excepted = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        let max = if source.path.ends_with("src/main.rs") && source.is_product() {
            MAIN_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > max && !excepted {
            breaches.push(Breach::new(&source.path, format!("{lines} lines, {max} at most")));
        }
        if source.is_product() {
            breaches.extend(long_functions(source));
        }
    }
    breaches
}

/// Relies on the format: a function ends at the first line that closes a brace at the indentation it began with.
fn long_functions(source: &Source) -> Vec<Breach> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut breaches = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !begins_function(line.trim_start()) {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let body = lines
            .iter()
            .skip(start + 1)
            .take_while(|line| line.trim_end() != closing);
        let code = body.filter(|line| !line.trim().is_empty()).count();
        // One-line and bodiless functions end before any such brace; the count then runs on, so it is cut where the item ends.
        if !ends_at_once(&lines, start, indent) && code > FUNCTION_LINES_MAX {
            let place = format!("{}:{}", source.path, start + 1);
            breaches.push(Breach::new(
                place,
                format!("{code} code lines in one function, {FUNCTION_LINES_MAX} at most"),
            ));
        }
    }
    breaches
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || ["async", "const", "unsafe", "extern", "crate)", "super)"].contains(word)
    });
    words.next() == Some("fn")
}

/// Whether the function's signature ends in `;` or opens and closes its body on one line.
fn ends_at_once(lines: &[&str], start: usize, indent: usize) -> bool {
    for (at, line) in lines.iter().enumerate().skip(start) {
        let end = line.trim_end();
        let at_indent = at == start || (!end.is_empty() && end.len() - end.trim_start().len() == indent);
        if end.ends_with(';') || (at_indent && end.ends_with('}')) {
            return true;
        }
        if end.ends_with('{') {
            return false;
        }
    }
    true
}

/// Every `unsafe` of the crates that ship, but for the one that has a reason.
pub(crate) fn unsafe_places(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut excused = 0_usize;
    for source in sources.iter().filter(|source| source.is_product()) {
        for (number, line) in source.code.lines().enumerate() {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            if words.filter(|word| *word == "unsafe").count() == 0 {
                continue;
            }
            let excepted = UNSAFE.iter().any(|(path, _)| source.path.starts_with(path));
            excused += usize::from(excepted);
            if !excepted || excused > UNSAFE_MAX {
                breaches.push(Breach::new(format!("{}:{}", source.path, number + 1), "unsafe"));
            }
        }
    }
    breaches
}
