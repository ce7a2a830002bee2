//! What a replay is asked for, and whether it can be had.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use stadtbus_contracts::Webhook;
use stadtbus_flow::{
    Refusal,
    city::Order,
    lanes::replay::{Place, Range, Span, resolve, store},
};
use utoipa::ToSchema;

use super::of;
use crate::{
    Bus,
    http::{Problem, extract::whole_or_none},
};

/// What to replay. Times are those at which events were stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ReplayOrder {
    /// In this log alone, as receipts name it; positions need one where a subscription reads several.
    #[serde(default)]
    log: Option<String>,
    /// From this time on.
    #[serde(default)]
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Before this time; up to now if neither end is given.
    #[serde(default)]
    #[schema(format = DateTime)]
    to: Option<String>,
    /// From this position on, in place of `from`.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    from_position: Option<u64>,
    /// Up to and with this position, in place of `to`.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    to_position: Option<u64>,
    /// Pass over what was delivered to the subscription's own sink.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) only_missing: bool,
    /// Events in a second at most; a tenth of the bus's limit if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1)]
    pub(super) rate_per_s: Option<u64>,
    /// Another receiver, without credentials. The recipient is still the subscription's owner.
    #[serde(default)]
    pub(super) sink: Option<OtherSink>,
}

/// Another receiver.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherSink {
    /// Where to; checked like that of a subscription.
    #[schema(format = "uri")]
    url: String,
    /// In which CloudEvents content mode.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(structured|binary)$")]
    mode: stadtbus_contracts::Mode,
}

/// Where in which logs, within the limits.
pub(super) async fn ranges(
    bus: &Bus,
    order: &Arc<Order>,
    asked: &ReplayOrder,
) -> Result<BTreeMap<String, Range>, Problem> {
    let kind = order.subscription().sink.kind();
    if order.is_derivation() || (kind == "sse" && asked.sink.is_none()) {
        let detail = match kind {
            "sse" => "A live stream shows what comes; name another sink for what came.",
            _ => "This subscription publishes into the log; a replay would publish its events a second time.",
        };
        return Err(Refusal::new("SB-2073", detail).into());
    }
    let from = place("from", asked.from.as_deref(), asked.from_position)?;
    let span = Span {
        log: asked.log.clone(),
        from: from
            .ok_or_else(|| Refusal::new("SB-2074", "Say from when, or from which position.").at("/from"))?,
        to: place("to", asked.to.as_deref(), asked.to_position)?,
    };
    let logs = bus.cities.current()?.logs_of(order).map_err(Refusal::from)?;
    let ranges = resolve(&*bus.broker, &logs, &span).await?;
    let width: u64 = ranges
        .values()
        .map(|range| range.last.saturating_sub(range.first) + 1)
        .sum();
    if width == 0 {
        return Err(Refusal::new("SB-2075", "Nothing stands in the logs between these ends.").into());
    }
    let most = bus.limits.replay_positions_max;
    if width > most {
        let detail = format!("That are {width} positions; one replay may reach over {most}.");
        return Err(Refusal::new("SB-2074", detail).into());
    }
    Ok(ranges)
}

fn place(name: &str, time: Option<&str>, position: Option<u64>) -> Result<Option<Place>, Problem> {
    let at = |refusal: Refusal| Problem(refusal.at(format!("/{name}")));
    match (time, position) {
        (None, None) => Ok(None),
        (None, Some(position)) => Ok(Some(Place::Position(position))),
        (Some(text), None) => {
            let wrong = || {
                Refusal::new(
                    "SB-1119",
                    format!("`{name}` must be a time of RFC 3339, such as 2026-11-23T14:00:00Z."),
                )
            };
            let time: jiff::Timestamp = text.parse().map_err(|_| at(wrong()))?;
            Ok(Some(Place::Time(time.into())))
        }
        (Some(_), Some(_)) => {
            let detail = format!("`{name}` is a time or a position, not both.");
            Err(at(Refusal::new("SB-2074", detail)))
        }
    }
}

/// Another sink passes the same door as a subscription's.
pub(super) async fn sink(bus: &Bus, asked: Option<OtherSink>) -> Result<Option<Webhook>, Problem> {
    let Some(asked) = asked else { return Ok(None) };
    bus.egress
        .check(&asked.url, None)
        .await
        .map_err(|error| Refusal::new(error.code(), error.to_string()).at("/sink/url"))?;
    Ok(Some(Webhook {
        url: asked.url,
        mode: asked.mode,
        credential: None,
        handshake: stadtbus_contracts::Handshake::default(),
    }))
}

/// Not too many at a time, and not all of them for ever.
pub(super) async fn make_room(bus: &Bus, order: &Order) -> Result<(), Problem> {
    let (ended, open): (Vec<_>, Vec<_>) = of(bus, order)
        .await?
        .into_iter()
        .partition(|replay| replay.stage.has_ended());
    let most = bus.limits.replays_open_max;
    if open.len() >= most {
        let detail = format!(
            "This subscription has {} replays that have not ended; {most} are allowed.",
            open.len()
        );
        let refusal = Refusal::new("SB-2076", detail).hint(format!("stadtbus replay list {}", order.id()));
        return Err(refusal.into());
    }
    let surplus = ended.len().saturating_sub(bus.limits.replays_ended_max);
    for old in ended.iter().take(surplus) {
        store::forget(&*bus.broker, &old.key()).await?;
    }
    Ok(())
}
