//! The steps of the flow never know each other: only the two screens that name them all do.

use super::{Breach, Source};

const FLOW: &str = "flow/src/";
const STEPS: &[&str] = &[
    "ingest",
    "authenticate",
    "validate",
    "log",
    "route",
    "transform",
    "deliver",
];

/// Modules that may name several steps: the two halves of the flow, with what belongs to each, and the crate's table of
/// contents; and the rooms beside the flow, which no step may name: what dispatch runs on, the configuration that gives
/// each step its part, and the accounts of what all of them did: of one event, of one day.
const COMPOSERS: &[&str] = &[
    "accept",
    "dispatch",
    "lib",
    "lanes",
    "city",
    "journey",
    "statement",
];

/// Rooms no step may name: they stand above the steps.
const ROOMS: &[&str] = &["accept", "dispatch", "lanes", "city", "journey", "statement"];

/// The nouns one step hands to the next: whoever takes them must name them. Nouns only; a function here would be a call.
const SEAMS: &[(&str, &str)] = &[
    // Who is asking, as authenticate found out; validate judges by it.
    ("authenticate", "Principal"),
    // An event with its place in the log; every step of the second half is given one.
    ("log", "Logged"),
];

/// A step that names another, or another module that names several.
pub(crate) fn isolation(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.is_rust() && !source.is_test())
    {
        let Some(module) = source.path.strip_prefix(FLOW) else {
            continue;
        };
        let own = module.split(['/', '.']).next().unwrap_or_default();
        if COMPOSERS.contains(&own) {
            continue;
        }
        let children = children(sources, own);
        let mut named = steps_named(&source.code, &children);
        named.retain(|(step, _)| *step != own);
        if STEPS.contains(&own) {
            breaches.extend(named.iter().map(|(step, line)| {
                Breach::new(
                    format!("{}:{line}", source.path),
                    format!("the step {own} names {step}"),
                )
            }));
            continue;
        }
        // What stands beside the steps may speak of the rooms above, but puts nothing together.
        named.retain(|(name, _)| STEPS.contains(name));
        if let Some((second, line)) = named
            .iter()
            .find(|(step, _)| Some(step) != named.first().map(|(first, _)| first))
        {
            let first = named.first().map_or("", |(first, _)| first);
            let sentence =
                format!("names the steps {first} and {second}: only accept and dispatch name several");
            breaches.push(Breach::new(format!("{}:{line}", source.path), sentence));
        }
    }
    breaches
}

/// The submodules of a top module, whose names may be those of steps.
fn children(sources: &[Source], own: &str) -> Vec<String> {
    let prefix = format!("{FLOW}{own}/");
    let inside = sources
        .iter()
        .filter_map(|source| source.path.strip_prefix(&prefix));
    inside
        .filter_map(|path| path.split(['/', '.']).next().map(str::to_owned))
        .collect()
}

/// Steps that `code` names by `crate::step`, `crate::{…, step…}` or `super::…::step`, each with its line.
fn steps_named(code: &str, children: &[String]) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let line = code.get(..at).unwrap_or_default().matches('\n').count() + 1;
            for path in branches(code.get(at + root.len()..).unwrap_or_default()) {
                let name = word(path);
                let child = root == "super::" && children.iter().any(|child| child == name);
                let step = STEPS
                    .iter()
                    .chain(ROOMS)
                    .find(|step| **step == name)
                    .filter(|_| !child && !is_seam(path));
                found.extend(step.map(|step| (*step, line)));
            }
        }
    }
    found.sort_by_key(|(_, line)| *line);
    found
}

/// Whether all that a path takes from its step are nouns of the seam.
fn is_seam(path: &str) -> bool {
    let step = word(path);
    let Some(rest) = path.strip_prefix(step).and_then(|rest| rest.strip_prefix("::")) else {
        return false;
    };
    branches(rest)
        .iter()
        .all(|noun| SEAMS.contains(&(step, word(noun))))
}

/// A path as it is, or each branch of a braced group of paths.
fn branches(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![rest];
    };
    let mut branches = Vec::new();
    let (mut depth, mut expects) = (0_usize, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expects = true,
            c if depth == 0 && expects && !c.is_whitespace() => {
                branches.push(group.get(at..).unwrap_or_default());
                expects = false;
            }
            _ => {}
        }
    }
    branches
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
