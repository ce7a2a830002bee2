//! German first, English beside it.

use serde::Deserialize;

/// The language of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    De,
    En,
}

impl Language {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "de" => Some(Self::De),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    pub(crate) fn choose<'a>(self, de: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::De => de,
            Self::En => en,
        }
    }
}

/// A text in both languages, as the script has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Words {
    de: String,
    en: String,
}

impl Words {
    pub(crate) fn in_(&self, language: Language) -> &str {
        language.choose(&self.de, &self.en)
    }
}
