//! The world `bytes`: a call as a JSON document and an answer out of one. The form is described in the WIT package.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::call::{Call, Draft, Input, Reason, StateChange, Verdict};
use crate::error::{Failure, shown_to};
use crate::manifest::Role;

#[derive(Serialize)]
struct In<'a> {
    role: &'static str,
    config: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<InRaw<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct InRaw<'a> {
    content_type: &'a str,
    received: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Writes a call as a document.
pub(crate) fn write(role: Role, call: &Call<'_>) -> Result<Vec<u8>, Failure> {
    let unusable = |what: &str| Failure::new("SB-4107", format!("the {what} of this call is not JSON"));
    let config: &[u8] = if call.config.is_empty() {
        b"{}"
    } else {
        call.config
    };
    let config = serde_json::from_slice(config).map_err(|_| unusable("configuration"))?;
    let state: Option<&RawValue> = call.state.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let state_base64 = if state.is_none() {
        call.state.map(|bytes| BASE64.encode(bytes))
    } else {
        None
    };
    let event = match call.input {
        Input::Event(event) => Some(stadtbus_event::json::to_bytes(event)),
        Input::Raw { .. } => None,
    };
    let raw = match call.input {
        Input::Event(_) => None,
        Input::Raw {
            content_type,
            bytes,
            received,
        } => {
            let text = core::str::from_utf8(bytes).ok();
            let base64 = text.is_none().then(|| BASE64.encode(bytes));
            Some(InRaw {
                content_type,
                received,
                text,
                base64,
            })
        }
    };
    let document = In {
        role: role.as_str(),
        config,
        state,
        state_base64,
        raw,
        event: match &event {
            Some(bytes) => Some(serde_json::from_slice(bytes).map_err(|_| unusable("event"))?),
            None => None,
        },
    };
    serde_json::to_vec(&document).map_err(|_| unusable("input"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Out {
    events: Option<Vec<OutDraft>>,
    encoded: Option<OutEncoded>,
    drop: Option<OutReason>,
    reject: Option<OutReason>,
    #[serde(default, deserialize_with = "present")]
    state: Option<Box<RawValue>>,
    state_base64: Option<String>,
}

/// Tells `null` (clear) from absent (unchanged).
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutDraft {
    key: Option<String>,
    #[serde(rename = "type")]
    ty: String,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    extensions: Option<IndexMap<String, String>>,
    data: Option<Box<RawValue>>,
    data_base64: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutEncoded {
    content_type: String,
    headers: Option<IndexMap<String, String>>,
    body: Option<String>,
    body_base64: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutReason {
    code: String,
    text: String,
}

/// Reads an answer out of a document, which may be twice as large as the outputs: base64 and escapes take room.
pub(crate) fn read(document: &[u8], output_bytes_max: u64) -> Result<(Verdict, StateChange), Failure> {
    let bytes_max = output_bytes_max.saturating_mul(2);
    if document.len() as u64 > bytes_max {
        let detail = format!(
            "the plugin's answer has {} bytes; {bytes_max} are allowed",
            document.len()
        );
        return Err(Failure::new("SB-4105", detail));
    }
    let out: Out = serde_json::from_slice(document).map_err(|error| {
        // serde's sentence may quote a value; its place and class are enough.
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "is not an answer: a member is unknown, missing or of the wrong type"
            }
            _ => "is not JSON",
        };
        malformed(&format!(
            "{what} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    let state = match (out.state, out.state_base64) {
        (None, None) => StateChange::Unchanged,
        (Some(_), Some(_)) => return Err(malformed("has both `state` and `state_base64`")),
        (Some(json), None) if json.get() == "null" => StateChange::Clear,
        (Some(json), None) => StateChange::Put(json.get().as_bytes().to_vec()),
        (None, Some(text)) => StateChange::Put(decode(&text, "state_base64")?),
    };
    let verdict = match (out.events, out.encoded, out.drop, out.reject) {
        (Some(drafts), None, None, None) => {
            Verdict::Events(drafts.into_iter().map(draft).collect::<Result<_, Failure>>()?)
        }
        (None, Some(encoded), None, None) => encoded_of(encoded)?,
        (None, None, Some(reason), None) => Verdict::Drop(Reason {
            code: reason.code,
            text: reason.text,
        }),
        (None, None, None, Some(reason)) => Verdict::Reject(Reason {
            code: reason.code,
            text: reason.text,
        }),
        _ => {
            return Err(malformed(
                "must have exactly one of `events`, `encoded`, `drop` and `reject`",
            ));
        }
    };
    Ok((verdict, state))
}

fn draft(out: OutDraft) -> Result<Draft, Failure> {
    let data = match (out.data, out.data_base64) {
        (Some(_), Some(_)) => return Err(malformed("has an event with both `data` and `data_base64`")),
        (Some(json), None) => Some(Bytes::copy_from_slice(json.get().as_bytes())),
        (None, Some(text)) => Some(Bytes::from(decode(&text, "data_base64")?)),
        (None, None) => None,
    };
    Ok(Draft {
        key: out.key,
        ty: out.ty,
        subject: out.subject,
        time: out.time,
        datacontenttype: out.datacontenttype,
        dataschema: out.dataschema,
        extensions: out.extensions.unwrap_or_default().into_iter().collect(),
        data,
    })
}

fn encoded_of(out: OutEncoded) -> Result<Verdict, Failure> {
    let body = match (out.body, out.body_base64) {
        (Some(_), Some(_)) => return Err(malformed("has both `body` and `body_base64`")),
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => Bytes::from(decode(&text, "body_base64")?),
        (None, None) => Bytes::new(),
    };
    Ok(Verdict::Encoded {
        content_type: out.content_type,
        body,
        headers: out.headers.unwrap_or_default().into_iter().collect(),
    })
}

fn decode(text: &str, member: &str) -> Result<Vec<u8>, Failure> {
    BASE64
        .decode(text)
        .map_err(|_| malformed(&format!("has a `{member}` that is not base64")))
}

fn malformed(what: &str) -> Failure {
    Failure::new("SB-4107", format!("the plugin's answer {}", shown_to(what, 200)))
}

#[cfg(test)]
mod tests;
