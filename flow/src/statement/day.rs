//! Days of the calendar that people live by.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// The zone of cities that say nothing else.
const BERLIN: &str = "Europe/Berlin";
/// The same by its rule, for a machine that has no table of zones.
const BERLIN_RULE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// A zone of time, by the name it was given.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// By its name (`Europe/Berlin`), or by its rule as POSIX writes it (`CET-1CEST,M3.5.0,M10.5.0/3`).
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(name: &str) -> Result<Self, String> {
        let rule = if name == BERLIN { BERLIN_RULE } else { name };
        let zone = TimeZone::posix(rule)
            .or_else(|_| TimeZone::get(name))
            .map_err(|_| format!("`{name}` is no time zone"))?;
        Ok(Self {
            name: name.to_owned(),
            zone,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The day that `time` is in.
    pub(super) fn day_of(&self, time: SystemTime) -> Option<Date> {
        let time = Timestamp::try_from(time).ok()?;
        Some(self.zone.to_datetime(time).date())
    }

    /// When a day begins, in milliseconds since 1970. A day may have 23 or 25 hours.
    pub(super) fn begin_ms(&self, day: Date) -> Option<u64> {
        let begin = day.to_zoned(self.zone.clone()).ok()?;
        u64::try_from(begin.timestamp().as_millisecond()).ok()
    }
}

/// The days from `first` to `last`, both included; so many at most.
pub(super) fn days(first: Date, last: Date, most: usize) -> Vec<Date> {
    let mut days = Vec::new();
    let mut day = first;
    while day <= last && days.len() < most {
        days.push(day);
        let Ok(next) = day.checked_add(1.day()) else { break };
        day = next;
    }
    days
}

/// The day after or before.
pub(super) fn shifted(day: Date, by: i64) -> Option<Date> {
    day.checked_add(by.days()).ok()
}

/// How long after the end of a day it is closed: every lane has been looked at once more by then.
pub(super) fn grace(look_s: u64) -> Duration {
    Duration::from_secs(look_s.saturating_mul(2).saturating_add(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_when_people_say_so() {
        let zone = Zone::parse(BERLIN).unwrap();
        let hours = |day: &str| {
            let day: Date = day.parse().unwrap();
            let next = shifted(day, 1).unwrap();
            (zone.begin_ms(next).unwrap() - zone.begin_ms(day).unwrap()) / 3_600_000
        };
        assert_eq!(
            [hours("2026-11-28"), hours("2026-03-29"), hours("2026-10-25")],
            [24, 23, 25]
        );
        let late: Timestamp = "2026-11-28T22:59:59Z".parse().unwrap();
        assert_eq!(zone.day_of(late.into()).unwrap().to_string(), "2026-11-28");
        let next: Timestamp = "2026-11-28T23:00:00Z".parse().unwrap();
        assert_eq!(zone.day_of(next.into()).unwrap().to_string(), "2026-11-29");
        assert!(Zone::parse("Europa/Krefeld").is_err());
        assert_eq!(
            days("2026-02-27".parse().unwrap(), "2026-03-02".parse().unwrap(), 9).len(),
            4
        );
    }
}
