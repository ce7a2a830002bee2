//! An expression that was read: what can be found wrong with it before any input comes is found here.

use jsonata_core::ast::AstNode;
use jsonata_core::parser;

use crate::fault::Fault;
use crate::tokens::{Kind, Token, tokens};

/// Length of an expression, in bytes.
pub(crate) const BYTES_MAX: usize = 16_384;

/// Functions of JSONata; those of [`ABSENT`] left out.
const FUNCTIONS: &[&str] = &[
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "clone",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "min",
    "not",
    "number",
    "pad",
    "parseInteger",
    "power",
    "reduce",
    "replace",
    "reverse",
    "round",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "zip",
];
/// Functions of JSONata that a plugin cannot have, and why.
const ABSENT: &[(&str, &str)] = &[
    (
        "now",
        "a plugin has no clock: use the `time` of the event or `received`",
    ),
    (
        "millis",
        "a plugin has no clock: use the `time` of the event or `received`",
    ),
    ("random", "a plugin has no source of chance"),
    ("shuffle", "a plugin has no source of chance"),
    (
        "eval",
        "an expression comes from the configuration and not from an input",
    ),
];
/// Functions of the bus.
const OWN: &[&str] = &["table", "state", "keep", "drop", "reject"];

/// A sound expression.
pub(crate) struct Expression<'s> {
    pub(crate) source: &'s str,
    pub(crate) tokens: Vec<Token<'s>>,
}

impl<'s> Expression<'s> {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// Everything that is wrong, at least one thing.
    pub(crate) fn read(source: &'s str) -> Result<Self, Vec<Fault>> {
        let one = |code: &str, text: &str, offset| Err(vec![Fault::new(code, text, offset)]);
        if source.len() > BYTES_MAX {
            return one("too-long", "an expression has at most 16384 bytes", BYTES_MAX);
        }
        let tokens = match tokens(source) {
            Ok(tokens) => tokens,
            Err(offset) => return one("unclosed", "what begins here does not end", offset),
        };
        if tokens.is_empty() {
            return one("empty", "there is no expression", 0);
        }
        if let Err(fault) = parse(source, &tokens) {
            return Err(vec![fault]);
        }
        let faults = names(&tokens);
        if faults.is_empty() {
            Ok(Self { source, tokens })
        } else {
            Err(faults)
        }
    }

    /// Where the expression names a member of an object.
    pub(crate) fn member(&self, name: &str) -> Option<usize> {
        let pairs = self.tokens.iter().zip(self.tokens.iter().skip(1));
        pairs
            .filter(|(token, next)| next.is(":") && token.content() == Some(name))
            .map(|(token, _)| token.start)
            .next()
    }
}

fn parse(source: &str, tokens: &[Token<'_>]) -> Result<AstNode, Fault> {
    parser::parse(source).map_err(|error| {
        // The parser does not say where. Cut off after the token it stumbled over, the expression has the same fault;
        // cut off before, it merely ends too early.
        let told = error.to_string();
        let stumbles = |token: &Token<'_>| {
            let cut = source.get(..token.end()).unwrap_or(source);
            matches!(parser::parse(cut), Err(other) if other.to_string() == told)
        };
        let ended = told.ends_with("end of expression");
        let index = if ended {
            tokens.len()
        } else {
            tokens.partition_point(|token| !stumbles(token))
        };
        let offset = tokens
            .get(index)
            .map_or(source.trim_end().len(), |token| token.start);
        let (code, text) = told.split_once(": ").unwrap_or(("unreadable", &told));
        let is_code = code.len() == 5 && code.is_ascii();
        Fault::new(
            if is_code {
                code.to_lowercase()
            } else {
                "unreadable".to_owned()
            },
            if is_code { text } else { &told },
            offset,
        )
    })
}

/// Names that nothing gives a meaning, and reasons that are not written out.
fn names(tokens: &[Token<'_>]) -> Vec<Fault> {
    let bound = bound(tokens);
    let mut faults = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Some(name) = token
            .text
            .strip_prefix('$')
            .filter(|_| token.kind == Kind::Variable)
        else {
            continue;
        };
        if name.is_empty() || name == "$" || bound.contains(&name) || FUNCTIONS.contains(&name) {
            continue;
        }
        if let Some((_, why)) = ABSENT.iter().find(|(absent, _)| *absent == name) {
            faults.push(Fault::new(
                "absent-function",
                format!("there is no `${name}` here: {why}"),
                token.start,
            ));
        } else if !OWN.contains(&name) {
            let text = format!(
                "`${name}` is no function of JSONata or of the bus, and no variable of this expression"
            );
            faults.push(Fault::new("unknown-name", text, token.start));
        } else if matches!(name, "drop" | "reject") {
            faults.extend(reason(tokens.get(index + 1..).unwrap_or_default(), token));
        }
    }
    faults
}

/// Variables that the expression gives a value somewhere.
fn bound<'s>(tokens: &[Token<'s>]) -> Vec<&'s str> {
    let mut found = Vec::new();
    let mut parameters = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| tokens.get(at));
        let after = tokens.get(index + 1);
        if token.is("(") {
            parameters = before.is_some_and(Token::is_lambda);
        } else if token.is(")") {
            parameters = false;
        }
        let assigned = after.is_some_and(|after| after.is(":="));
        let carried = before.is_some_and(|before| before.is("@") || before.is("#"));
        if token.kind == Kind::Variable && (parameters || assigned || carried) {
            found.extend(token.text.strip_prefix('$'));
        }
    }
    found
}

/// Reasons are shown to many and kept for long. Written out, they can hold nothing of an input.
fn reason(after: &[Token<'_>], name: &Token<'_>) -> Option<Fault> {
    let is_code = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    };
    if let [open, code, comma, text, close, ..] = after
        && open.is("(")
        && code.content().is_some_and(is_code)
        && comma.is(",")
        && text.content().is_some_and(|text| text.chars().count() <= 400)
        && close.is(")")
    {
        return None;
    }
    let text = format!(
        "`{}` takes a code (a-z, 0-9, - and .) and a sentence of at most 400 characters, both written out",
        name.text
    );
    Some(Fault::new("reason-not-written-out", text, name.start))
}
