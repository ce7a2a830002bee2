//! Reads the nouns of a city folder out of a tree, strictly, and goes on after an error.
//!
//! Refuses every field it does not know, because a misspelt `filers:` that is silently ignored
//! would hand a subscriber events it was never meant to get.

use std::cell::RefCell;

use crate::finding::{Finding, Text, did_you_mean};
use crate::rules::Rule;
use crate::yaml::{Kind, Node};

/// One file being read, and what was found wrong with it so far.
pub(crate) struct Reader {
    pub(crate) file: String,
    findings: RefCell<Vec<Finding>>,
}

impl Reader {
    pub(crate) fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            findings: RefCell::default(),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    pub(crate) fn report(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    /// Reports a value that cannot be what it says.
    pub(crate) fn bad(&self, node: &Node, detail: Text) {
        self.report(Finding::error("SB-5005", self.file.as_str(), detail).at(node.at));
    }

    pub(crate) fn expected(&self, node: &Node, what: &Text) {
        let found = node.kind_text();
        self.bad(
            node,
            Text::new(
                format!("Hier wird {} erwartet, da steht {}.", what.de, found.de),
                format!("expected {}, found {}", what.en, found.en),
            ),
        );
    }

    /// The fields of a mapping; every key outside `names` is reported.
    pub(crate) fn fields<'r>(&'r self, node: &'r Node, names: &'static [&'static str]) -> Option<Fields<'r>> {
        let Kind::Map(entries) = &node.kind else {
            self.expected(node, &Text::new("eine Zuordnung", "a mapping"));
            return None;
        };
        for entry in entries.iter().filter(|e| !names.contains(&e.key.as_str())) {
            let shown: String = entry.key.chars().take(60).collect();
            let finding = Finding::error(
                "SB-5003",
                self.file.as_str(),
                Text::new(
                    format!("Das Feld „{shown}“ gibt es hier nicht."),
                    format!("there is no field `{shown}` here"),
                ),
            );
            self.report(
                finding
                    .at(entry.at)
                    .hint(did_you_mean(&entry.key, names.iter().copied())),
            );
        }
        Some(Fields { reader: self, node })
    }

    pub(crate) fn text(&self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.bad(node, Text::new("Der Text ist leer.", "the text is empty"));
                None
            }
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(_) | Kind::Boolean(_) => {
                self.report(
                    Finding::error(
                        "SB-5005",
                        self.file.as_str(),
                        Text::new("Hier wird ein Text erwartet.", "expected a text"),
                    )
                    .at(node.at)
                    .hint(Text::new(
                        "Den Wert in Anführungszeichen setzen.",
                        "Put the value in quotes.",
                    )),
                );
                None
            }
            _ => {
                self.expected(node, &Text::new("ein Text", "a text"));
                None
            }
        }
    }

    /// A text that must keep a rule.
    pub(crate) fn parsed<T, E>(
        &self,
        node: &Node,
        rule: Rule,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(node)?;
        let value = parse(&text).ok();
        if value.is_none() {
            let (de, en) = rule;
            self.bad(
                node,
                Text::new(format!("Hier wird {de} erwartet."), format!("expected {en}")),
            );
        }
        value
    }

    /// One of a closed list of words.
    pub(crate) fn one_of<T: Copy>(&self, node: &Node, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(node)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            self.report(
                Finding::error(
                    "SB-5005",
                    self.file.as_str(),
                    Text::new(
                        "Dieses Wort ist hier nicht vorgesehen.",
                        "this word is not one of those allowed here",
                    ),
                )
                .at(node.at)
                .hint(did_you_mean(&text, words.iter().map(|(word, _)| *word))),
            );
        }
        found
    }

    pub(crate) fn boolean(&self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Boolean(value) => Some(value),
            _ => {
                self.expected(node, &Text::new("true oder false", "true or false"));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, node: &Node, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let value = match &node.kind {
            Kind::Number(number) => number.as_u64().filter(|n| bounds.contains(n)),
            _ => None,
        };
        if value.is_none() {
            let (min, max) = (bounds.start(), bounds.end());
            self.bad(
                node,
                Text::new(
                    format!("Hier wird eine ganze Zahl von {min} bis {max} erwartet."),
                    format!("expected a whole number from {min} to {max}"),
                ),
            );
        }
        value
    }

    /// A list whose items are read one by one; a bad item is reported and left out.
    pub(crate) fn list<'n, T>(
        &self,
        node: &'n Node,
        item: impl Fn(&Self, &'n Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        match &node.kind {
            Kind::List(items) => Some(items.iter().filter_map(|n| item(self, n)).collect()),
            _ => {
                self.expected(node, &Text::new("eine Liste", "a list"));
                None
            }
        }
    }
}

/// The fields of one mapping. Reading a required field that is absent reports it.
pub(crate) struct Fields<'r> {
    reader: &'r Reader,
    node: &'r Node,
}

impl<'r> Fields<'r> {
    /// A mapping whose keys are free; used where the standard leaves them so.
    pub(crate) fn of(reader: &'r Reader, node: &'r Node) -> Self {
        Self { reader, node }
    }

    /// The field's node; an explicit `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'r Node> {
        self.node.get(name).filter(|n| n.kind != Kind::Null)
    }

    pub(crate) fn required<T>(
        &self,
        name: &str,
        read: impl Fn(&'r Reader, &'r Node) -> Option<T>,
    ) -> Option<T> {
        match self.get(name) {
            Some(node) => read(self.reader, node),
            None => {
                let finding = Finding::error(
                    "SB-5004",
                    self.reader.file.as_str(),
                    Text::new(
                        format!("Das Feld „{name}“ fehlt."),
                        format!("the field `{name}` is missing"),
                    ),
                );
                self.reader.report(finding.at(self.node.at));
                None
            }
        }
    }

    /// `Some(None)` when absent, `None` when present but bad.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&'r Reader, &'r Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            Some(node) => read(self.reader, node).map(Some),
            None => Some(None),
        }
    }

    /// The value of `otherwise` when absent.
    pub(crate) fn or<T>(
        &self,
        name: &str,
        otherwise: T,
        read: impl Fn(&'r Reader, &'r Node) -> Option<T>,
    ) -> Option<T> {
        self.optional(name, read).map(|value| value.unwrap_or(otherwise))
    }
}
