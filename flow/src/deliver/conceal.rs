//! What a receiver answered, without what nobody may read.
//!
//! A receiver's answer is kept beside the event that it refused, because it says best why. Some receivers answer with
//! what they were sent, or with what they know: credentials, tokens, keys. *Promise*: the credentials that the bus itself
//! sent are gone wherever they stand; what is named or formed like a secret is gone, too. *What it cannot promise*: to know a
//! secret that has neither name nor form.

#[cfg(test)]
mod tests;

/// What stands where a secret stood.
const GONE: &str = "***";
/// Shorter parts of a known credential are no credential.
const KNOWN_BYTES_MIN: usize = 4;
/// From this length a word after `Bearer` is a token and not a word.
const TOKEN_BYTES_MIN: usize = 8;
/// A JSON Web Token is never shorter.
const JWT_BYTES_MIN: usize = 20;

/// Parts of names whose value is a secret, in lower case.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "passphrase",
    "pwd",
    "secret",
    "geheimnis",
    "token",
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "access_key",
    "private-key",
    "private_key",
    "authorization",
    "cookie",
    "credential",
    "signature",
    "session",
];
/// Schemes of authentication, which stand between a name and its secret or alone before it.
const SCHEMES: &[&str] = &["bearer ", "basic ", "digest ", "apikey ", "token "];

/// The text without the `known` credentials, and without what looks like one.
#[must_use]
pub fn conceal(text: &str, known: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in known.iter().flat_map(|value| parts(value)) {
        text = text.replace(secret, GONE);
        cut_short(&mut text, secret);
    }
    named(&text)
}

/// A credential as it is sent, and without its scheme.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let bare = value.split_once(' ').map(|(_, bare)| bare.trim());
    [Some(value), bare]
        .into_iter()
        .flatten()
        .filter(|part| part.len() >= KNOWN_BYTES_MIN)
}

/// An excerpt may end within the secret.
fn cut_short(text: &mut String, secret: &str) {
    let longest = (KNOWN_BYTES_MIN..secret.len())
        .rev()
        .filter(|length| secret.is_char_boundary(*length))
        .find(|length| secret.get(..*length).is_some_and(|begin| text.ends_with(begin)));
    if let Some(length) = longest {
        text.truncate(text.len() - length);
        text.push_str(GONE);
    }
}

/// Replaces what a name or a form gives away.
fn named(text: &str) -> String {
    // Lower case of ASCII alone keeps every byte in its place.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = lower.get(at..).filter(|rest| !rest.is_empty()) {
        let (shown, hidden) = secret_at(&lower, at, rest);
        if hidden > 0 {
            out.push_str(text.get(at..at + shown).unwrap_or_default());
            out.push_str(GONE);
            at += shown + hidden;
        } else {
            let step = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(text.get(at..at + step).unwrap_or_default());
            at += step;
        }
    }
    out
}

/// How much from here on may be shown, and how much after that is a secret.
fn secret_at(lower: &str, at: usize, rest: &str) -> (usize, usize) {
    if rest.starts_with("-----begin ")
        && rest
            .get(..64.min(rest.len()))
            .is_some_and(|head| head.contains("private"))
    {
        return (0, rest.len());
    }
    let begins_word = !lower
        .as_bytes()
        .get(..at)
        .is_some_and(|before| before.last().is_some_and(u8::is_ascii_alphanumeric));
    if begins_word && rest.starts_with("eyj") {
        let length = run(rest, |byte| {
            byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
        });
        if length >= JWT_BYTES_MIN {
            return (0, length);
        }
    }
    if let Some(after) = rest.strip_prefix("://") {
        let authority = run(after, |byte| !b"/ ?#\"'<>".contains(&byte));
        if let Some(end) = after.get(..authority).and_then(|authority| authority.rfind('@')) {
            return (3, end);
        }
    }
    if begins_word && let Some(scheme) = scheme(rest) {
        let length = value_length(rest.get(scheme..).unwrap_or_default());
        if length >= TOKEN_BYTES_MIN {
            return (scheme, length);
        }
    }
    let Some(name) = NAMES.iter().find(|name| rest.starts_with(**name)) else {
        return (0, 0);
    };
    assigned(rest, name.len())
}

/// What is assigned to a name: `name: value`, `"name":"value"`, `name=value`, with or without a scheme.
fn assigned(rest: &str, name: usize) -> (usize, usize) {
    let part = |from: usize| rest.get(from..).unwrap_or_default();
    let mut at = name
        + run(part(name), |byte| {
            byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
        });
    at += run(part(at), |byte| b"\"'\\ ".contains(&byte));
    let sign = run(part(at), |byte| b":=>".contains(&byte));
    if sign == 0 {
        return (0, 0);
    }
    at += sign;
    at += run(part(at), |byte| b" \\".contains(&byte));
    if let Some(quote) = part(at).chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = part(at + 1);
        // A value whose end was cut off is as secret as one with its end.
        return (at + 1, inside.find(quote).unwrap_or(inside.len()));
    }
    at += scheme(part(at)).unwrap_or(0);
    (at, value_length(part(at)))
}

fn scheme(rest: &str) -> Option<usize> {
    SCHEMES
        .iter()
        .find(|scheme| rest.starts_with(**scheme))
        .map(|scheme| scheme.len())
}

fn value_length(rest: &str) -> usize {
    run(rest, |byte| !b" ,;&\"'<>{}[]()".contains(&byte))
}

/// How many bytes from the beginning are of this kind.
fn run(text: &str, of_kind: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| of_kind(*byte)).count()
}
