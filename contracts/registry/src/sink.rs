//! Where a subscription's events go.

use serde::{Deserialize, Serialize};
use stadtbus_event::EventType;

use crate::finding::{Finding, Text, did_you_mean};
use crate::plugin::read_types;
use crate::reader::Reader;
use crate::yaml::{Kind, Node};

/// The four ways out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Sink {
    /// The bus posts each event to a receiver.
    Webhook(Webhook),
    /// The receiver fetches with lease and acknowledgement.
    Pull {},
    /// The receiver keeps a stream open and sees events live.
    Sse {},
    /// The plugin's outputs are published into the log as derived events.
    Log(LogSink),
}

impl Sink {
    /// The word in the document.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Pull {} => "pull",
            Self::Sse {} => "sse",
            Self::Log(_) => "log",
        }
    }
}

/// An HTTP receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to, after replacement of `${NAME}`.
    pub url: String,
    /// In which CloudEvents content mode.
    #[serde(default)]
    pub mode: Mode,
    /// What the bus shows the receiver, sealed; only a subscription ordered over the API has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<SealedCredential>,
    /// Whether the receiver is asked for its consent before the first delivery.
    #[serde(default, skip_serializing_if = "Handshake::is_off")]
    pub handshake: Handshake,
}

/// A credential that only a bus with the right key can open. The city document carries it; nobody who reads the
/// document can use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    /// Which key seals it: the beginning of the key's digest.
    pub key: String,
    /// The sealed bytes in base64.
    pub sealed: String,
}

/// The validation handshake of the webhook specification (HOOK-8, HOOK-9, HOOK-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handshake {
    /// The receiver is not asked: whoever entered its address answers for it.
    #[default]
    Off,
    /// It is asked, and may set a rate; one that does not know the handshake gets its events all the same.
    Offered,
    /// Nothing is delivered without its consent.
    Required,
}

impl Handshake {
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// CloudEvents content mode of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The whole event as one JSON document.
    #[default]
    Structured,
    /// Attributes as headers, data as the body.
    Binary,
}

/// Back into the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSink {
    /// `source` of the derived events.
    pub source: String,
    /// Event types the derivation may publish; the partner holds the contract of each.
    pub publishes: Vec<EventType>,
}

const KINDS: &[&str] = &["webhook", "pull", "sse", "log"];

pub(crate) fn read(reader: &Reader, node: &Node, env: &dyn Fn(&str) -> Option<String>) -> Option<Sink> {
    let Kind::Map(entries) = &node.kind else {
        reader.bad(
            node,
            Text::new(
                "Ein Ziel ist eine Zuordnung wie „pull: {}“.",
                "a sink is a mapping such as `pull: {}`",
            ),
        );
        return None;
    };
    let [entry] = entries.as_slice() else {
        reader.bad(
            node,
            Text::new(
                "Ein Abonnement hat genau ein Ziel: webhook, pull, sse oder log.",
                "a subscription has exactly one sink: webhook, pull, sse or log",
            ),
        );
        return None;
    };
    match entry.key.as_str() {
        "webhook" => read_webhook(reader, &entry.value, env).map(Sink::Webhook),
        "pull" => reader.fields(&entry.value, &[]).map(|_| Sink::Pull {}),
        "sse" => reader.fields(&entry.value, &[]).map(|_| Sink::Sse {}),
        "log" => read_log(reader, &entry.value).map(Sink::Log),
        other => {
            let text = Text::new("Ein solches Ziel gibt es nicht.", "there is no such sink");
            let finding = Finding::error("SB-5003", reader.file.as_str(), text).at(entry.at);
            reader.report(finding.hint(did_you_mean(other, KINDS.iter().copied())));
            None
        }
    }
}

fn read_webhook(reader: &Reader, node: &Node, env: &dyn Fn(&str) -> Option<String>) -> Option<Webhook> {
    let fields = reader.fields(node, &["url", "mode", "handshake"])?;
    let url = fields.required("url", |r, n| {
        let text = r.text(n)?;
        match expand(&text, env) {
            Ok(url) => Some(url),
            Err(text) => {
                r.bad(n, text);
                None
            }
        }
    });
    let modes = &[("structured", Mode::Structured), ("binary", Mode::Binary)];
    let mode = fields.or("mode", Mode::default(), |r, n| r.one_of(n, modes));
    let handshakes = &[
        ("off", Handshake::Off),
        ("offered", Handshake::Offered),
        ("required", Handshake::Required),
    ];
    let handshake = fields.or("handshake", Handshake::default(), |r, n| r.one_of(n, handshakes));
    Some(Webhook {
        url: url?,
        mode: mode?,
        credential: None,
        handshake: handshake?,
    })
}

fn read_log(reader: &Reader, node: &Node) -> Option<LogSink> {
    let fields = reader.fields(node, &["source", "publishes"])?;
    let source = fields.required("source", Reader::text);
    let publishes = fields.required("publishes", read_types);
    Some(LogSink {
        source: source?,
        publishes: publishes?,
    })
}

/// Replaces `${NAME}` and `${NAME:-default}`. What was replaced is not replaced again.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Text> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (inside, tail) = after.split_once('}').ok_or_else(|| {
            Text::new(
                "„${“ ohne schließende Klammer „}“.",
                "`${` without its closing `}`",
            )
        })?;
        let (name, otherwise) = match inside.split_once(":-") {
            Some((name, otherwise)) => (name, Some(otherwise)),
            None => (inside, None),
        };
        let well_named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !well_named {
            return Err(Text::new(
                "Zwischen „${“ und „}“ steht der Name einer Umgebungsvariablen.",
                "between `${` and `}` stands the name of an environment variable",
            ));
        }
        let value = env(name)
            .filter(|v| !v.is_empty())
            .or_else(|| otherwise.map(str::to_owned));
        out.push_str(&value.ok_or_else(|| {
            Text::new(
                format!("Die Umgebungsvariable {name} ist nicht gesetzt, und ein Ersatzwert „${{{name}:-…}}“ fehlt."),
                format!("the environment variable {name} is not set and `${{{name}:-…}}` gives no default"),
            )
        })?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::expand;

    #[test]
    fn variables_are_replaced_once() {
        let env = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "LOOP" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expanded) in [
            ("plain", Some("plain")),
            ("x${A}y${A}", Some("x1y1")),
            ("${B:-http://h:1/p}", Some("http://h:1/p")),
            ("${EMPTY:-d}", Some("d")),
            ("${LOOP}", Some("${A}")),
            ("$A {A}", Some("$A {A}")),
            ("${B}", None),
            ("${A", None),
            ("${}", None),
            ("${A B}", None),
        ] {
            assert_eq!(expand(text, &env).ok().as_deref(), expanded, "{text}");
        }
    }
}
