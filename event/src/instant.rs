//! Timestamps as a number of seconds and nanoseconds since 1970, for formats that have no text for them.

use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};

use crate::check;

/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, in seconds: what formats with numbers for timestamps can say.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);

/// The instant, where seconds and nanoseconds say it exactly: no leap second, no tenth fraction digit, no year 0.
pub(crate) fn exact(text: &str) -> Option<(i64, i32)> {
    if !check::timestamp(text) || text.get(17..19) == Some("60") || fraction(text).len() > 9 {
        return None;
    }
    nearest(text).filter(|(seconds, _)| SECONDS.contains(seconds))
}

/// The instant of a checked timestamp in seconds and nanoseconds, cut to those; a leap second is the second after it.
pub(crate) fn nearest(text: &str) -> Option<(i64, i32)> {
    let (local, tail) = text.split_at_checked(19)?;
    let digits = fraction(text);
    let nanos = format!("{:0<9}", digits.get(..9).unwrap_or(digits))
        .parse()
        .ok()?;
    let (local, leap) = match local.strip_suffix("60") {
        Some(minute) => (format!("{minute}59").into(), 1),
        None => (std::borrow::Cow::Borrowed(local), 0),
    };
    // The calendar alone, for jiff's own timestamps end a day before the year 9999 does.
    let local: DateTime = local.parse().ok()?;
    let seconds = local.duration_since(EPOCH).as_secs();
    Some((
        seconds.checked_sub(offset_seconds(tail)?)?.checked_add(leap)?,
        nanos,
    ))
}

/// RFC 3339 in UTC, cut to whole seconds; a leap second stays one. Nothing where it is no timestamp or leaves the years that
/// have four digits.
pub(crate) fn utc_seconds(text: &str) -> Option<String> {
    if !check::timestamp(text) {
        return None;
    }
    let leap = text.get(17..19) == Some("60");
    let (seconds, _) = nearest(text)?;
    let local = EPOCH
        .checked_add(SignedDuration::from_secs(seconds.checked_sub(i64::from(leap))?))
        .ok()?;
    if !(0..=9999).contains(&local.year()) {
        return None;
    }
    let minute = local.strftime("%Y-%m-%dT%H:%M:");
    let second = local.second().checked_add(i8::from(leap))?;
    Some(format!("{minute}{second:02}Z"))
}

fn fraction(text: &str) -> &str {
    let rest = text
        .get(19..)
        .and_then(|tail| tail.strip_prefix('.'))
        .unwrap_or_default();
    rest.split_once(|c: char| !c.is_ascii_digit())
        .map_or(rest, |(digits, _)| digits)
}

/// What the zone at the end of a checked timestamp adds to UTC.
fn offset_seconds(tail: &str) -> Option<i64> {
    if tail.ends_with(['Z', 'z']) {
        return Some(0);
    }
    let zone = tail.get(tail.len().checked_sub(6)?..)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// RFC 3339 in UTC with 0, 3, 6 or 9 fraction digits, as few as say it; nothing out of range.
pub(crate) fn spelled(seconds: i64, nanos: i32) -> Option<String> {
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return None;
    }
    let whole = EPOCH
        .checked_add(SignedDuration::from_secs(seconds))
        .ok()?
        .strftime("%Y-%m-%dT%H:%M:%S");
    Some(match nanos {
        0 => format!("{whole}Z"),
        n if n % 1_000_000 == 0 => format!("{whole}.{:03}Z", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{whole}.{:06}Z", n / 1_000),
        n => format!("{whole}.{n:09}Z"),
    })
}

#[cfg(test)]
mod tests {
    use super::{exact, spelled, utc_seconds};

    #[test]
    fn whole_seconds_in_utc() {
        let cases = [
            ("2026-05-13T10:49:12.123456+01:00", Some("2026-05-13T09:49:12Z")),
            ("2026-05-13t09:49:12.999z", Some("2026-05-13T09:49:12Z")),
            ("1969-12-31T23:59:59.5Z", Some("1969-12-31T23:59:59Z")),
            ("2017-01-01T00:59:60.5+01:00", Some("2016-12-31T23:59:60Z")),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("0000-01-01T00:00:00+01:00", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("2026-05-13", None),
        ];
        for (text, expected) in cases {
            assert_eq!(utc_seconds(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn core_12_instants_that_numbers_can_say() {
        // (CORE-12, spelled in, seconds and nanoseconds, spelled out)
        type Case<'a> = (&'a str, Option<(i64, i32)>, &'a str);
        let cases: &[Case<'_>] = &[
            ("1970-01-01T00:00:00Z", Some((0, 0)), "1970-01-01T00:00:00Z"),
            (
                "2026-11-23T14:00:00+01:00",
                Some((1_795_438_800, 0)),
                "2026-11-23T13:00:00Z",
            ),
            (
                "2026-11-23t14:00:00.5z",
                Some((1_795_442_400, 500_000_000)),
                "2026-11-23T14:00:00.500Z",
            ),
            (
                "1969-12-31T23:59:59.999999Z",
                Some((-1, 999_999_000)),
                "1969-12-31T23:59:59.999999Z",
            ),
            (
                "1969-12-31T23:59:58.000000001Z",
                Some((-2, 1)),
                "1969-12-31T23:59:58.000000001Z",
            ),
            (
                "0001-01-01T00:00:00Z",
                Some((-62_135_596_800, 0)),
                "0001-01-01T00:00:00Z",
            ),
            (
                "9999-12-31T23:59:59.999999999Z",
                Some((253_402_300_799, 999_999_999)),
                "9999-12-31T23:59:59.999999999Z",
            ),
            ("2016-12-31T23:59:60Z", None, ""),
            ("2026-11-23T14:00:00.0123456789Z", None, ""),
            ("0000-06-01T00:00:00Z", None, ""),
            ("0001-01-01T00:00:00+01:00", None, ""),
            ("9999-12-31T23:59:59-01:00", None, ""),
            (
                "2026-11-23T14:00:00.5-01:30",
                Some((1_795_447_800, 500_000_000)),
                "2026-11-23T15:30:00.500Z",
            ),
            ("never", None, ""),
            ("", None, ""),
        ];
        for (text, instant, out) in cases {
            assert_eq!(exact(text), *instant, "CORE-12 {text}");
            if let Some((seconds, nanos)) = instant {
                assert_eq!(spelled(*seconds, *nanos).as_deref(), Some(*out), "CORE-12 {text}");
            }
        }
        for (seconds, nanos) in [
            (253_402_300_800, 0),
            (-62_135_596_801, 0),
            (0, -1),
            (0, 1_000_000_000),
            (i64::MIN, 0),
        ] {
            assert_eq!(spelled(seconds, nanos), None, "{seconds} {nanos}");
        }
    }
}
