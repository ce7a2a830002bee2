//! What must come of a step, and how an answer differs from it.

use crate::client::problem::clean;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stadtbus_plugin_host::{Answer, Draft, Failure, Verdict};

/// What must come of a step: exactly one verdict, and the state afterwards if that matters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// These events in this order. Attributes not named are not looked at; `data` must be equal.
    #[serde(default)]
    events: Option<Vec<Value>>,
    /// With `events`: attributes not named must be absent.
    #[serde(default)]
    exact: bool,
    /// This message (`content_type`, and `text`, `json` or `base64` for the body; `headers`).
    #[serde(default)]
    encoded: Option<Value>,
    /// Dropped with this reason's code.
    #[serde(default)]
    dropped: Option<String>,
    /// Rejected with this reason's code.
    #[serde(default)]
    rejected: Option<String>,
    /// Failed with this code (SB-41xx).
    #[serde(default)]
    failed: Option<String>,
    /// The state afterwards, `null` for none; not looked at if absent.
    #[serde(default, deserialize_with = "present")]
    state: Option<Value>,
}

/// Keeps `state: null` apart from no `state` at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Whether two outcomes are the same but for their cost.
pub(super) fn same(first: &Result<Answer, Failure>, second: &Result<Answer, Failure>) -> bool {
    match (first, second) {
        (Ok(first), Ok(second)) => first.verdict == second.verdict && first.state == second.state,
        (Err(first), Err(second)) => first.code == second.code,
        _ => false,
    }
}

/// The difference between what came and what must come, in words.
pub(super) fn check(
    expect: &Expect,
    outcome: &Result<Answer, Failure>,
    after: Option<&[u8]>,
) -> Result<(), String> {
    let found = describe(outcome, expect);
    let wanted = expect.describe()?;
    if let (Some(wanted_events), Some(found_events)) = (wanted.get("events"), found.get("events")) {
        events(wanted_events, found_events, expect.exact)?;
    } else if !covers(&wanted, &found, expect.exact) {
        return Err(differs("", &wanted, &found));
    }
    match &expect.state {
        Some(wanted) => {
            let found = after.map_or(Value::Null, |bytes| {
                serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
            });
            if *wanted == found {
                Ok(())
            } else {
                Err(differs("state", wanted, &found))
            }
        }
        None => Ok(()),
    }
}

impl Expect {
    fn describe(&self) -> Result<Value, String> {
        let verdicts = [
            self.events.as_ref().map(|events| json!({"events": events})),
            self.encoded.as_ref().map(|encoded| json!({"encoded": encoded})),
            self.dropped.as_ref().map(|code| json!({"dropped": code})),
            self.rejected.as_ref().map(|code| json!({"rejected": code})),
            self.failed.as_ref().map(|code| json!({"failed": code})),
        ];
        let mut named = verdicts.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(verdict), None) => Ok(verdict),
            _ => Err(
                "`expect` needs exactly one of `events`, `encoded`, `dropped`, `rejected`, `failed`"
                    .to_owned(),
            ),
        }
    }
}

fn describe(outcome: &Result<Answer, Failure>, expect: &Expect) -> Value {
    match outcome.as_ref().map(|answer| &answer.verdict) {
        Ok(Verdict::Events(drafts)) => json!({"events": drafts.iter().map(draft).collect::<Vec<_>>()}),
        Ok(Verdict::Encoded {
            content_type,
            body,
            headers,
        }) => {
            let headers: Map<String, Value> = headers
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            // The body is shown in the form the test asks for.
            let asks = |form: &str| {
                expect
                    .encoded
                    .as_ref()
                    .is_some_and(|wanted| wanted.get(form).is_some())
            };
            let (form, body) = if asks("json") {
                ("json", serde_json::from_slice(body).unwrap_or(Value::Null))
            } else if asks("base64") {
                ("base64", json!(STANDARD.encode(body)))
            } else {
                ("text", json!(String::from_utf8_lossy(body)))
            };
            json!({"encoded": {"content_type": content_type, "headers": headers, form: body}})
        }
        Ok(Verdict::Drop(reason)) => json!({"dropped": reason.code}),
        Ok(Verdict::Reject(reason)) => json!({"rejected": reason.code}),
        Err(failure) => json!({"failed": failure.code}),
    }
}

fn draft(draft: &Draft) -> Value {
    let mut fields = Map::new();
    let optional = [
        ("key", &draft.key),
        ("subject", &draft.subject),
        ("time", &draft.time),
        ("datacontenttype", &draft.datacontenttype),
        ("dataschema", &draft.dataschema),
    ];
    fields.insert("type".to_owned(), json!(draft.ty));
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))),
    );
    if !draft.extensions.is_empty() {
        let extensions: Map<String, Value> = draft
            .extensions
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        fields.insert("extensions".to_owned(), Value::Object(extensions));
    }
    if let Some(data) = &draft.data {
        let data = serde_json::from_slice(data).unwrap_or_else(|_| json!(String::from_utf8_lossy(data)));
        fields.insert("data".to_owned(), data);
    }
    Value::Object(fields)
}

fn events(wanted: &Value, found: &Value, exact: bool) -> Result<(), String> {
    let (wanted, found) = (list(wanted), list(found));
    for (number, (want, have)) in wanted.iter().zip(found).enumerate() {
        for (name, value) in want.as_object().into_iter().flatten() {
            let have = have.get(name).unwrap_or(&Value::Null);
            if have != value {
                return Err(differs(&format!("events/{number}/{name}"), value, have));
            }
        }
        let surplus = have.as_object().into_iter().flatten().find(|(name, _)| {
            // The host fills the media type in; nobody has to name it.
            exact && name.as_str() != "datacontenttype" && want.get(name.as_str()).is_none()
        });
        if let Some((name, value)) = surplus {
            return Err(differs(&format!("events/{number}/{name}"), &Value::Null, value));
        }
    }
    if wanted.len() == found.len() {
        Ok(())
    } else {
        Err(differs("events", &json!(wanted), &json!(found)))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether everything wanted is there; with `exact` nothing else may be.
fn covers(wanted: &Value, found: &Value, exact: bool) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted
                .iter()
                .all(|(name, value)| found.get(name).is_some_and(|found| covers(value, found, exact)))
                && (!exact
                    || found
                        .iter()
                        .all(|(name, value)| wanted.contains_key(name) || value == &json!({})))
        }
        _ => wanted == found,
    }
}

/// Tests are the integrator's own data on the integrator's own screen, so here the values may be shown.
fn differs(place: &str, wanted: &Value, found: &Value) -> String {
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("/{place}\n")
    };
    let (wanted, found) = (clean(&wanted.to_string()), clean(&found.to_string()));
    crate::say!(
        "{place}erwartet: {wanted}\ngefunden: {found}",
        "{place}expected: {wanted}\nfound:    {found}"
    )
}
