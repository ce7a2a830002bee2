//! Which tests name which requirement: by their comments, their text, or their names.

/// A test, by its package and the name of its function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) package: String,
    pub(crate) name: String,
}

impl Test {
    pub(crate) fn new(package: &str, name: &str) -> Self {
        Self {
            package: package.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// A test function with everything that belongs to it: comments and attributes before, the body.
struct Found<'a> {
    name: &'a str,
    text: String,
}

/// The (requirement, test) pairs of one file. What stands outside all tests (tables, helpers) counts for every test of a file
/// that holds nothing but tests.
pub(crate) fn tests(package: &str, path: &str, text: &str, ids: &[&str]) -> Vec<(String, Test)> {
    let (found, outside) = split(text);
    let only_tests = path.contains("/tests/") || path.ends_with("tests.rs") || path.starts_with("tests/");
    let mut pairs = Vec::new();
    for test in &found {
        for id in ids {
            let shared = only_tests && outside.iter().any(|line| names(line, id));
            if shared || names(&test.text, id) || is_named_after(test.name, id) {
                pairs.push(((*id).to_owned(), Test::new(package, test.name)));
            }
        }
    }
    pairs
}

/// The tests of a file, and the lines that belong to none. Relies on the format, as the checks of shape do.
fn split(text: &str) -> (Vec<Found<'_>>, Vec<&str>) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut outside) = (Vec::new(), Vec::new());
    let mut before: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at).copied() {
        let trimmed = line.trim_start();
        let of_item = trimmed.starts_with("#[") || trimmed.starts_with("///");
        let is_test = before.iter().any(|line| is_test_attribute(line));
        if of_item {
            before.push(line);
        } else if let Some(name) = function(trimmed).filter(|_| is_test) {
            let indent = line.len() - trimmed.len();
            let closing = format!("{}}}", " ".repeat(indent));
            let length = lines
                .iter()
                .skip(at)
                .take_while(|line| line.trim_end() != closing)
                .count();
            let body = lines.get(at..at + length).unwrap_or_default();
            let text = before
                .drain(..)
                .chain(body.iter().copied())
                .collect::<Vec<_>>()
                .join("\n");
            found.push(Found { name, text });
            at += length;
        } else {
            outside.append(&mut before);
            outside.push(line);
        }
        at += 1;
    }
    (found, outside)
}

fn is_test_attribute(line: &str) -> bool {
    let line = line.trim();
    line == "#[test]" || line.starts_with("#[tokio::test")
}

/// The name of the function that begins in this line.
fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// Whether the text names the requirement, and not only a longer one that begins like it.
pub(crate) fn names(text: &str, id: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(id).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + id.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

/// `core_4_…`, or `…_core_4`, for CORE-4.
fn is_named_after(name: &str, id: &str) -> bool {
    let wanted = format!("_{}_", id.to_ascii_lowercase().replace('-', "_"));
    format!("_{name}_").contains(&wanted)
}
