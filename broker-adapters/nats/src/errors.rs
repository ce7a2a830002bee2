//! JetStream's refusals in the port's words.

use serde::Deserialize;
use stadtbus_broker::BrokerError;

/// A refusal as the server writes it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) code: u16,
    #[serde(default)]
    pub(crate) err_code: u32,
    #[serde(default)]
    pub(crate) description: String,
}

pub(crate) const STREAM_NOT_FOUND: u32 = 10059;
pub(crate) const STREAM_NAME_IN_USE: u32 = 10058;
pub(crate) const WRONG_LAST_SEQUENCE: u32 = 10071;
const WRONG_LAST_SEQUENCE_CONSTANT: u32 = 10164;
pub(crate) const NO_MESSAGE_FOUND: u32 = 10037;
pub(crate) const SEQUENCE_NOT_FOUND: u32 = 10043;
/// One code for "not there" and for a failing disk: only the description tells them apart.
pub(crate) const DELETE_FAILED: u32 = 10057;
const INSUFFICIENT_RESOURCES: u32 = 10023;
const MEMORY_EXCEEDED: u32 = 10028;
const STORAGE_EXCEEDED: u32 = 10047;
const ACCOUNT_RESOURCES_EXCEEDED: u32 = 10002;
const MESSAGE_TOO_LARGE: u32 = 10054;
const STORE_FAILED: u32 = 10077;
const SERVICE_UNAVAILABLE: u16 = 503;

impl Refusal {
    /// What this means for the caller; `what` names the log or bucket.
    pub(crate) fn to_error(&self, what: &str) -> BrokerError {
        let text = format!("{what}: {} ({})", self.description, self.err_code);
        match self.err_code {
            INSUFFICIENT_RESOURCES | MEMORY_EXCEEDED | STORAGE_EXCEEDED | ACCOUNT_RESOURCES_EXCEEDED => {
                BrokerError::Full(text)
            }
            // One code for a reached limit and for a failing disk: only the description tells them apart.
            STORE_FAILED if self.description.contains("maximum") => BrokerError::Full(text),
            STORE_FAILED => BrokerError::Unavailable(text),
            MESSAGE_TOO_LARGE => BrokerError::TooLarge(text),
            WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_CONSTANT => BrokerError::Conflict(text),
            STREAM_NOT_FOUND => BrokerError::NotFound(what.to_owned()),
            _ if self.code == SERVICE_UNAVAILABLE => BrokerError::Unavailable(text),
            _ => BrokerError::Refused(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn refusals_are_told_apart() {
        for (code, err_code, description, expected) in [
            (503, 10023, "insufficient resources", "SB-1502"),
            (400, 10077, "maximum bytes exceeded", "SB-1502"),
            (503, 10077, "maximum messages exceeded", "SB-1502"),
            (503, 10077, "write failed: input/output error", "SB-1501"),
            (400, 10071, "wrong last sequence: 7", "SB-1504"),
            (404, 10059, "stream not found", "SB-1505"),
            (400, 10054, "message size exceeds maximum allowed", "SB-1506"),
            (503, 10008, "JetStream system temporarily unavailable", "SB-1501"),
            (400, 10190, "message schedules target is invalid", "SB-1507"),
        ] {
            let refusal = Refusal {
                code,
                err_code,
                description: description.to_owned(),
            };
            assert_eq!(
                refusal.to_error("log LOG_A").code(),
                expected,
                "{err_code} {description}"
            );
        }
    }
}
