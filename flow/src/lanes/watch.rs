//! Whether a subscription ever gets anything: since when it is watched, when it last matched, and when to speak up.
//!
//! A filter that matches nothing looks exactly like quiet times, and nobody complains about what does not come. So each
//! lane keeps two times with its cursor. They cost no write of their own: an event that matches is written down with
//! the cursor anyway, and what selects changes only with the city.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_contracts::Subscription;

use crate::written::hex;

/// What a lane remembers of its matches; stored with its cursor. Times in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Since when this selection is watched; 0: not known.
    #[serde(rename = "since")]
    pub since_ms: u64,
    /// When it last matched; 0: never since then.
    #[serde(rename = "matched", default, skip_serializing_if = "is_zero")]
    pub matched_ms: u64,
    /// Digest of what selects: types, source, filters, purpose. Another selection is watched anew.
    pub selection: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
fn is_zero(time: &u64) -> bool {
    *time == 0
}

impl Watch {
    /// Begins to watch what this subscription selects.
    #[must_use]
    pub fn begin(subscription: &Subscription, now_ms: u64) -> Self {
        Self {
            since_ms: now_ms,
            matched_ms: 0,
            selection: selection(subscription),
        }
    }

    /// Goes on where an earlier life left off, unless the subscription selects otherwise now.
    #[must_use]
    pub fn resume(self, subscription: &Subscription, now_ms: u64) -> Self {
        if self.since_ms > 0 && self.selection == selection(subscription) {
            self
        } else {
            Self::begin(subscription, now_ms)
        }
    }

    /// Whether nothing is remembered, as in cursors older than this memory.
    pub(super) fn is_unknown(&self) -> bool {
        self.since_ms == 0
    }

    /// An event matched.
    pub(super) fn matched(&mut self, now_ms: u64) {
        self.matched_ms = self.matched_ms.max(now_ms);
    }

    /// How long nothing has matched.
    #[must_use]
    pub fn unmatched_for(&self, now_ms: u64) -> Duration {
        Duration::from_millis(now_ms.saturating_sub(self.since_ms.max(self.matched_ms)))
    }
}

fn selection(subscription: &Subscription) -> String {
    let selects = (
        &subscription.types,
        &subscription.source,
        &subscription.filters,
        &subscription.purpose,
    );
    let digest = Sha256::digest(serde_json::to_vec(&selects).unwrap_or_default());
    hex(digest.get(..8).unwrap_or_default())
}

/// What can be said of a lane besides its [`Watch`], at the moment somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Events that matched and are not settled.
    pub open: usize,
    /// Whether the lane has yet to look at accepted events.
    pub behind: bool,
    /// When an event of its types was last read by this process, in milliseconds since 1970; 0: none since it started.
    pub types_seen_ms: u64,
    /// Why it may have none of its types, where that is so: `SB-1201` or `SB-1308` to `SB-1310`.
    pub refused: Option<&'static str>,
}

/// Why nothing has matched for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// The subscriber may have none of it.
    NotPermitted(&'static str),
    /// Events of its types came; source and filters fitted none.
    NoMatch,
    /// No event of its types came, as far as this process knows.
    NoEvents,
}

impl Quiet {
    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotPermitted(_) => "not-permitted",
            Self::NoMatch => "no-match",
            Self::NoEvents => "no-events",
        }
    }

    /// One sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotPermitted(_) => "No usage agreement lets it have any of its types at this time.",
            Self::NoMatch => "Events of its types came, and its source and filters fitted none of them.",
            Self::NoEvents => "No event of its types is known to have come.",
        }
    }
}

/// The rule: a subscription that has matched nothing for `after` is flagged. One that has something waiting, or has yet to
/// look at what came, is not judged.
#[must_use]
pub fn quiet(watch: &Watch, around: &Surroundings, now_ms: u64, after: Duration) -> Option<Quiet> {
    let judged = !watch.is_unknown() && around.open == 0 && !around.behind;
    if !judged || watch.unmatched_for(now_ms) < after {
        return None;
    }
    let last = watch.since_ms.max(watch.matched_ms);
    Some(match around.refused {
        Some(code) => Quiet::NotPermitted(code),
        None if around.types_seen_ms > last => Quiet::NoMatch,
        None => Quiet::NoEvents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const DAY_MS: u64 = 86_400_000;
    const START: u64 = 1_700_000_000_000;

    fn subscription(filters: &str) -> Subscription {
        serde_json::from_str(&format!(
            r#"{{"subscription":"amt-1","partner":"amt","title":"x","purpose":"urn:x:y","types":["a.b.v1"],"filters":{filters},"sink":{{"pull":{{}}}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_day_without_a_match_is_flagged_with_its_reason() {
        let never = Watch::begin(&subscription("[]"), START);
        let mut once = never.clone();
        once.matched(START + DAY_MS / 2);
        let around = Surroundings::default();
        let seen = |ms| Surroundings {
            types_seen_ms: ms,
            ..around
        };
        let no_events = Some(Quiet::NoEvents);
        let unknown = Watch::default();
        let cases = [
            ("a day is not over", &never, around, START + DAY_MS - 1, None),
            ("a day is over", &never, around, START + DAY_MS, no_events),
            ("the last match counts", &once, around, START + DAY_MS, None),
            (
                "and a day after",
                &once,
                around,
                START + DAY_MS * 3 / 2,
                no_events,
            ),
            (
                "events came before",
                &once,
                seen(START + 1),
                START + 2 * DAY_MS,
                no_events,
            ),
            (
                "events came and did not fit",
                &once,
                seen(START + DAY_MS),
                START + 2 * DAY_MS,
                Some(Quiet::NoMatch),
            ),
            (
                "nothing is permitted",
                &never,
                Surroundings {
                    refused: Some("SB-1310"),
                    ..seen(START + 1)
                },
                START + DAY_MS,
                Some(Quiet::NotPermitted("SB-1310")),
            ),
            (
                "something waits",
                &never,
                Surroundings { open: 1, ..around },
                START + DAY_MS,
                None,
            ),
            (
                "it has not looked yet",
                &never,
                Surroundings {
                    behind: true,
                    ..around
                },
                START + DAY_MS,
                None,
            ),
            ("the clock went back", &never, around, START - 1, None),
            ("nothing is known", &unknown, around, START + DAY_MS, None),
        ];
        for (name, watch, around, now, expected) in cases {
            assert_eq!(quiet(watch, &around, now, DAY), expected, "{name}");
        }
    }

    #[test]
    fn a_restart_goes_on_and_another_selection_begins_anew() {
        let (all, some) = (subscription("[]"), subscription(r#"[{"exact":{"id":"1"}}]"#));
        let mut watch = Watch::begin(&all, START);
        watch.matched(START + 5);
        let stored: Watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        assert_eq!(stored.clone().resume(&all, START + 9), watch);
        assert_eq!(stored.resume(&some, START + 9), Watch::begin(&some, START + 9));
        assert_eq!(Watch::default().resume(&all, START), Watch::begin(&all, START));
    }
}
