//! The check of an answer: what leaves this room is within the limits, of a promised type, and sound.
//!
//! A guest writes whatever it likes into its answer. Behind this check nobody has to wonder any more whether a draft
//! makes an event, a header splits a response, or a reason paints a terminal.

use stadtbus_event::Event;

use crate::call::{Draft, Reason, StateChange, Verdict};
use crate::error::{Failure, shown_to};
use crate::limits::REASON_TEXT_CHARS_MAX;
use crate::manifest::{Manifest, Role};

/// Attributes only the host sets; an output that carries one tries to be somebody else's.
const HOST_ATTRIBUTES: &[&str] = &[
    "id",
    "source",
    "type",
    "specversion",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "causationid",
    "partner",
    "acceptedtime",
    "hops",
];
/// Header fields that belong to the connection or to the bus.
const HOST_HEADERS: &[&str] = &[
    "host",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "authorization",
    "cookie",
    "proxy-authorization",
    "proxy-connection",
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "webhook-request-origin",
    "traceparent",
    "tracestate",
];
const HEADERS_MAX: usize = 32;
const HEADER_VALUE_BYTES_MAX: usize = 1_024;
const KEY_BYTES_MAX: usize = 512;

/// Checks an answer and makes it fit for use: fills in the media type of JSON data, bounds and cleans reasons, and
/// keeps the state as it was on a rejection. Returns the size of the outputs.
pub(crate) fn check(
    manifest: &Manifest,
    verdict: &mut Verdict,
    state: &mut StateChange,
) -> Result<u64, Failure> {
    let limits = &manifest.limits;
    let output_bytes = size(verdict);
    if output_bytes > limits.output_bytes_max {
        return Err(Failure::new(
            "SB-4105",
            format!(
                "the plugin's output has {output_bytes} bytes; {} are allowed",
                limits.output_bytes_max
            ),
        ));
    }
    match verdict {
        Verdict::Events(drafts) => {
            if manifest.role == Role::Encode {
                return Err(malformed("an encoder must not answer with events"));
            }
            if drafts.len() as u64 > limits.outputs_max {
                return Err(Failure::new(
                    "SB-4105",
                    format!(
                        "the plugin made {} outputs; {} are allowed",
                        drafts.len(),
                        limits.outputs_max
                    ),
                ));
            }
            for (number, draft) in drafts.iter_mut().enumerate() {
                check_draft(manifest, draft, number)?;
            }
        }
        Verdict::Encoded {
            content_type,
            headers,
            ..
        } => {
            if manifest.role != Role::Encode {
                return Err(malformed("only an encoder may answer with an encoded message"));
            }
            check_message(content_type, headers)?;
        }
        Verdict::Drop(reason) => check_reason(reason)?,
        Verdict::Reject(reason) => {
            check_reason(reason)?;
            *state = StateChange::Unchanged;
        }
    }
    check_state(manifest, state)?;
    Ok(output_bytes)
}

fn size(verdict: &Verdict) -> u64 {
    let pairs = |list: &[(String, String)]| {
        list.iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
    };
    let text = |value: &Option<String>| value.as_ref().map_or(0, String::len);
    let bytes = match verdict {
        Verdict::Events(drafts) => drafts
            .iter()
            .map(|d| {
                d.ty.len()
                    + text(&d.key)
                    + text(&d.subject)
                    + text(&d.time)
                    + text(&d.datacontenttype)
                    + text(&d.dataschema)
                    + pairs(&d.extensions)
                    + d.data.as_ref().map_or(0, bytes::Bytes::len)
            })
            .sum(),
        Verdict::Encoded {
            content_type,
            body,
            headers,
        } => content_type.len() + body.len() + pairs(headers),
        Verdict::Drop(reason) | Verdict::Reject(reason) => reason.code.len() + reason.text.len(),
    };
    bytes as u64
}

fn check_draft(manifest: &Manifest, draft: &mut Draft, number: usize) -> Result<(), Failure> {
    let nth = number + 1;
    if !manifest.produces.iter().any(|ty| ty.as_str() == draft.ty) {
        return Err(Failure::new(
            "SB-4111",
            format!(
                "output {nth} is of the type `{}`, which the manifest does not list under `produces`",
                shown_to(&draft.ty, 80)
            ),
        ));
    }
    if draft
        .key
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX)
    {
        return Err(malformed(&format!(
            "the key of output {nth} must have 1 to {KEY_BYTES_MAX} bytes"
        )));
    }
    if let Some((name, _)) = draft
        .extensions
        .iter()
        .find(|(name, _)| HOST_ATTRIBUTES.contains(&name.as_str()))
    {
        return Err(malformed(&format!(
            "output {nth} sets `{name}` as an extension; only the bus sets that"
        )));
    }
    if draft.data.is_some() && draft.datacontenttype.is_none() {
        draft.datacontenttype = Some("application/json".to_owned());
    }
    // The event type's own rules are the measure; id and source are the host's and stand in here.
    let mut event = Event::builder("0", "urn:x", draft.ty.as_str());
    if let Some(value) = &draft.subject {
        event = event.subject(value.as_str());
    }
    if let Some(value) = &draft.time {
        event = event.time(value.as_str());
    }
    if let Some(value) = &draft.datacontenttype {
        event = event.datacontenttype(value.as_str());
    }
    if let Some(value) = &draft.dataschema {
        event = event.dataschema(value.as_str());
    }
    for (name, value) in &draft.extensions {
        event = event.extension(name, value.as_str());
    }
    match event.build() {
        Ok(_) => Ok(()),
        Err(error) => Err(malformed(&format!(
            "output {nth} is not an event: {}",
            error.detail()
        ))),
    }
}

fn check_message(content_type: &str, headers: &[(String, String)]) -> Result<(), Failure> {
    let printable = |text: &str| text.bytes().all(|b| (0x20..0x7f).contains(&b));
    if content_type.len() > 200 || !content_type.contains('/') || !printable(content_type) {
        return Err(malformed("the content type of the message is not a media type"));
    }
    if headers.len() > HEADERS_MAX {
        return Err(malformed(&format!(
            "the message has more than {HEADERS_MAX} header fields"
        )));
    }
    for (name, value) in headers {
        let token = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !token || value.len() > HEADER_VALUE_BYTES_MAX || !printable(value) {
            return Err(malformed(
                "the message has a header field that is not printable ASCII or too long",
            ));
        }
        if HOST_HEADERS.iter().any(|mine| name.eq_ignore_ascii_case(mine))
            || name.to_ascii_lowercase().starts_with("ce-")
        {
            return Err(malformed(&format!(
                "the message sets the header field `{}`; only the bus sets that",
                shown_to(name, 64)
            )));
        }
    }
    Ok(())
}

fn check_reason(reason: &mut Reason) -> Result<(), Failure> {
    let sound = !reason.code.is_empty()
        && reason.code.len() <= 64
        && reason
            .code
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    if !sound {
        return Err(malformed(
            "the code of the reason must be 1 to 64 characters of a-z, 0-9, - and .",
        ));
    }
    reason.text = shown_to(&reason.text, REASON_TEXT_CHARS_MAX);
    Ok(())
}

fn check_state(manifest: &Manifest, state: &StateChange) -> Result<(), Failure> {
    match (state, &manifest.state) {
        (StateChange::Unchanged, _) | (StateChange::Clear, Some(_)) => Ok(()),
        (StateChange::Put(bytes), Some(spec)) if bytes.len() as u64 <= spec.bytes_max => Ok(()),
        (StateChange::Put(bytes), Some(spec)) => Err(Failure::new(
            "SB-4110",
            format!(
                "the plugin's state has {} bytes; {} are allowed",
                bytes.len(),
                spec.bytes_max
            ),
        )),
        (_, None) => Err(Failure::new(
            "SB-4110",
            "the plugin changes state, but its manifest declares none",
        )),
    }
}

fn malformed(what: &str) -> Failure {
    Failure::new("SB-4107", format!("the plugin's answer is not sound: {what}"))
}

#[cfg(test)]
mod tests;
