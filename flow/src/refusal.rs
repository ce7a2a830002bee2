//! Why the bus said no: the one error type that leaves the flow.
//!
//! A refusal carries what each reader needs and nothing of the payload: a stable code for programs, a
//! sentence for the operator, a JSON pointer where there is one, and when to try again. The HTTP status is
//! decided here too, so that one code is answered in one way wherever it occurs.

use std::{fmt, time::Duration};

use stadtbus_broker::BrokerError;
use stadtbus_event::EventError;

/// A refusal with its stable code. See `docs/errors/` for the page of each code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code, `SB-nnnn`.
    pub code: &'static str,
    /// One sentence for the operator. Never contains payload.
    pub detail: String,
    /// JSON pointer (RFC 6901) into the event or its data.
    pub pointer: Option<String>,
    /// What to do, ready to paste where possible.
    pub hint: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal without pointer or hint.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let retry_after = match code {
            "SB-1404" | "SB-1405" | "SB-1407" | "SB-1411" | "SB-1412" | "SB-1415" | "SB-1501" | "SB-1503" => {
                Some(Duration::from_secs(1))
            }
            "SB-1502" | "SB-1508" | "SB-1513" => Some(Duration::from_secs(30)),
            _ => None,
        };
        Self {
            code,
            detail: detail.into(),
            pointer: None,
            hint: None,
            retry_after,
        }
    }

    /// The same with a JSON pointer.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The HTTP status of the code (RFC 9110).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code {
            "SB-1109" => 415,
            "SB-1301" | "SB-1302" | "SB-1303" | "SB-1304" => 401,
            "SB-1305" | "SB-1306" | "SB-1307" | "SB-1308" | "SB-1309" | "SB-1310" | "SB-1311" | "SB-1312"
            | "SB-1313" | "SB-1202" | "SB-2059" => 403,
            "SB-1401" | "SB-1403" | "SB-1406" => 413,
            "SB-1402" => 431,
            "SB-1404" => 429,
            "SB-1405" | "SB-1407" | "SB-1411" | "SB-1412" | "SB-1415" | "SB-1501" | "SB-1502" | "SB-1503"
            | "SB-1508" | "SB-1513" => 503,
            "SB-1511" | "SB-2054" => 410,
            "SB-1504" | "SB-1509" | "SB-2022" | "SB-2004" | "SB-2007" | "SB-2011" | "SB-2052" | "SB-2053"
            | "SB-2055" | "SB-2057" | "SB-2072" | "SB-2073" | "SB-2076" | "SB-2078" | "SB-1408"
            | "SB-4022" | "SB-4023" | "SB-4024" | "SB-4031" | "SB-4033" | "SB-5012" | "SB-5016" => 409,
            "SB-2012" => 412,
            "SB-1505" | "SB-1514" | "SB-2001" | "SB-2002" | "SB-2005" | "SB-2009" | "SB-2021" | "SB-2033"
            | "SB-2077" | "SB-4009" | "SB-4030" => 404,
            "SB-2010" => 405,
            "SB-2058" => 426,
            "SB-4025" => 500,
            code if code.starts_with("SB-11") => 400,
            code if code.starts_with("SB-15") => 500,
            code if code.starts_with("SB-6") => 400,
            _ => 422,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Refusal {}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        let refusal = Self::new(error.code(), error.detail());
        match error.attribute() {
            Some(attribute) => refusal.at(format!("/{attribute}")),
            None => refusal,
        }
    }
}

impl From<BrokerError> for Refusal {
    fn from(error: BrokerError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
