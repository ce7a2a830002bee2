//! What is wrong with a city folder, said so that the person who wrote it can put it right.
//!
//! Promise: a finding names a stable code, the file, the line where there is one, one sentence in
//! German and in English, and, where the remedy is known, a hint. All findings of a folder are
//! reported together, because a clerk who repairs one file per run gives up.

use std::fmt;

use serde::Serialize;

/// One sentence in the two languages of the house. German is what clerks read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// German.
    pub de: Box<str>,
    /// English.
    pub en: Box<str>,
}

impl Text {
    /// The same thought in German and in English.
    pub fn new(de: impl Into<Box<str>>, en: impl Into<Box<str>>) -> Self {
        Self {
            de: de.into(),
            en: en.into(),
        }
    }
}

/// How much a finding stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The city loads, but something written in it will have no effect (an agreement that ran
    /// out, a subscription nobody allowed). The bus denies by default, so nothing leaks.
    Warning,
    /// The city cannot be loaded or applied.
    Error,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code, `SB-50xx`.
    pub code: &'static str,
    /// What it stops.
    pub severity: Severity,
    /// The file as the caller would open it: the city folder as given, then the way inside, with `/`.
    pub file: Box<str>,
    /// Line in the file, 1-based.
    pub line: Option<u32>,
    /// Column in the line, 1-based, in characters.
    pub column: Option<u32>,
    /// One sentence.
    pub detail: Text,
    /// What to do about it, where that is known.
    pub hint: Option<Text>,
}

impl Finding {
    /// An error about `file` as a whole.
    pub fn error(code: &'static str, file: impl Into<Box<str>>, detail: Text) -> Self {
        Self {
            code,
            severity: Severity::Error,
            file: file.into(),
            line: None,
            column: None,
            detail,
            hint: None,
        }
    }

    /// A warning about `file` as a whole.
    pub fn warning(code: &'static str, file: impl Into<Box<str>>, detail: Text) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, file, detail)
        }
    }

    /// The same finding with its place in the file; `(0, 0)` means unknown and changes nothing.
    #[must_use]
    pub fn at(mut self, (line, column): (u32, u32)) -> Self {
        if line > 0 {
            self.line = Some(line);
            self.column = (column > 0).then_some(column);
        }
        self
    }

    /// The same finding with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<Text>>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.detail.en)?;
        match &self.hint {
            Some(hint) => write!(f, " ({})", hint.en),
            None => Ok(()),
        }
    }
}

/// Everything found, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Sorted by file, line and code, so that two runs say the same.
    pub fn sorted(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| {
            (&a.file, a.line, a.column, a.code, &a.detail.en).cmp(&(
                &b.file,
                b.line,
                b.column,
                b.code,
                &b.detail.en,
            ))
        });
        findings.dedup();
        Self(findings)
    }

    /// Whether anything stops the city from being loaded.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|f| f.severity == Severity::Error)
    }

    /// The findings, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// The word of `known` that `written` was probably meant to be, if one is near enough.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = written.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lowered, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.chars().count().min(24) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// "Did you mean …" as a hint, or else the list of what is allowed.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<Text> {
    if let Some(word) = nearest(written, known.clone()) {
        return Some(Text::new(
            format!("Gemeint war wohl „{word}“."),
            format!("Did you mean `{word}`?"),
        ));
    }
    let all: Vec<&str> = known.into_iter().take(24).collect();
    if all.is_empty() {
        return None;
    }
    Some(Text::new(
        format!("Bekannt sind: {}.", all.join(", ")),
        format!("Known are: {}.", all.join(", ")),
    ))
}
