//! The expression as words with their places. JSONata's parser gives no places, so they are kept here; what an expression
//! means is left to the parser.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Variable,
    Number,
    Text,
    Regex,
    Sign,
}

/// One token of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    pub(crate) text: &'s str,
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Whether something stands before it that it can be an operator on.
    pub(crate) infix: bool,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// Whether a function is defined here.
    pub(crate) fn is_lambda(&self) -> bool {
        self.kind == Kind::Name && matches!(self.text, "function" | "λ")
    }

    /// The content of a string that is written without escapes.
    pub(crate) fn content(&self) -> Option<&str> {
        let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
        (self.kind == Kind::Text && !inner.contains('\\')).then_some(inner)
    }
}

/// Signs of two characters; all others have one.
const PAIRS: &[&str] = &["..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"];
const SIGNS: &str = ".[]{}(),@#;:?+-*/%|=<>^&!~";

/// Takes an expression apart.
///
/// # Errors
/// The offset of a string, regular expression or comment that does not end.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token<'_>>, usize> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    let mut infix = false;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            at += 2 + comment.find("*/").ok_or(at)? + 2;
            continue;
        }
        let (kind, length) = next(rest, first, infix).ok_or(at)?;
        let text = rest.get(..length).unwrap_or(rest);
        found.push(Token {
            kind,
            text,
            start: at,
            infix,
        });
        infix = operand(kind, text, infix);
        at += text.len();
    }
    Ok(found)
}

fn next(rest: &str, first: char, infix: bool) -> Option<(Kind, usize)> {
    Some(match first {
        '"' | '\'' => (Kind::Text, closed(rest, first)?),
        '`' => (Kind::Name, rest.get(1..)?.find('`')? + 2),
        '/' if !infix => (Kind::Regex, regex(rest)?),
        '0'..='9' => (Kind::Number, number(rest)),
        '$' => (Kind::Variable, 1 + word(rest.get(1..)?)),
        _ if SIGNS.contains(first) => {
            let pair = PAIRS.iter().any(|pair| rest.starts_with(pair));
            (Kind::Sign, if pair { 2 } else { 1 })
        }
        _ => (Kind::Name, word(rest).max(first.len_utf8())),
    })
}

/// Whether a token is a value or ends one, so that an operator may follow.
fn operand(kind: Kind, text: &str, infix: bool) -> bool {
    match kind {
        Kind::Sign => matches!(text, ")" | "]" | "}") || (!infix && matches!(text, "*" | "**" | "%")),
        Kind::Name => !(infix && matches!(text, "and" | "or" | "in")),
        Kind::Variable | Kind::Number | Kind::Text | Kind::Regex => true,
    }
}

/// Length of a string with its quotes.
fn closed(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

/// Length of a regular expression with its flags. A slash in brackets of any kind does not end it.
fn regex(rest: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_u32, false);
    let end = rest.char_indices().skip(1).find_map(|(at, c)| {
        if !escaped {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => return Some(at + 1),
                _ => {}
            }
        }
        escaped = c == '\\' && !escaped;
        None
    })?;
    let flags = rest.get(end..)?.bytes().take_while(|b| matches!(b, b'i' | b'm'));
    Some(end + flags.count())
}

/// Length of a number. `1..2` is a range, not a number that ends in a point.
fn number(rest: &str) -> usize {
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.bytes().take_while(u8::is_ascii_digit).count()
    };
    let is = |at: usize, wanted: &[u8]| rest.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    let mut end = digits(0);
    if is(end, b".") && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if is(end, b"eE") {
        let sign = usize::from(is(end + 1, b"+-"));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    end
}

/// Length of a word: up to white space, a quote or a sign.
fn word(rest: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`') || SIGNS.contains(c);
    // `$$` is the whole input.
    if rest.starts_with('$') {
        return 1;
    }
    rest.find(ends).unwrap_or(rest.len())
}
