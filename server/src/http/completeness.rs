//! "Fehlt etwas?": is anything missing between a source and the log?

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use stadtbus_event::PartnerId;
use stadtbus_flow::{
    Refusal,
    authenticate::Scope,
    completeness::{self, Gap, SourceReport, Stretch},
};
use utoipa::ToSchema;

use super::{Problem, Shared, extract::Query, extract::within, principal};
use crate::describe::refusals::{ALWAYS, BROKER, PARAMETER, SCOPE, WHO, refusals};

/// The largest position that every JSON reader tells from its neighbours: 2⁵³ − 1.
const POSITION_MAX: u64 = 9_007_199_254_740_991;

refusals! {
    /// Of the check.
    CheckRefused = ALWAYS, WHO, SCOPE, BROKER, PARAMETER
}

/// `?partner=&source=&from=&to=`
#[derive(Deserialize)]
pub(super) struct Asked {
    partner: Option<String>,
    source: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
}

/// A stretch of numbers or positions, both ends included.
#[derive(Serialize, ToSchema)]
pub(super) struct GapView {
    /// The first.
    from: u64,
    /// The last.
    to: u64,
}

/// What one source published in the stretch.
#[derive(Serialize, ToSchema)]
pub(super) struct SourceView {
    /// The source.
    source: String,
    /// Its events.
    events: u64,
    /// Events without a number in `sequence`.
    unnumbered: u64,
    /// The lowest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    /// The highest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
    /// Numbers between them that are missing.
    missing: u64,
    /// Where, at most the first hundred.
    gaps: Vec<GapView>,
    /// Events whose number another event has, too.
    repeated: u64,
    /// Events with a lower number than one before them.
    out_of_order: u64,
}

/// What is there, and what is missing.
#[derive(Serialize, ToSchema)]
pub(super) struct Completeness {
    /// Nothing is missing, neither numbers nor positions.
    complete: bool,
    /// The log.
    log: String,
    /// The first position that was looked at.
    from: u64,
    /// The last one; below `from` if there was nothing to look at.
    to: u64,
    /// Positions whose event is lost.
    lost: u64,
    /// Where, at most the first hundred.
    lost_at: Vec<GapView>,
    /// The sources, by name.
    sources: Vec<SourceView>,
}

/// `GET /v1/completeness`
#[utoipa::path(
    get, path = "/v1/completeness", tag = "publishers", operation_id = "completeness",
    summary = "Is anything missing?",
    description = "For a stretch of a partner's log: what each source published there, and which numbers of its own count (`sequence`, a decimal \
        number) are missing; where a source does not number its events, only positions whose event was lost can be told. A publisher asks about itself, \
        an operator about anybody.",
    params(
        ("partner" = Option<String>, Query, description = "Whose log; one's own if absent.", pattern = "^[a-z][a-z0-9-]{0,39}$"),
        ("source" = Option<String>, Query, description = "Only this source."),
        ("from" = Option<u64>, Query, description = "The first position; the newest 100000 if absent.", minimum = 1, maximum = 9_007_199_254_740_991_i64),
        ("to" = Option<u64>, Query, description = "The last position, at most 100000 from the first.", minimum = 1, maximum = 9_007_199_254_740_991_i64),
    ),
    responses((status = 200, description = "What was found.", body = Completeness), CheckRefused),
    security(("bearer" = [])),
)]
pub(super) async fn check(
    State(bus): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Completeness>, Problem> {
    let principal = principal(&bus, &headers)?;
    let partner = match &asked.partner {
        None => principal.partner.clone(),
        Some(name) => PartnerId::parse(name)
            .map_err(|_| Refusal::new("SB-1119", "This is no partner's name.").at("/partner"))?,
    };
    if partner != principal.partner {
        principal.require(Scope::Operate).map_err(Refusal::from)?;
    }
    for (name, value) in [("from", asked.from), ("to", asked.to)] {
        if let Some(value) = value {
            within(name, value, 1, POSITION_MAX)?;
        }
    }
    let stretch = Stretch {
        source: asked.source,
        from: asked.from,
        to: asked.to,
    };
    let report = completeness::check(&*bus.broker, &partner, &stretch).await?;
    let missing = report.sources.iter().any(|source| source.missing > 0);
    Ok(Json(Completeness {
        complete: !missing && report.lost == 0,
        log: report.log,
        from: report.from,
        to: report.to,
        lost: report.lost,
        lost_at: report.lost_at.into_iter().map(gap).collect(),
        sources: report.sources.into_iter().map(view).collect(),
    }))
}

fn gap(gap: Gap) -> GapView {
    GapView {
        from: gap.from,
        to: gap.to,
    }
}

fn view(report: SourceReport) -> SourceView {
    SourceView {
        source: report.source,
        events: report.events,
        unnumbered: report.unnumbered,
        first: report.first,
        last: report.last,
        missing: report.missing,
        gaps: report.gaps.into_iter().map(gap).collect(),
        repeated: report.repeated,
        out_of_order: report.out_of_order,
    }
}
