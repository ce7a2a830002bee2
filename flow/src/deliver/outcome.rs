//! What became of one attempt.
//!
//! The table is that of the CloudEvents webhook specification and of Standard Webhooks: any 2xx is taken, 410 is a
//! farewell, 408, 425, 429 and 5xx ask to come again, a redirect is never followed, every other 4xx is final. What
//! could not be said to the receiver at all is tried again: the network heals, zones are opened.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};

use super::egress::EgressError;

#[cfg(test)]
mod tests;

/// What became of one attempt. No text in it contains anything of the event or of the answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// Another attempt may help.
    Retry {
        /// `SB-3002`, `SB-3003`, `SB-3004`, `SB-3006`, `SB-3007`, `SB-3031` or `SB-3032`.
        code: &'static str,
        /// One sentence.
        detail: String,
        /// How long the receiver asks to be left alone, not yet bounded.
        after: Option<Duration>,
    },
    /// The receiver will not take it, now or later.
    Refused {
        /// `SB-3001`; `SB-4107` when what a plugin made cannot be sent.
        code: &'static str,
        /// One sentence.
        detail: String,
    },
    /// 410: the receiver wants nothing any more (`SB-3005`).
    Gone,
}

impl Outcome {
    /// The stable code, unless it was delivered.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Delivered { .. } => None,
            Self::Retry { code, .. } | Self::Refused { code, .. } => Some(code),
            Self::Gone => Some("SB-3005"),
        }
    }

    /// The same, heeding what the receiver says in `webhook-delivery`: `disable` is a farewell like 410, and
    /// `abort-message` refuses this event whatever the status. What it took is delivered all the same.
    #[must_use]
    pub fn heeding(self, asked: Option<&HeaderValue>) -> Self {
        let asked = asked.map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
        match (asked.as_deref(), &self) {
            (_, Self::Delivered { .. }) => self,
            (Some(b"disable"), _) => Self::Gone,
            (Some(b"abort-message"), Self::Retry { .. }) => Self::Refused {
                code: "SB-3001",
                detail: "The receiver refused it (webhook-delivery: abort-message).".to_owned(),
            },
            _ => self,
        }
    }

    /// Why, in words; empty if it was delivered.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Delivered { .. } => "",
            Self::Retry { detail, .. } | Self::Refused { detail, .. } => detail,
            Self::Gone => "The receiver wants nothing any more (410).",
        }
    }

    /// What an answer means.
    #[must_use]
    pub fn from_answer(status: StatusCode, retry_after: Option<&HeaderValue>, now: SystemTime) -> Self {
        let after = || retry_after.and_then(|value| read_retry_after(value, now));
        let number = status.as_u16();
        match number {
            200..=299 => Self::Delivered { status: number },
            410 => Self::Gone,
            408 | 425 | 429 => Self::Retry {
                code: "SB-3002",
                detail: format!("The receiver asks to come again later ({number})."),
                after: after(),
            },
            500..=599 => Self::Retry {
                code: "SB-3002",
                detail: format!("The receiver answered {number}."),
                after: after(),
            },
            300..=399 => Self::Retry {
                code: "SB-3007",
                detail: format!("The receiver answered with a redirect ({number}); the bus follows none."),
                after: None,
            },
            400..=499 => Self::Refused {
                code: "SB-3001",
                detail: format!("The receiver refused it ({number})."),
            },
            _ => Self::Retry {
                code: "SB-3007",
                detail: format!("The receiver answered with a status that says nothing ({number})."),
                after: None,
            },
        }
    }
}

impl From<EgressError> for Outcome {
    fn from(error: EgressError) -> Self {
        Self::Retry {
            code: error.code(),
            detail: error.to_string(),
            after: None,
        }
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in any of the three spellings. A date that has passed
/// means at once; what is neither is as if it were not there.
#[must_use]
pub fn read_retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", and the policy bounds that anyway.
        return Some(Duration::from_secs(
            text.parse::<u32>().map_or(u64::from(u32::MAX), u64::from),
        ));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The beginning of an answer as text that harms no terminal and no page: what is no UTF-8 is replaced, and runs of
/// blanks and control characters become one blank. At most [`super::egress::EXCERPT_BYTES_MAX`].
///
/// It may repeat what the event said, so it belongs beside the event and not into logs.
#[must_use]
pub fn clean(excerpt: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(excerpt);
    let mut cleaned = String::with_capacity(text.len());
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c))
        .filter(|w| !w.is_empty())
    {
        let gap = usize::from(!cleaned.is_empty());
        let room = super::egress::EXCERPT_BYTES_MAX.saturating_sub(cleaned.len() + gap);
        let part = word.get(..word.floor_char_boundary(room)).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        if gap == 1 {
            cleaned.push(' ');
        }
        cleaned.push_str(part);
    }
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Characters that change how others are shown: directions, joiners, tags.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
