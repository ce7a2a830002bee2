//! `partitionkey` and `sequence`.

use crate::error::EventError;
use crate::event::Event;

/// The extension `partitionkey`: events of one key belong together. It stays on the event when it is used as a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionKey<'a> {
    /// The key.
    pub key: &'a str,
}

impl<'a> PartitionKey<'a> {
    /// Reads `partitionkey`.
    ///
    /// # Errors
    /// SB-1114 where it is empty or no string.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        Ok(super::text(event, "partitionkey")?.map(|key| Self { key }))
    }
}

/// The extension `sequence`: the place of the event among those of its `source`, compared as text. Sequences of two sources
/// have nothing to do with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence<'a> {
    /// The value; who counts with it pads with zeros.
    pub value: &'a str,
}

impl<'a> Sequence<'a> {
    /// Reads `sequence`. An integer is refused: 10 comes after 9, and `"10"` before `"9"`, so it is not clear what was meant.
    ///
    /// # Errors
    /// SB-1114 where it is empty or no string.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        Ok(super::text(event, "sequence")?.map(|value| Self { value }))
    }

    /// How many values are missing between an earlier one of the same source and this one. Nothing where that cannot be
    /// told: one of them is not a decimal number of the same width, or this one is not the later one.
    #[must_use]
    pub fn missing_since(&self, earlier: &Self) -> Option<u64> {
        let number = |value: &str| {
            let digits = value.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| value.parse::<u64>().ok()).flatten()
        };
        if self.value.len() != earlier.value.len() {
            return None;
        }
        number(self.value)?
            .checked_sub(number(earlier.value)?)?
            .checked_sub(1)
    }
}
