//! Telling code from text: enough of Rust's lexer to blank out comments, strings and characters.

/// The same text with every comment, string and character literal replaced by blanks; line breaks stay where they are.
pub(crate) fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let literal = literal_len(rest, out.chars().next_back());
        if literal > 0 {
            let (skipped, after) = rest.split_at(literal.min(rest.len()));
            out.extend(skipped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// How many bytes of `rest` are a comment or a literal that starts right here; 0 if none does.
fn literal_len(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_len(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let after_prefix = rest.trim_start_matches(['b', 'c']);
    let prefix = if in_word {
        0
    } else {
        rest.len() - after_prefix.len()
    };
    let body = rest.get(prefix..).unwrap_or_default();
    if let Some(len) = raw_string_len(body).filter(|_| !in_word) {
        return prefix + len;
    }
    if body.starts_with('"') {
        return prefix + quoted_len(body, '"');
    }
    if body.starts_with('\'') && is_char_literal(body) {
        return prefix + quoted_len(body, '\'');
    }
    0
}

fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn raw_string_len(body: &str) -> Option<usize> {
    let hashes_on = body.strip_prefix('r')?;
    let text = hashes_on.trim_start_matches('#');
    let hashes = hashes_on.len() - text.len();
    let inner = text.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let head = body.len() - inner.len();
    Some(inner.find(&end).map_or(body.len(), |at| head + at + end.len()))
}

fn quoted_len(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    body.len()
}

/// `'a'` and `'\n'` are characters, `'a` in `&'a str` is a lifetime.
fn is_char_literal(body: &str) -> bool {
    let mut chars = body.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}
