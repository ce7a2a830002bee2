//! Words that do not belong into a repository that speaks only of itself.

use super::{Breach, Source};

/// (word, reason). Case counts: `todo` is the name of a lint, and a word of Spanish.
const FORBIDDEN: &[(&str, &str)] = &[
    ("TODO", "what is not done is not here, or is an issue"),
    ("FIXME", "what is broken is repaired, or is an issue"),
    ("XXX", "say it in words"),
    ("/work/", "a path of one machine"),
    ("/root/", "a path of one machine"),
    ("/home/", "a path of one machine"),
    ("plan.md", "speaks of how it was built, not of what it is"),
    ("index.crates.io", "a registry's host; the client knows it"),
    ("files.pythonhosted", "a registry's host; the client knows it"),
    ("registry.npmjs", "a registry's host; the client knows it"),
    ("Lorem ipsum", "filler"),
];

/// Where such a word is the subject, or written by a tool.
const EXCEPT: &[&str] = &["xtask/src/lint/", "Cargo.lock", "LICENSE"];

pub(crate) fn forbidden(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources {
        let lock = source.path.ends_with("Cargo.lock") || source.path.ends_with("package-lock.json");
        if lock || EXCEPT.iter().any(|path| source.path.starts_with(path)) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            for (word, reason) in FORBIDDEN.iter().filter(|(word, _)| contains(line, word)) {
                let place = format!("{}:{}", source.path, number + 1);
                breaches.push(Breach::new(place, format!("{word:?}: {reason}")));
            }
        }
    }
    breaches
}

/// Whether `word` stands in the line, not inside a longer word (a word that begins or ends in a sign may touch anything).
fn contains(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|tail| tail.chars().next());
        let free_before = !letter(before) || !letter(word.chars().next());
        let free_after = !letter(after) || !letter(word.chars().next_back());
        free_before && free_after
    })
}
