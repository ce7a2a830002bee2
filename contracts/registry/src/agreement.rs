//! One recipient's permission under a contract: who, for which purpose, on which legal basis, from
//! when to when. Without one that is valid at the time of routing, nothing is delivered.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stadtbus_event::PartnerId;

use crate::reader::Reader;
use crate::rules;
use crate::yaml::Node;

/// A usage agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageAgreement {
    /// Its id, a URN.
    pub agreement: String,
    /// Who may receive.
    pub recipient: PartnerId,
    /// For what: an IRI, usually of the W3C Data Privacy Vocabulary.
    pub purpose: String,
    /// On which legal basis: an IRI, or `none-personal-data-free`.
    pub legal_basis: String,
    /// The norm in words, for the record of processing activities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_norm: Option<String>,
    /// First day, inclusive.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Day,
    /// How long the recipient may keep what it got, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// A calendar day in the city's own time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// When the day begins.
    pub fn begins(self) -> SystemTime {
        self.0
            .to_zoned(city_time())
            .map_or(SystemTime::UNIX_EPOCH, |zoned| zoned.timestamp().into())
    }

    /// When the day is over (the first moment that no longer belongs to it).
    pub fn ends(self) -> SystemTime {
        self.0
            .tomorrow()
            .map_or_else(|_| Self(Date::MAX).begins(), |next| Self(next).begins())
    }
}

/// German time as a rule instead of a database lookup, so that the answer does not depend on which
/// time zone files a machine has.
fn city_time() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap_or(TimeZone::UTC)
}

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a day such as 2026-01-31";
        if text.len() != 10 {
            return Err(rule);
        }
        text.parse().map(Self).map_err(|_| rule)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<UsageAgreement> {
    let names = &[
        "agreement",
        "recipient",
        "purpose",
        "legalBasis",
        "legalNorm",
        "from",
        "to",
        "retentionDays",
    ];
    let fields = reader.fields(node, names)?;
    let agreement = fields.required("agreement", Reader::text);
    let recipient = fields.required("recipient", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    let purpose = fields.required("purpose", |r, n| r.parsed(n, rules::IRI, iri));
    let legal_basis = fields.required("legalBasis", |r, n| {
        r.parsed(n, rules::LEGAL_BASIS, crate::odcs::legal_basis)
    });
    let legal_norm = fields.optional("legalNorm", Reader::text);
    let from = fields.required("from", |r, n| r.parsed(n, rules::DAY, str::parse::<Day>));
    let to = fields.required("to", |r, n| r.parsed(n, rules::DAY, str::parse::<Day>));
    let retention = fields.optional("retentionDays", |r, n| r.number(n, 0..=36_500));
    Some(UsageAgreement {
        agreement: agreement?,
        recipient: recipient?,
        purpose: purpose?,
        legal_basis: legal_basis?,
        legal_norm: legal_norm?,
        from: from?,
        to: to?,
        retention_days: retention?.and_then(|days| u32::try_from(days).ok()),
    })
}

/// A purpose is named by an IRI so that two partners cannot mean different things by one word.
pub(crate) fn iri(text: &str) -> Result<String, &'static str> {
    let scheme = text
        .split_once(':')
        .map(|(scheme, rest)| (scheme, rest.trim_start_matches('/')));
    match scheme {
        Some(("https" | "http" | "urn", rest)) if !rest.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("an IRI such as https://w3id.org/dpv#ImprovePublicServices"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_is_the_german_day_in_winter_and_summer() {
        for (day, begins, ends) in [
            ("2026-01-01", "2025-12-31T23:00:00Z", "2026-01-01T23:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z", "2026-07-01T22:00:00Z"),
            ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ] {
            let parsed: Day = day.parse().unwrap();
            let at = |text: &str| SystemTime::from(text.parse::<jiff::Timestamp>().unwrap());
            assert_eq!((parsed.begins(), parsed.ends()), (at(begins), at(ends)), "{day}");
        }
    }

    #[test]
    fn refuses_what_is_no_day_and_no_iri() {
        for text in ["", "2026-1-1", "2026-02-30", "01.02.2026", "2026-01-01T00:00:00"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        for text in ["", "dpv:X Y", "https://", "ImprovePublicServices"] {
            assert!(iri(text).is_err(), "{text}");
        }
    }
}
