//! Spans of time on the command line: `500ms`, `30s`, `15m`, `1h`, `7d`; a bare number means seconds.

use crate::say;
use std::time::Duration;

/// Reads a span of time; used by the grammar, so the error is one sentence.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let factor_ms: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(factor_ms)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

/// Whole milliseconds, for the HTTP interface.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn wrong() -> String {
    say!(
        "erwartet wird eine Dauer wie 500ms, 30s, 15m, 1h oder 7d",
        "a duration like 500ms, 30s, 15m, 1h or 7d is expected"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let cases = [
            ("500ms", Some(500)),
            ("30", Some(30_000)),
            ("30s", Some(30_000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("", None),
            ("h", None),
            ("1y", None),
            ("-1s", None),
            ("99999999999999999999d", None),
            ("18446744073709551615h", None),
            ("1 h", Some(3_600_000)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).ok().map(millis), expected, "{text:?}");
        }
    }
}
