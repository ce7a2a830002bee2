//! Patterns of `LIKE` (§3.4.3), compiled once.

use std::iter;

/// What stands between two `%`, or between one and an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Segment {
    pieces: Vec<Piece>,
    chars: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// So many `_` in a row.
    Any(usize),
}

impl Piece {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Any(_) => None,
        }
    }
}

/// A pattern. Matching allocates nothing; it takes time linear in the value, but for segments with `_`, whose length
/// is a factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    first: Segment,
    /// The segments after each `%`; without any the pattern is `first` and nothing else.
    rest: Vec<Segment>,
}

impl Pattern {
    /// Reads `%`, `_` and their escapes; a `\` before anything else stands for itself.
    pub(crate) fn new(pattern: &str) -> Self {
        let mut segments = vec![Segment::default()];
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            let escaped = (c == '\\').then(|| chars.next_if(|next| matches!(next, '%' | '_')));
            let Some(segment) = segments.last_mut() else { break };
            match (c, escaped.flatten()) {
                (_, Some(literal)) => segment.text(literal),
                ('%', _) => segments.push(Segment::default()),
                ('_', _) => segment.any(),
                (literal, _) => segment.text(literal),
            }
        }
        let mut segments = segments.into_iter();
        Self {
            first: segments.next().unwrap_or_default(),
            rest: segments.collect(),
        }
    }

    /// The one value it matches, where there are no wildcards.
    pub(crate) fn exact(&self) -> Option<&str> {
        match (self.rest.is_empty(), self.first.pieces.as_slice()) {
            (true, [Piece::Text(text)]) => Some(text),
            _ => None,
        }
    }

    /// What every value it matches begins with.
    pub(crate) fn start(&self) -> Option<&str> {
        self.first.pieces.first().and_then(Piece::text)
    }

    /// What every value it matches ends with.
    pub(crate) fn end(&self) -> Option<&str> {
        let last = self.rest.last().unwrap_or(&self.first);
        last.pieces.last().and_then(Piece::text)
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let Some(value) = self.first.strip_from(value) else {
            return false;
        };
        let Some((last, middle)) = self.rest.split_last() else {
            return value.is_empty();
        };
        let Some((mut value, end)) = last.split_end(value) else {
            return false;
        };
        for segment in middle {
            match segment.find_in(value) {
                Some(after) => value = after,
                None => return false,
            }
        }
        last.strip_from(end).is_some()
    }
}

impl Segment {
    fn text(&mut self, c: char) {
        self.chars += 1;
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.pieces.push(Piece::Text(c.to_string())),
        }
    }

    fn any(&mut self) {
        self.chars += 1;
        match self.pieces.last_mut() {
            Some(Piece::Any(count)) => *count += 1,
            _ => self.pieces.push(Piece::Any(1)),
        }
    }

    /// What is left of `value` after this segment at its beginning.
    fn strip_from<'v>(&self, value: &'v str) -> Option<&'v str> {
        self.pieces.iter().try_fold(value, |value, piece| match piece {
            Piece::Text(text) => value.strip_prefix(text.as_str()),
            Piece::Any(count) => {
                let mut chars = value.chars();
                chars.nth(count - 1)?;
                Some(chars.as_str())
            }
        })
    }

    /// What is left of `value` after the first place this segment matches. Taking the first is enough: what may match
    /// after a later place may match after an earlier one.
    fn find_in<'v>(&self, value: &'v str) -> Option<&'v str> {
        match self.pieces.first() {
            None => Some(value),
            Some(Piece::Text(text)) => {
                let found = value.match_indices(first_char(text)).map(|(at, _)| at);
                if self.pieces.len() == 1 {
                    let at = value.find(text.as_str())?;
                    return value.get(at + text.len()..);
                }
                found
                    .filter_map(|at| value.get(at..))
                    .find_map(|value| self.strip_from(value))
            }
            Some(Piece::Any(_)) => {
                let mut chars = value.chars();
                let starts = iter::once(value).chain(iter::from_fn(|| {
                    chars.next()?;
                    Some(chars.as_str())
                }));
                starts.into_iter().find_map(|value| self.strip_from(value))
            }
        }
    }

    /// `value` cut where this segment has to begin if it is to end with the value.
    fn split_end<'v>(&self, value: &'v str) -> Option<(&'v str, &'v str)> {
        let Some(before_last) = self.chars.checked_sub(1) else {
            return Some((value, ""));
        };
        let (at, _) = value.char_indices().rev().nth(before_last)?;
        value.split_at_checked(at)
    }
}

/// A piece of text holds at least one character.
fn first_char(text: &str) -> char {
    text.chars().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, written as recursion.
    fn by_definition(pattern: &[char], value: &[char]) -> bool {
        match pattern {
            [] => value.is_empty(),
            ['\\', literal @ ('%' | '_'), rest @ ..] => {
                value.first() == Some(literal) && by_definition(rest, &value[1..])
            }
            ['%', rest @ ..] => (0..=value.len()).any(|skip| by_definition(rest, &value[skip..])),
            ['_', rest @ ..] => !value.is_empty() && by_definition(rest, &value[1..]),
            [literal, rest @ ..] => value.first() == Some(literal) && by_definition(rest, &value[1..]),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn like_is_its_definition(pattern in "[ab%_ü\\\\]{0,8}", value in "[abü%_\\\\]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Pattern::new(&pattern).matches(&value),
                by_definition(&chars(&pattern), &chars(&value)),
                "{} LIKE {}", value, pattern
            );
        }
    }

    #[test]
    fn patterns_with_many_wildcards_end_soon() {
        let pattern = Pattern::new(&"%a_".repeat(1000));
        assert!(!pattern.matches(&"ab".repeat(900)));
        assert!(pattern.matches(&"ab".repeat(1000)));
    }
}
