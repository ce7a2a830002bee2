#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;
use crate::ui::Format;
use serde_json::json;

fn args(id: &str, partner: Option<&str>, source: Option<&str>) -> Args {
    Args {
        id: id.to_owned(),
        partner: partner.map(str::to_owned),
        source: source.map(str::to_owned),
    }
}

#[test]
fn an_event_is_named_by_id_and_partner_or_by_its_place() {
    assert_eq!(
        path(&args("a/1", Some("ngn"), None)).unwrap(),
        "/v1/events/ngn/a%2F1/journey"
    );
    assert_eq!(
        path(&args("1", Some("ngn"), Some("urn:x"))).unwrap(),
        "/v1/events/ngn/1/journey?source=urn%3Ax"
    );
    assert_eq!(
        path(&args("LOG_NGN:7", None, None)).unwrap(),
        "/v1/journey/LOG_NGN/7"
    );
    for id in ["4711", ":7", "LOG:x", ""] {
        assert_eq!(
            path(&args(id, None, None)).unwrap_err().code(),
            "SB-6002",
            "{id:?}"
        );
    }
}

#[test]
fn a_journey_is_one_line_per_step_with_the_reason_at_the_end() {
    let journey = json!({
        "event": {"id": "4711-1", "type": "de.krefeld.swk.outage.reported.v1", "source": "urn:krefeld:ngn:leitwarte"},
        "subscriptions": [
            {"subscription": "fb37-strom", "partner": "fb37", "state": "pending", "basis": "present", "attempts": 2,
                "next": "2026-03-01T06:50:00Z", "code": "SB-3002"}
        ],
        "steps": [
            {"at": "2026-03-01T06:45:00.120Z", "step": "validate", "outcome": "ok", "detail": "outage-reported v1"},
            {"at": "2026-03-01T06:45:00.130Z", "step": "deliver", "subscription": "fb37-strom", "outcome": "delivered", "attempt": 2, "detail": "204",
                "tables": {"bezirke": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}},
            {"at": "2026-03-01T06:45:00.131Z", "step": "route", "subscription": "presse", "outcome": "refused", "code": "SB-1308", "rule": "usage/presse", "detail": "no agreement"},
            {"step": "later", "outcome": "unheard-of"}
        ]
    });
    let shell = Shell::new(Format::Text, true, false, true);
    let mut found = lines(
        &shell,
        &journey,
        journey["steps"].as_array().unwrap(),
        TimeZone::UTC,
    );
    assert_eq!(found[0], "4711-1  de.krefeld.swk.outage.reported.v1");
    assert_eq!(found[1], "  urn:krefeld:ngn:leitwarte  2026-03-01 +00:00");
    assert_eq!(
        found.remove(2),
        "  state  fb37/fb37-strom  pending  SB-3002 2 attempts next attempt 06:50:00 (now)"
    );
    assert_eq!(
        found[2],
        "  06:45:00.120  validate              ok                     outage-reported v1"
    );
    assert_eq!(
        found[3],
        "  06:45:00.130  deliver   fb37-strom  delivered   attempt 2  [table bezirke@0123456789ab] 204"
    );
    assert_eq!(
        found[4],
        "  06:45:00.131  route     presse      refused                SB-1308 [usage/presse] no agreement"
    );
    assert!(found[5].contains("unheard-of"), "{:?}", found[5]);
    assert_eq!(found.len(), 6);
}
