//! `stadtbus-demo [--check] [--lang de|en]`

use crate::words::Language;

const USAGE: &str = "usage: stadtbus-demo [--check] [--lang de|en]";

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments {
    /// Compare, say one line per scenario, and end.
    pub(crate) check: bool,
    /// The language of what is shown.
    pub(crate) language: Language,
}

impl Arguments {
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Result<Self, &'static str> {
        let mut read = Self {
            check: false,
            language: Language::De,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--check" => read.check = true,
                "--lang" => {
                    read.language = args.next().and_then(|name| Language::named(&name)).ok_or(USAGE)?
                }
                _ => return Err(USAGE),
            }
        }
        Ok(read)
    }
}
