//! E-mail addresses, also as `name (at) example punkt de`.

use super::{Span, at, starts_with};

/// Longest first, so that `(at)` is not taken for `at`.
const AT: &[&str] = &[
    "(at)", "[at]", "{at}", "<at>", "(ät)", "[ät]", "(a)", "&#64;", "%40", "@", "＠", " at ", " ät ", "_at_",
    "-at-",
];
const DOT: &[&str] = &[
    "(dot)", "[dot]", "{dot}", "(punkt)", "[punkt]", "{punkt}", "(.)", "[.]", ".", " dot ", " punkt ",
];
/// How far a sign may stand from the words beside it.
const GAP_MAX: usize = 2;

pub(super) fn find(chars: &[char]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut index = 0;
    while index < chars.len() {
        match AT.iter().find(|sign| starts_with(chars, index, sign)) {
            Some(sign) => {
                let end = index + sign.chars().count();
                match address(chars, index, end, sign) {
                    Some(span) => {
                        index = span.1.max(end);
                        spans.push(span);
                    }
                    None => index += 1,
                }
            }
            None => index += 1,
        }
    }
    spans
}

fn address(chars: &[char], sign_from: usize, sign_to: usize, sign: &str) -> Option<Span> {
    let from = local_part(chars, sign_from)?;
    let (to, labels) = domain(chars, sign_to)?;
    // A bare sign beside bare words is only an address if the domain has a dot; an `@` always is one.
    let unmistakable = matches!(sign, "@" | "＠" | "&#64;");
    (labels >= 2 || unmistakable).then_some((from, to))
}

/// Where the part before the sign begins.
fn local_part(chars: &[char], sign_from: usize) -> Option<usize> {
    let end = skip_gap_back(chars, sign_from);
    let mut from = end;
    loop {
        let word = from;
        while from
            .checked_sub(1)
            .and_then(|i| at(chars, i))
            .is_some_and(in_local_part)
        {
            from -= 1;
        }
        // `vorname (punkt) nachname`
        match dot_before(chars, from).filter(|_| from < word) {
            Some(before) => from = before,
            None => break,
        }
    }
    (from < end && chars.get(from..end)?.iter().any(|c| c.is_alphanumeric())).then_some(from)
}

fn in_local_part(c: char) -> bool {
    c.is_alphanumeric() || "._%+-'!#$&*/=^`{|}~".contains(c)
}

/// Where the word before a bracketed dot ends, if one stands before `end`, spaces or not.
fn dot_before(chars: &[char], end: usize) -> Option<usize> {
    let end = skip_gap_back(chars, end);
    let from = DOT
        .iter()
        .filter(|sign| sign.starts_with(['(', '[', '{']))
        .find_map(|sign| {
            let from = end.checked_sub(sign.chars().count())?;
            starts_with(chars, from, sign).then_some(from)
        })?;
    Some(skip_gap_back(chars, from))
}

fn skip_gap_back(chars: &[char], end: usize) -> usize {
    let gap = (1..=GAP_MAX)
        .take_while(|n| {
            end.checked_sub(*n)
                .and_then(|i| at(chars, i))
                .is_some_and(char::is_whitespace)
        })
        .count();
    end - gap
}

/// Where the domain ends, and of how many labels it consists.
fn domain(chars: &[char], sign_to: usize) -> Option<(usize, usize)> {
    let mut place = skip_gap(chars, sign_to);
    let mut end = label(chars, place)?;
    let mut labels = 1;
    loop {
        let gapped = skip_gap(chars, end);
        let dot = (DOT.iter()).find_map(|sign| {
            // A dot with a space after it ends a sentence; words for a dot may stand freely.
            let from = if sign.len() == 1 || sign.starts_with(' ') {
                end
            } else {
                gapped
            };
            starts_with(chars, from, sign).then(|| (from + sign.chars().count(), sign.len() > 1))
        });
        let Some((after, spaced)) = dot else { break };
        place = if spaced { skip_gap(chars, after) } else { after };
        match label(chars, place) {
            Some(next) => (end, labels) = (next, labels + 1),
            None => break,
        }
    }
    Some((end, labels))
}

fn label(chars: &[char], from: usize) -> Option<usize> {
    let mut end = from;
    while at(chars, end).is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_') {
        end += 1;
    }
    (end > from).then_some(end)
}

fn skip_gap(chars: &[char], from: usize) -> usize {
    (from..from + GAP_MAX)
        .find(|i| !at(chars, *i).is_some_and(char::is_whitespace))
        .unwrap_or(from + GAP_MAX)
}
