//! The command line of a measuring tool: a few options, read by hand.
//!
//! The tools of `tests/` take a handful of `--name value` pairs from `cargo xtask`; the grammar of commands is the
//! business of the product's own binary.

use std::collections::VecDeque;
use std::str::FromStr;

use stadtbus_harness::{Failure, Outcome};

/// The arguments that have not been read yet.
#[derive(Debug)]
pub struct Words(VecDeque<String>);

impl Words {
    /// The arguments of this program.
    #[must_use]
    pub fn of_this_program() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// These arguments.
    #[must_use]
    pub fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// Whether this flag is given; it counts as read.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|word| word == name);
        at.is_some_and(|at| self.0.remove(at).is_some())
    }

    /// The value after this option, or after `=` in it; both count as read.
    ///
    /// # Errors
    /// It is given without a value.
    pub fn value(&mut self, name: &str) -> Outcome<Option<String>> {
        let joined = self
            .0
            .iter()
            .position(|word| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
        if let Some(word) = joined.and_then(|at| self.0.remove(at)) {
            return Ok(word.split_once('=').map(|(_, value)| value.to_owned()));
        }
        let Some(at) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        self.0.remove(at);
        let value = self.0.remove(at).filter(|value| !value.starts_with("--"));
        value
            .map(Some)
            .ok_or_else(|| Failure::new(format!("{name} needs a value")))
    }

    /// The number after this option, within bounds.
    ///
    /// # Errors
    /// It is not a number, or out of its bounds.
    pub fn number<N: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        name: &str,
        least: N,
        most: N,
    ) -> Outcome<Option<N>> {
        let Some(text) = self.value(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if number >= least && number <= most => Ok(Some(number)),
            _ => Err(Failure::new(format!(
                "{name} takes a number from {least} to {most}, not {text:?}"
            ))),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something is left that nobody understands.
    pub fn end(self) -> Outcome<()> {
        match self.0.front() {
            None => Ok(()),
            Some(word) => Err(Failure::new(format!("{word:?} is not understood: see --help"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Words;

    #[test]
    fn options_are_read_in_any_order_and_leave_nothing() {
        let mut words = Words::new(&["--smoke", "--seed", "7", "--only=a,b"]);
        assert_eq!(words.value("--only").unwrap().unwrap(), "a,b");
        assert_eq!(words.number("--seed", 1_u64, 9).unwrap(), Some(7));
        assert!(words.flag("--smoke") && !words.flag("--smoke"));
        assert_eq!(words.number("--kills", 0_u32, 9).unwrap(), None);
        words.end().unwrap();
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(Words::new(&["--seed"]).value("--seed").is_err());
        assert!(Words::new(&["--seed", "--smoke"]).value("--seed").is_err());
        assert!(Words::new(&["--seed", "x"]).number("--seed", 1_u64, 9).is_err());
        assert!(Words::new(&["--seed", "10"]).number("--seed", 1_u64, 9).is_err());
        assert!(Words::new(&["--sed", "1"]).end().is_err());
    }
}
