//! The cases, as they stand in the files.

use crate::ui::{Exit, Failure};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The commit of github.com/cloudevents/spec to which the lines of the cases belong.
pub(crate) const SPECIFICATION: &str = "cloudevents/spec c2845a4 (1.0.3-wip)";

const FILES: &[(&str, &str)] = &[
    ("core.yaml", include_str!("cases/core.yaml")),
    ("json.yaml", include_str!("cases/json.yaml")),
    ("http.yaml", include_str!("cases/http.yaml")),
    ("extensions.yaml", include_str!("cases/extensions.yaml")),
    ("hooks.yaml", include_str!("cases/hooks.yaml")),
];

/// How much weight a requirement has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    /// Whoever breaks it is not conformant.
    Must,
    /// There may be reasons to do otherwise.
    Should,
}

impl Level {
    /// The word of RFC 2119.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        }
    }
}

/// What not every endpoint offers; its cases run where it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Claim {
    /// Batched mode, which is for those who asked for it.
    Batch,
    /// The webhook specification: authorization and handshake.
    Webhook,
    /// Tokens in the URL.
    QueryToken,
    /// Checks of the documented extensions.
    Extensions,
}

impl Claim {
    /// As it is given on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Webhook => "webhook",
            Self::QueryToken => "query-token",
            Self::Extensions => "extensions",
        }
    }
}

/// What data a case brings, and what data an endpoint takes. A case runs where its data is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Takes {
    /// Only the data given.
    #[default]
    Given,
    /// Any JSON.
    Json,
    /// Anything, and nothing.
    Any,
}

/// The content mode of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One JSON document.
    #[default]
    Structured,
    /// Attributes as header fields.
    Binary,
    /// Several events.
    Batch,
    /// No event but the handshake's OPTIONS.
    Options,
}

/// Which token goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Token {
    /// The right one, in its header field.
    Header,
    /// None.
    None,
    /// A wrong one.
    Wrong,
    /// The right one, in the URL.
    Query,
    /// A wrong one in the URL.
    QueryWrong,
}

/// How the endpoint must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expect {
    /// 2xx, and nothing altered on the way.
    Accepted,
    /// 4xx.
    Refused,
    /// 4xx; or 2xx, as long as no event with the case's id comes out at the other end.
    NotPassedOn,
    /// 2xx or 4xx.
    Answered,
    /// 200, 201, 202 or 204.
    Success,
    /// 415.
    Unsupported,
    /// 401 or 403, and no challenge but `Bearer`.
    Unauthorized,
    /// `WebHook-Allowed-Origin`.
    Consent,
    /// The same with `WebHook-Allowed-Rate`.
    ConsentWithRate,
    /// `Allow` with `POST`.
    AllowsPost,
}

/// The request of a case: what it changes about a plain event.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Send {
    /// The mode.
    pub(crate) mode: Mode,
    /// Members (structured) or attributes (binary) left out.
    pub(crate) without: Vec<String>,
    /// Members as JSON text, or attributes as header values; they replace the plain event's.
    pub(crate) with: IndexMap<String, String>,
    /// The same once more, behind all others.
    pub(crate) again: IndexMap<String, String>,
    /// In place of the mode's own; empty for none.
    pub(crate) content_type: Option<String>,
    /// Further header fields.
    pub(crate) headers: IndexMap<String, String>,
    /// In place of the whole body.
    pub(crate) body: Option<String>,
    /// Header names as `Ce-Id`.
    pub(crate) title_case: bool,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) case: String,
    /// The requirements it is about.
    pub(crate) covers: Vec<String>,
    /// The level of the requirement.
    pub(crate) level: Level,
    /// The document, where it is not the file's.
    #[serde(default)]
    pub(crate) document: String,
    /// The line of the document.
    pub(crate) line: u32,
    /// New against 1.0.2.
    #[serde(default)]
    pub(crate) wip: bool,
    /// Title in German.
    pub(crate) de: String,
    /// Title in English.
    pub(crate) en: String,
    /// What must be claimed for it.
    #[serde(default)]
    pub(crate) claim: Option<Claim>,
    /// What data it brings.
    #[serde(default)]
    pub(crate) needs: Takes,
    /// Where it fails, refusals in its mode say nothing.
    #[serde(default)]
    pub(crate) baseline: bool,
    /// The token, where the case is about it.
    #[serde(default)]
    pub(crate) token: Option<Token>,
    /// The request.
    pub(crate) send: Send,
    /// The answer.
    pub(crate) expect: Expect,
    /// Whether spelling counts: of times, media types and JSON data.
    #[serde(default)]
    pub(crate) exact: bool,
    /// Attributes that come out otherwise than they were written; null for absent ones.
    #[serde(default)]
    pub(crate) returns: IndexMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    document: String,
    cases: Vec<Case>,
}

/// All cases, those first on which others depend.
///
/// # Errors
/// SB-6004 where a file of the program itself is broken, which its tests rule out.
pub(crate) fn all() -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for (name, text) in FILES {
        let file: File = serde_saphyr::from_str(text)
            .map_err(|error| Failure::new("SB-6004", Exit::Failed, format!("{name}: {error}")))?;
        for mut case in file.cases {
            if case.document.is_empty() {
                case.document.clone_from(&file.document);
            }
            cases.push(case);
        }
    }
    cases.sort_by_key(|case| !case.baseline);
    Ok(cases)
}
