//! From characters to tokens.

use crate::parse_error::{ParseError, ParseErrorKind};
use crate::span::Span;

/// Words with a meaning of their own, in any case of letters (§2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Xor,
    Not,
    Like,
    Exists,
    In,
    True,
    False,
}

impl Keyword {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("LIKE", Self::Like),
        ("EXISTS", Self::Exists),
        ("IN", Self::In),
        ("TRUE", Self::True),
        ("FALSE", Self::False),
    ];

    pub(crate) fn of(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        let (_, keyword) = all.find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        Some(*keyword)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, digits and underscores that are no keyword and not digits alone.
    Word,
    /// Digits.
    Digits,
    /// A quoted string, quotes included.
    Text,
    Keyword(Keyword),
    /// Operators and punctuation, spelled as in [`SYMBOLS`].
    Symbol(&'static str),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// Longest first, so that `<=` is not taken for `<`.
const SYMBOLS: [&str; 15] = [
    "!=", "<>", ">=", "<=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ",",
];

/// What people bring along from elsewhere, and what it is called here.
const FOREIGN: [(&str, &str); 12] = [
    ("&&", "write `AND`"),
    ("||", "write `OR`, or CONCAT(...) for strings"),
    ("!", "write `NOT`, or `!=` for \"is not\""),
    ("~", "write `LIKE` with a pattern"),
    ("^", "write `XOR`"),
    (
        ".",
        "attributes have no parts, and the data of an event cannot be reached",
    ),
    ("`", "an attribute is written without quotes, a string in ' or \""),
    ("\u{2018}", "strings are quoted in ' or \""),
    ("\u{2019}", "strings are quoted in ' or \""),
    ("\u{201C}", "strings are quoted in ' or \""),
    ("\u{201D}", "strings are quoted in ' or \""),
    (";", "there is one expression, and nothing ends it"),
];

/// The token that begins at or after byte `from`.
pub(crate) fn next_token(source: &str, from: usize) -> Result<Token, ParseError> {
    let rest = source.get(from..).unwrap_or_default();
    let text = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let start = source.len() - text.len();
    let token = |kind, bytes: usize| {
        Ok(Token {
            kind,
            span: Span::new(start, start + bytes),
        })
    };
    let Some(first) = text.chars().next() else {
        return token(Kind::End, 0);
    };
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return token(Kind::Symbol(symbol), symbol.len());
    }
    if matches!(first, '\'' | '"') {
        let bytes = quoted_bytes(text, first).ok_or_else(|| unterminated(source, start))?;
        return token(Kind::Text, bytes);
    }
    let bytes = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    let word = text.get(..bytes).unwrap_or_default();
    if word.is_empty() {
        return Err(unknown(source, start, text, first));
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return token(Kind::Digits, bytes);
    }
    token(Keyword::of(word).map_or(Kind::Word, Kind::Keyword), bytes)
}

/// Length of the string at the beginning of `text`, quotes included. A `\` takes the next character along.
fn quoted_bytes(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return Some(at + quote.len_utf8());
        }
    }
    None
}

/// The string that a quoted text stands for: its own quote is escaped by `\`, any other `\` is a character (§2.2).
pub(crate) fn unquoted(quoted: &str) -> String {
    let mut inner = quoted.chars();
    let Some(quote) = inner.next() else {
        return String::new();
    };
    inner.next_back();
    let mut text = String::with_capacity(quoted.len());
    while let Some(c) = inner.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let next = inner.next();
        if next != Some(quote) {
            text.push(c);
        }
        text.extend(next);
    }
    text
}

fn unterminated(source: &str, start: usize) -> ParseError {
    let span = Span::new(start, source.len());
    let error = ParseError::new(source, span, ParseErrorKind::UnterminatedString);
    if source.ends_with(['\'', '"']) {
        return error.hint("a quote after `\\` does not end a string");
    }
    error
}

fn unknown(source: &str, start: usize, text: &str, first: char) -> ParseError {
    let foreign = FOREIGN.iter().find(|(symbol, _)| text.starts_with(symbol));
    let bytes = foreign.map_or(first.len_utf8(), |(symbol, _)| symbol.len());
    let span = Span::new(start, start + bytes);
    let error = ParseError::new(source, span, ParseErrorKind::UnknownCharacter(first));
    match foreign {
        Some((_, hint)) => error.hint(*hint),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_quote_is_escaped() {
        for (quoted, text) in [
            ("''", ""),
            (r"'it\'s'", "it's"),
            (r#"'say \"'"#, r#"say \""#),
            (r#""say \"""#, r#"say ""#),
            (r"'a\%b'", r"a\%b"),
            (r"'a\\'", r"a\\"),
            (r"'a\\\'b'", r"a\\'b"),
            (r"'\ü'", r"\ü"),
        ] {
            let token = next_token(quoted, 0).unwrap();
            assert_eq!(token.kind, Kind::Text, "{quoted}");
            assert_eq!(token.span.of(quoted), quoted);
            assert_eq!(unquoted(quoted), text, "{quoted}");
        }
    }
}
