//! `oci://host/repository:tag@sha256:…`: where in which registry.

use crate::say;
use crate::ui::Failure;
use std::fmt;
use std::str::FromStr;

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Host, and port if it is not that of HTTPS.
    pub(crate) host: String,
    /// The repository.
    pub(crate) repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// The tag.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, with its algorithm.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What to ask for: the digest where there is one, for a tag can be moved.
    pub(crate) fn wanted(&self) -> Option<&str> {
        self.digest().or(self.tag())
    }

    /// The same place by the digest of what was found there.
    pub(crate) fn at(&self, digest: &str) -> Self {
        Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        }
    }
}

impl FromStr for Reference {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            let message = say!(
                "`{}` ist keine Adresse in einer Registry.",
                "`{}` is no address in a registry.",
                text.escape_debug()
            );
            Failure::usage(message)
                .hint("stadtbus plugin push . oci://registry.example/ngn/outage-redact:1.0.0")
        };
        let rest = text.strip_prefix("oci://").ok_or_else(wrong)?;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (rest, None),
        };
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (path, None),
        };
        let sound = is_host(host)
            && repository.len() <= 255
            && repository.split('/').all(is_part)
            && tag.as_deref().is_none_or(is_tag)
            && digest.as_deref().is_none_or(is_digest);
        sound
            .then(|| Self {
                host: host.to_owned(),
                repository: repository.to_owned(),
                tag,
                digest,
            })
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty() && text.chars().all(allowed)
}

fn is_part(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(allowed) && edge(text.chars().next()) && edge(text.chars().next_back())
}

fn is_tag(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    begins && text.len() <= 128 && text.chars().all(allowed)
}

fn is_digest(text: &str) -> bool {
    let hex = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
    text.strip_prefix("sha256:")
        .is_some_and(|digest| digest.len() == 64 && digest.chars().all(hex))
}
