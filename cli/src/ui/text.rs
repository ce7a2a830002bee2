//! The two languages of the interface.
//!
//! German comes first because the people who run a city's bus read German; English stands beside it for
//! partners. Both texts stand next to each other at the place of use, so that nobody changes one and
//! forgets the other. Codes, names, keys and log lines are never translated.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    /// German.
    De,
    /// English.
    En,
}

// One run speaks one language, chosen before anything is printed; the help texts of the grammar are built
// from it too, which is why it cannot be a parameter.
static GERMAN: AtomicBool = AtomicBool::new(false);

/// The language of this run.
pub(crate) fn lang() -> Lang {
    if GERMAN.load(Ordering::Relaxed) {
        Lang::De
    } else {
        Lang::En
    }
}

/// Sets the language of this run.
pub(crate) fn choose(lang: Lang) {
    GERMAN.store(lang == Lang::De, Ordering::Relaxed);
}

/// The fixed text in the language of this run.
pub(crate) fn t<T>(de: T, en: T) -> T {
    match lang() {
        Lang::De => de,
        Lang::En => en,
    }
}

/// `format!` in the language of this run: `say!("{count} Dateien", "{count} files")`.
#[macro_export]
macro_rules! say {
    ($de:literal, $en:literal $(, $argument:expr)* $(,)?) => {
        match $crate::ui::text::lang() {
            $crate::ui::text::Lang::De => format!($de $(, $argument)*),
            $crate::ui::text::Lang::En => format!($en $(, $argument)*),
        }
    };
}

/// The language asked for: `--lang` wherever it stands, else the first of `LC_ALL`, `LC_MESSAGES`, `LANG`
/// that is set; German if that begins with `de`, English otherwise.
pub(crate) fn detect(arguments: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lang") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None if word == "--" => break,
            None => None,
        };
        match value {
            Some("de") => return Lang::De,
            Some("en") => return Lang::En,
            _ => {}
        }
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    if locale.starts_with("de") {
        Lang::De
    } else {
        Lang::En
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn language_is_taken_from_flag_then_locale() {
        type Case = (
            &'static [&'static str],
            &'static [(&'static str, &'static str)],
            Lang,
        );
        let cases: [Case; 9] = [
            (&[], &[], Lang::En),
            (&[], &[("LANG", "de_DE.UTF-8")], Lang::De),
            (&[], &[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], Lang::En),
            (&[], &[("LANG", "C"), ("LC_ALL", "de_AT")], Lang::De),
            (&[], &[("LANG", "de"), ("LC_ALL", "")], Lang::De),
            (&["send", "--lang", "de"], &[("LANG", "C")], Lang::De),
            (&["--lang=en", "send"], &[("LANG", "de")], Lang::En),
            (&["send", "--", "--lang", "de"], &[], Lang::En),
            (&["send", "--lang"], &[], Lang::En),
        ];
        for (words, variables, expected) in cases {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let lookup = |name: &str| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, v)| (*v).to_owned())
            };
            assert_eq!(detect(&words, lookup), expected, "{words:?} {variables:?}");
        }
    }
}
