//! How a replay is shown.

use std::time::SystemTime;

use serde::Serialize;
use stadtbus_flow::{
    Refusal,
    lanes::replay::{Replay, Stage},
};
use utoipa::ToSchema;

use crate::{
    Bus,
    http::{Problem, moment::rfc3339},
};

/// The replays of a subscription.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Replays {
    pub(super) replays: Vec<ReplayView>,
}

/// A replay.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReplayView {
    /// Its id; what replayed events carry as `stadtbusreplay`.
    replay: String,
    /// Whose events are replayed.
    subscription: String,
    /// The owner of the subscription.
    partner: String,
    /// How it stands.
    #[schema(pattern = "^(running|paused|cancelled|done|failed)$")]
    state: String,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Who ordered it, `partner/system`.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    created: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// Whether what was delivered before is passed over.
    only_missing: bool,
    /// Events in a second at most.
    rate_per_s: u32,
    /// Where to, if not to the subscription's own sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// From where to where, log by log.
    ranges: Vec<RangeView>,
    /// Positions looked at.
    positions_read: u64,
    /// Positions in all.
    positions: u64,
    /// What became of the events, about a second ago.
    counts: Counts,
}

/// From where to where, in one log.
#[derive(Serialize, ToSchema)]
struct RangeView {
    /// The log.
    log: String,
    /// The first position.
    #[schema(minimum = 1)]
    first: u64,
    /// The last position.
    #[schema(minimum = 1)]
    last: u64,
}

/// What became of the events of a replay.
#[derive(Serialize, ToSchema)]
struct Counts {
    /// Taken by the receiver.
    delivered: u64,
    /// Dropped by the plugin.
    filtered: u64,
    /// Given up: refused, or all attempts used up.
    failed: u64,
    /// `expirytime` has passed.
    expired: u64,
    /// Delivered before, with `only_missing`.
    skipped: u64,
    /// Not for this recipient at this time.
    refused: u64,
    /// Not what the subscription asks for.
    unmatched: u64,
}

/// The replay with its progress, as far as it is written down.
pub(super) async fn view(bus: &Bus, replay: &Replay) -> Result<ReplayView, Problem> {
    let marks = bus.lanes.replay_marks(replay).await.map_err(Refusal::from)?;
    let (positions_read, positions) = replay.progress(&marks);
    let tally = marks.tally.unwrap_or_default();
    let state = match replay.stage {
        Stage::Running => "running",
        Stage::Paused => "paused",
        Stage::Cancelled => "cancelled",
        Stage::Done => "done",
        Stage::Failed => "failed",
    };
    let range = |(log, range): (&String, &stadtbus_flow::lanes::replay::Range)| RangeView {
        log: log.clone(),
        first: range.first,
        last: range.last,
    };
    Ok(ReplayView {
        replay: replay.id.clone(),
        subscription: replay.subscription.clone(),
        partner: replay.partner.clone(),
        state: state.to_owned(),
        code: replay.why.as_ref().map(|why| why.code.clone()),
        detail: replay.why.as_ref().map(|why| why.detail.clone()),
        by: replay.by.clone(),
        created: rfc3339(replay.created_ms),
        ended: replay.ended_ms.map(rfc3339),
        only_missing: replay.only_missing,
        rate_per_s: replay.rate_per_s,
        url: replay.sink.as_ref().map(|sink| sink.url.clone()),
        ranges: replay.ranges.iter().map(range).collect(),
        positions_read,
        positions,
        counts: Counts {
            delivered: tally.delivered,
            filtered: tally.filtered,
            failed: tally.failed,
            expired: tally.expired,
            skipped: tally.skipped,
            refused: tally.refused,
            unmatched: tally.unmatched,
        },
    })
}

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
