//! Where in the source text something stands.

/// A part of an expression's source: bytes `start..end`, always on character borders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From where this begins to where `last` ends.
    pub(crate) fn to(self, last: Self) -> Self {
        Self::new(self.start, last.end)
    }

    /// The text it stands for; empty where `source` is another text than the one it was made from.
    #[must_use]
    pub fn of(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or_default()
    }

    /// Line and column of its beginning, both counted from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(self, source: &str) -> (usize, usize) {
        let before = source.get(..self.start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (line, column)
    }
}
