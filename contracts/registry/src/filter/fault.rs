//! What is wrong with a filter, and where in it.

use crate::finding::{Text, did_you_mean};

/// One thing that is wrong inside a filter, said without a full stop, with the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Names and indexes from the outside inwards.
    pub(crate) path: Vec<String>,
    /// `SB-5003` for a word nobody knows, else `SB-5005`.
    pub(crate) code: &'static str,
    pub(crate) text: Text,
    pub(crate) hint: Option<Text>,
}

impl Fault {
    /// A value that cannot be.
    pub(crate) fn bad(text: Text) -> Self {
        Self {
            path: Vec::new(),
            code: "SB-5005",
            text,
            hint: None,
        }
    }

    /// A name that is none of `known`.
    pub(crate) fn unknown(name: &str, known: &[&'static str]) -> Self {
        let shown: String = name.chars().take(60).collect();
        Self {
            code: "SB-5003",
            hint: did_you_mean(name, known.iter().copied()),
            ..Self::bad(Text::new(
                format!("„{shown}“ gibt es hier nicht"),
                format!("there is no `{shown}` here"),
            ))
        }
        .under(name)
    }

    /// The same fault, one step further out.
    pub(crate) fn under(mut self, step: impl ToString) -> Self {
        self.path.insert(0, step.to_string());
        self
    }

    pub(crate) fn with_hint(mut self, hint: Option<Text>) -> Self {
        self.hint = hint;
        self
    }

    /// One English sentence with the place, for whoever has no file to look at.
    pub(crate) fn sentence(&self) -> String {
        let place: String = self.path.join(" › ").chars().take(200).collect();
        let hint = self.hint.as_ref().map(|hint| format!(" ({})", hint.en));
        format!("{place}: {}{}", self.text.en, hint.unwrap_or_default())
    }
}

/// Results that learn where their fault is on the way out.
pub(crate) trait Faulty {
    fn under(self, step: impl ToString) -> Self;
}

impl<T> Faulty for Result<T, Fault> {
    fn under(self, step: impl ToString) -> Self {
        self.map_err(|fault| fault.under(step))
    }
}
