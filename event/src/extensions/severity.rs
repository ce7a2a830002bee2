//! `severitynumber` and `severitytext`.

use super::violation;
use crate::error::EventError;
use crate::event::Event;
use crate::value::Value;

/// How severe what happened is, on the scale of OpenTelemetry: the higher the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severity<'a> {
    /// Not negative. OpenTelemetry gives 1 to 24 a meaning.
    pub number: i32,
    /// What the source calls it.
    pub text: Option<&'a str>,
}

impl<'a> Severity<'a> {
    /// Reads both. Bindings without types carry the number as its canonical string.
    ///
    /// # Errors
    /// SB-1114 where the number is negative or no integer, where it is missing beside the text, or the text is empty.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        const NUMBER: &str = "severitynumber";
        let text = super::text(event, "severitytext")?;
        let number = match event.extension(NUMBER) {
            None if text.is_none() => return Ok(None),
            None => return super::required(None, NUMBER, "severitytext"),
            Some(Value::Integer(number)) => Some(*number),
            Some(Value::String(text)) => text
                .parse::<i32>()
                .ok()
                .filter(|number| number.to_string() == *text),
            Some(Value::Boolean(_)) => None,
        };
        match number {
            Some(number) if number >= 0 => Ok(Some(Self { number, text })),
            _ => Err(violation(
                NUMBER,
                "is not an integer of 0 or more, which the severity is",
            )),
        }
    }

    /// What the source calls it, or what OpenTelemetry calls the number; nothing for numbers it gives no name.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        const KNOWN: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        let level = self.number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        self.text.or_else(|| KNOWN.get(level?.checked_div(4)?).copied())
    }
}
