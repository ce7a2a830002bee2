//! What an answer, and what came out at the other end, say about a case.

use super::cases::{Case, Expect};
use super::message::{Meaning, Payload};
use crate::client::wire::Received;
use crate::say;
use http::StatusCode;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::Value;

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The requirement is kept.
    Pass,
    /// It is for those who claim more than this endpoint does.
    NotClaimed,
    /// It cannot be told from here.
    NotTestable,
    /// The requirement is broken.
    Fail,
}

/// A verdict and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// One sentence; empty where it passed.
    pub(crate) reason: String,
}

impl Finding {
    /// The requirement is kept.
    pub(crate) fn pass() -> Self {
        Self {
            verdict: Verdict::Pass,
            reason: String::new(),
        }
    }

    /// It is broken.
    pub(crate) fn fail(reason: String) -> Self {
        Self {
            verdict: Verdict::Fail,
            reason,
        }
    }

    /// It cannot be told.
    pub(crate) fn untestable(reason: String) -> Self {
        Self {
            verdict: Verdict::NotTestable,
            reason,
        }
    }
}

/// Statuses that speak of the caller or the path and not of the event.
const ABOUT_ACCESS: &[u16] = &[401, 403, 404, 405, 407, 429, 503];

/// What the answer says; `None` where what comes out at the other end must decide.
pub(crate) fn answer(case: &Case, received: &Received) -> Option<Finding> {
    let status = received.status;
    let number = status.as_u16();
    let got = say!("Antwort {number}", "answered {number}");
    let about_access = ABOUT_ACCESS.contains(&status.as_u16());
    let expected = |fine: bool| {
        Some(if fine {
            Finding::pass()
        } else if about_access {
            Finding::untestable(access(status))
        } else {
            Finding::fail(got.clone())
        })
    };
    match case.expect {
        Expect::Accepted if status.is_success() => None,
        Expect::Accepted => expected(false),
        Expect::Refused => expected(status.is_client_error() && !about_access),
        Expect::NotPassedOn if status.is_success() => None,
        Expect::NotPassedOn => expected(status.is_client_error() && !about_access),
        Expect::Answered => expected(status.is_success() || status.is_client_error()),
        Expect::Success => expected(matches!(status.as_u16(), 200 | 201 | 202 | 204)),
        Expect::Unsupported => expected(status == StatusCode::UNSUPPORTED_MEDIA_TYPE),
        Expect::Unauthorized => Some(unauthorized(received, got)),
        Expect::Consent => Some(consent(case, received, false)),
        Expect::ConsentWithRate => Some(consent(case, received, true)),
        Expect::AllowsPost => Some(allows_post(received)),
    }
}

fn access(status: StatusCode) -> String {
    let number = status.as_u16();
    say!(
        "Antwort {number}: sie spricht vom Zugang, nicht vom Ereignis",
        "answered {number}: that is about access, not about the event"
    )
}

fn unauthorized(received: &Received, got: String) -> Finding {
    if !matches!(received.status.as_u16(), 401 | 403) {
        return Finding::fail(got);
    }
    let challenges = received.headers.get_all(WWW_AUTHENTICATE).iter();
    let other = challenges.filter_map(|value| value.to_str().ok()).any(|value| {
        !value
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    });
    if other {
        return Finding::fail(say!(
            "verlangt ein Challenge-Verfahren",
            "asks for a challenge scheme"
        ));
    }
    Finding::pass()
}

fn consent(case: &Case, received: &Received, with_rate: bool) -> Finding {
    let field = |name: &str| {
        let value = received.headers.get(name)?.to_str().ok()?;
        Some(value.trim().to_owned())
    };
    let asked = case
        .send
        .headers
        .get("webhook-request-origin")
        .map(String::as_str);
    match field("webhook-allowed-origin") {
        None => return Finding::fail(say!("kein WebHook-Allowed-Origin", "no WebHook-Allowed-Origin")),
        Some(origin) if origin != "*" && Some(origin.as_str()) != asked => {
            let text = say!(
                "WebHook-Allowed-Origin nennt weder den Absender noch *",
                "WebHook-Allowed-Origin is neither the origin asked for nor *"
            );
            return Finding::fail(text);
        }
        Some(_) => {}
    }
    let rate = field("webhook-allowed-rate");
    let fine = |rate: &str| rate == "*" || rate.parse::<u64>().is_ok_and(|rate| rate > 0);
    match rate {
        None if with_rate => Finding::fail(say!("kein WebHook-Allowed-Rate", "no WebHook-Allowed-Rate")),
        Some(rate) if !fine(&rate) => Finding::fail(say!(
            "WebHook-Allowed-Rate ist weder eine positive Zahl noch *",
            "WebHook-Allowed-Rate is neither a positive number nor *"
        )),
        _ => Finding::pass(),
    }
}

fn allows_post(received: &Received) -> Finding {
    let allowed = received.headers.get_all(ALLOW).iter();
    let post = allowed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|method| method.trim() == "POST");
    if post {
        Finding::pass()
    } else {
        Finding::fail(say!("Allow nennt POST nicht", "Allow does not name POST"))
    }
}

/// What is different about an event that came back; nothing where it is the same.
pub(crate) fn differences(sent: &Meaning, came: &Meaning, exact: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, expected) in &sent.attributes {
        let back = came.attributes.get(name).cloned().flatten();
        if !same_value(name, expected.as_deref(), back.as_deref(), exact) {
            found.push(format!(
                "{name}: {} -> {}",
                shown(expected.as_deref()),
                shown(back.as_deref())
            ));
        }
    }
    if !same_data(&sent.data, &came.data, exact) {
        found.push(say!("die Daten sind andere", "the data is different"));
    }
    found
}

/// Values of the suite's own events, so they may be shown; cut, for some are long.
fn shown(value: Option<&str>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| format!("`{}`", value.escape_debug().take(80).collect::<String>()),
    )
}

fn same_value(name: &str, expected: Option<&str>, back: Option<&str>, exact: bool) -> bool {
    if expected == back {
        return true;
    }
    let (Some(expected), Some(back), false) = (expected, back, exact) else {
        return false;
    };
    match name {
        // The same instant with another spelling means the same.
        "time" => {
            let (one, other) = (
                expected.parse::<jiff::Timestamp>(),
                back.parse::<jiff::Timestamp>(),
            );
            matches!((one, other), (Ok(one), Ok(other)) if one == other)
        }
        "datacontenttype" => expected.eq_ignore_ascii_case(back),
        _ => false,
    }
}

fn same_data(sent: &Payload, came: &Payload, exact: bool) -> bool {
    match (sent, came) {
        (Payload::Json(_, sent), Payload::Json(_, came)) if exact => sent == came,
        (Payload::Json(sent, _), Payload::Json(came, _)) => same_json(sent, came),
        _ => sent == came,
    }
}

/// Equal as JSON: a number is its value, not its spelling.
fn same_json(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_json(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|found| same_json(value, found)))
        }
        _ => one == other,
    }
}
