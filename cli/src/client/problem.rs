//! Refusals of the bus (`application/problem+json`, RFC 9457) as failures.

use crate::catalogue;
use crate::say;
use crate::ui::text::{Lang, lang};
use crate::ui::{Exit, Failure};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

/// The failure an HTTP refusal means; `None` if the body is no problem document with one of our codes.
pub(crate) fn failure(status: StatusCode, retry_after: Option<&HeaderValue>, body: &[u8]) -> Option<Failure> {
    let problem: Value = serde_json::from_slice(body).ok()?;
    let failure = from_value(status, &problem)?;
    let seconds = retry_after
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u32>().ok());
    Some(match seconds {
        Some(seconds) => failure.detail(say!(
            "Erneut möglich in {seconds} s.",
            "Try again in {seconds} s."
        )),
        None => failure,
    })
}

/// The same for a problem inside an answer, such as one event of a batch.
pub(crate) fn from_value(status: StatusCode, problem: &Value) -> Option<Failure> {
    let code = problem
        .get("code")
        .and_then(Value::as_str)
        .filter(|code| is_code(code))?;
    let text = |name: &str| {
        problem
            .get(name)
            .and_then(Value::as_str)
            .map(clean)
            .filter(|text| !text.is_empty())
    };
    let page = catalogue::find(code);
    // The title is the catalogue's, in the person's language; the detail is the bus's own sentence.
    let title = page
        .map(|page| format!("{}.", page.title()))
        .or_else(|| text("title"));
    let mut failure = Failure::new(code.to_owned(), exit(status), title.unwrap_or_default());
    match (text("pointer"), text("detail")) {
        (Some(pointer), Some(detail)) => failure = failure.detail(format!("{pointer}: {detail}")),
        (Some(line), None) | (None, Some(line)) => failure = failure.detail(line),
        (None, None) => {}
    }
    if let (Lang::En, Some(hint)) = (lang(), text("hint")) {
        failure = failure.detail(hint);
    }
    Some(failure)
}

fn exit(status: StatusCode) -> Exit {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Exit::Unreachable
        }
        _ => Exit::Refused,
    }
}

fn is_code(code: &str) -> bool {
    code.strip_prefix("SB-")
        .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Text from elsewhere without characters that steer a terminal or reorder text (C0, C1, line separators,
/// bidirectional controls): a partner's reason must not forge an operator's screen.
pub(crate) fn clean(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|character| if steers(character) { '\u{fffd}' } else { character })
        .collect()
}
