//! JSON Pointer (RFC 6901): the way to one value inside a JSON document.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde_json::Value;

use super::fault::Fault;
use crate::finding::Text;

/// A pointer is at most this many bytes long.
pub(crate) const POINTER_BYTES_MAX: usize = 512;

/// A pointer has at most this many steps.
pub(crate) const POINTER_STEPS_MAX: usize = 32;

/// A JSON Pointer. The empty one is the whole document.
#[derive(Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Box<str>,
    steps: Box<[Box<str>]>,
}

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let bad = |de: &str, en: &str| Fault::bad(Text::new(de, en));
        if text.len() > POINTER_BYTES_MAX {
            return Err(bad("Der JSON-Zeiger ist zu lang", "the JSON pointer is too long"));
        }
        let mut steps = text.split('/');
        if steps.next().is_some_and(|before| !before.is_empty()) {
            let fault = bad(
                "Ein JSON-Zeiger beginnt mit „/“",
                "a JSON pointer begins with a `/`",
            );
            return Err(fault.with_hint(Some(Text::new(
                format!("Gemeint war wohl „/{}“.", text.replace('.', "/")),
                format!("Did you mean `/{}`?", text.replace('.', "/")),
            ))));
        }
        let steps = steps.map(unescaped).collect::<Option<Vec<_>>>().ok_or_else(|| {
            bad(
                "Auf „~“ folgt in einem JSON-Zeiger „0“ (für „~“) oder „1“ (für „/“)",
                "in a JSON pointer `0` (for `~`) or `1` (for `/`) follows a `~`",
            )
        })?;
        if steps.len() > POINTER_STEPS_MAX {
            return Err(bad(
                "Der JSON-Zeiger hat zu viele Stufen",
                "the JSON pointer has too many steps",
            ));
        }
        Ok(Self {
            text: text.into(),
            steps: steps.into(),
        })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Names and indexes, without escapes.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &str> {
        self.steps.iter().map(|step| &**step)
    }

    /// What a step says of a list: an index as RFC 6901 writes it, digits without leading zeros.
    #[must_use]
    pub fn index(step: &str) -> Option<usize> {
        index(step)
    }

    /// The value it leads to.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.steps().try_fold(document, |value, step| match value {
            Value::Object(map) => map.get(step),
            Value::Array(items) => items.get(index(step)?),
            _ => None,
        })
    }
}

/// An index as RFC 6901 writes it: digits without leading zeros.
pub(crate) fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|b| b.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    if plain { step.parse().ok() } else { None }
}

fn unescaped(step: &str) -> Option<Box<str>> {
    let mut parts = step.split('~');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push(if part.starts_with('0') {
            '~'
        } else if part.starts_with('1') {
            '/'
        } else {
            return None;
        });
        out.push_str(part.get(1..).unwrap_or_default());
    }
    Some(out.into())
}

impl Hash for Pointer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
