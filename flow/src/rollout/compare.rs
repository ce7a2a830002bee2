//! Field by field: how what two versions made of one event differs.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stadtbus_event::Event;

/// Most differences told of one event.
const DIFFERENCES_MAX: usize = 64;

/// What a version made of an event, as far as anybody outside could tell.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Events, with the identity that the host gives them.
    Events(Vec<Arc<Event>>),
    /// Foreign bytes.
    Encoded {
        /// Media type.
        content_type: String,
        /// Further header fields.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Nothing, and why.
    Dropped {
        /// The plugin's own code.
        code: String,
        /// In words.
        reason: String,
    },
    /// It failed, or rejected the event.
    Failed {
        /// `SB-41xx`.
        code: String,
    },
}

impl Outcome {
    /// The verdict in one word.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Events(_) => "events",
            Self::Encoded { .. } => "encoded",
            Self::Dropped { .. } => "dropped",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// Roughly how much memory it takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Events(events) => events.iter().map(|event| event.size_bytes()).sum(),
            Self::Encoded { body, .. } => body.len(),
            Self::Dropped { .. } | Self::Failed { .. } => 0,
        }
    }

    /// Verdict and code, without what the outputs say.
    fn told(&self) -> Value {
        match self {
            Self::Dropped { code, .. } | Self::Failed { code } => {
                json!({ "verdict": self.verdict(), "code": code })
            }
            Self::Events(events) => json!({ "verdict": "events", "count": events.len() }),
            Self::Encoded { .. } => json!({ "verdict": "encoded" }),
        }
    }

    fn document(&self) -> Value {
        match self {
            Self::Events(events) => {
                let written = events
                    .iter()
                    .map(|event| serde_json::from_slice(&stadtbus_event::json::to_bytes(event)));
                json!({ "events": written.map(Result::unwrap_or_default).collect::<Vec<Value>>() })
            }
            Self::Encoded {
                content_type,
                headers,
                body,
            } => {
                let headers: Map<String, Value> = headers
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
                    .collect();
                json!({ "content_type": content_type, "headers": headers, "body": body_document(body) })
            }
            Self::Dropped { code, reason } => json!({ "code": code, "reason": reason }),
            Self::Failed { code } => json!({ "code": code }),
        }
    }
}

/// A body that is JSON or text is compared as such; of other bytes it is told how many they are, and what they hash to.
fn body_document(body: &Bytes) -> Value {
    use sha2::{Digest, Sha256};
    if let Ok(document) = serde_json::from_slice(body) {
        return document;
    }
    match std::str::from_utf8(body) {
        Ok(text) => json!(text.lines().collect::<Vec<_>>()),
        Err(_) => json!({ "bytes": body.len(), "sha256": crate::written::hex(&Sha256::digest(body)) }),
    }
}

/// In which way a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Another verdict: events, dropped, failed.
    Verdict,
    /// Another number of events.
    Count,
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Another value.
    Changed,
}

impl Kind {
    /// The word of the interface.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Count => "count",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which way.
    pub kind: Kind,
    /// JSON pointer into what came out: `/events/0/data/wert`, `/body/price`; empty for all of it.
    pub path: String,
    /// What the old version made of it.
    pub old: Option<Value>,
    /// What the new one makes of it.
    pub new: Option<Value>,
}

impl Difference {
    /// Kind and place, without values.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} {}", self.kind.word(), self.path)
            .trim_end()
            .to_owned()
    }
}

/// Kind and place with `*` for each index, so that differences of one sort count as one. A change of verdict names both.
#[must_use]
pub fn shape_of(difference: &Difference) -> String {
    if difference.kind == Kind::Verdict {
        let word = |told: &Option<Value>| {
            let told = told.as_ref()?;
            let verdict = told.get("verdict")?.as_str()?;
            let code = told
                .get("code")
                .and_then(Value::as_str)
                .map(|code| format!(" {code}"));
            Some(format!("{verdict}{}", code.unwrap_or_default()))
        };
        let (old, new) = (word(&difference.old), word(&difference.new));
        return format!(
            "verdict {} → {}",
            old.unwrap_or_default(),
            new.unwrap_or_default()
        );
    }
    let is_index = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let path: Vec<&str> = difference
        .path
        .split('/')
        .map(|segment| if is_index(segment) { "*" } else { segment })
        .collect();
    format!("{} {}", difference.kind.word(), path.join("/"))
        .trim_end()
        .to_owned()
}

/// How the outcomes of two versions differ.
#[must_use]
pub fn differences(old: &Outcome, new: &Outcome) -> Vec<Difference> {
    if old.verdict() != new.verdict() {
        return vec![Difference {
            kind: Kind::Verdict,
            path: String::new(),
            old: Some(old.told()),
            new: Some(new.told()),
        }];
    }
    let mut found = Vec::new();
    if let (Outcome::Events(before), Outcome::Events(after)) = (old, new)
        && before.len() != after.len()
    {
        found.push(Difference {
            kind: Kind::Count,
            path: "/events".to_owned(),
            old: Some(json!(before.len())),
            new: Some(json!(after.len())),
        });
    }
    walk(&old.document(), &new.document(), &mut String::new(), &mut found);
    found
}

fn walk(old: &Value, new: &Value, path: &mut String, found: &mut Vec<Difference>) {
    if old == new || found.len() >= DIFFERENCES_MAX {
        return;
    }
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                below(path, name, |path| match after.get(name) {
                    Some(other) => walk(value, other, path, found),
                    None => tell(Kind::Removed, path, Some(value), None, found),
                });
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                below(path, name, |path| {
                    tell(Kind::Added, path, None, Some(value), found)
                });
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for index in 0..before.len().max(after.len()) {
                below(path, &index.to_string(), |path| {
                    match (before.get(index), after.get(index)) {
                        (Some(value), Some(other)) => walk(value, other, path, found),
                        (Some(value), None) => tell(Kind::Removed, path, Some(value), None, found),
                        (None, other) => tell(Kind::Added, path, None, other, found),
                    }
                });
            }
        }
        _ => tell(Kind::Changed, path, Some(old), Some(new), found),
    }
}

/// With one more segment of a JSON pointer (RFC 6901) at the end of the path.
fn below(path: &mut String, name: &str, act: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(&name.replace('~', "~0").replace('/', "~1"));
    act(path);
    path.truncate(length);
}

fn tell(kind: Kind, path: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Difference>) {
    if found.len() < DIFFERENCES_MAX {
        found.push(Difference {
            kind,
            path: path.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        });
    }
}
