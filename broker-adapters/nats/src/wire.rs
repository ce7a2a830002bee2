//! Between the port's records and NATS messages.

use std::time::{Duration, SystemTime};

use async_nats::{HeaderMap, HeaderName, Message};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{BrokerError, Entry};

use crate::{api::NoResult, errors, link::Link};

/// What JetStream puts into headers of its own.
const RESERVED: &str = "Nats-";

/// Headers that the adapter adds to a message.
pub(crate) type Extra = Vec<(&'static str, String)>;

/// The headers of an entry with its identity and what the adapter adds; `None` when there are none at all.
pub(crate) fn headers(
    entry: &Entry,
    extra: &[(&'static str, String)],
) -> Result<Option<HeaderMap>, BrokerError> {
    if entry.headers.is_empty() && entry.message_id.is_none() && extra.is_empty() {
        return Ok(None);
    }
    let mut map = HeaderMap::new();
    for (name, value) in &entry.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| BrokerError::Refused("a header name the broker cannot carry".to_owned()))?;
        map.append(name, value.as_str());
    }
    if let Some(id) = &entry.message_id {
        map.insert(async_nats::header::NATS_MESSAGE_ID, id.as_str());
    }
    for (name, value) in extra {
        map.insert(*name, value.as_str());
    }
    Ok(Some(map))
}

/// The headers of a message without JetStream's own.
pub(crate) fn own_headers(map: Option<&HeaderMap>) -> Vec<(String, String)> {
    let Some(map) = map else { return Vec::new() };
    let mut headers = Vec::with_capacity(map.len());
    for (name, values) in map.iter() {
        let name: &str = name.as_ref();
        if !name.starts_with(RESERVED) {
            headers.extend(
                values
                    .iter()
                    .map(|value| (name.to_owned(), value.as_str().to_owned())),
            );
        }
    }
    headers
}

/// What the reply subject of a delivery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Position in the stream.
    pub(crate) position: u64,
    /// Which delivery of its consumer this is, from 1.
    pub(crate) count: u64,
    /// When it was stored.
    pub(crate) stored_at: SystemTime,
    /// How many more there were when it was sent.
    pub(crate) pending: u64,
}

/// Reads `$JS.ACK.<stream>.<consumer>.<tries>.<position>.<count>.<time>.<pending>`, or the longer form with domain and
/// account hash before the stream.
pub(crate) fn delivery(reply: &str) -> Option<Delivery> {
    let words: Vec<&str> = reply.split('.').collect();
    let after = match words.len() {
        9 => 5,
        11.. => 7,
        _ => return None,
    };
    if words.first() != Some(&"$JS") || words.get(1) != Some(&"ACK") {
        return None;
    }
    let number = |at: usize| words.get(after + at)?.parse::<u64>().ok();
    Some(Delivery {
        position: number(0)?,
        count: number(1)?,
        stored_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(number(2)?),
        pending: number(3)?,
    })
}

/// A message fetched by itself.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) position: u64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Bytes,
    pub(crate) stored_at: SystemTime,
}

/// Which message to fetch.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum Which<'a> {
    #[serde(rename = "seq")]
    Position(u64),
    #[serde(rename = "last_by_subj")]
    LastOf(&'a str),
}

impl Link {
    /// Fetches one message of a stream; `None` when it is not there.
    ///
    /// With one replica the direct way is as current as any. With more, any replica may answer it, an outdated one
    /// too, so the leader is asked.
    pub(crate) async fn fetch(&self, stream: &str, which: &Which<'_>) -> Result<Option<Stored>, NoResult> {
        if self.options.replicas == 1 {
            self.direct(stream, which).await
        } else {
            self.leader(stream, which).await
        }
    }

    async fn direct(&self, stream: &str, which: &Which<'_>) -> Result<Option<Stored>, NoResult> {
        let body = serde_json::to_vec(which).map_err(|_| NoResult::Unreadable)?;
        let subject = format!("$JS.API.DIRECT.GET.{stream}").into();
        match self.request(subject, None, body.into(), self.deadline()).await {
            Ok(message) => from_direct(message),
            // Nobody listens when there is no such stream; the stream's own answer tells that from an outage.
            Err(crate::link::Trouble::NobodyThere) => self.leader(stream, which).await,
            Err(trouble) => Err(NoResult::Trouble(trouble)),
        }
    }

    async fn leader(&self, stream: &str, which: &Which<'_>) -> Result<Option<Stored>, NoResult> {
        let answer: Result<LeaderAnswer, _> = self.ask(&format!("STREAM.MSG.GET.{stream}"), which).await;
        match answer {
            Ok(answer) => answer.message.into_stored().map(Some),
            Err(NoResult::Refused(refusal)) if refusal.err_code == errors::NO_MESSAGE_FOUND => Ok(None),
            Err(other) => Err(other),
        }
    }
}

fn from_direct(message: Message) -> Result<Option<Stored>, NoResult> {
    let map = match (&message.headers, message.status) {
        (Some(map), None) => map,
        (_, Some(status)) if status.as_u16() == 404 => return Ok(None),
        _ => return Err(NoResult::Unreadable),
    };
    let get = |name: &str| {
        map.get(name)
            .map(|value| value.as_str())
            .ok_or(NoResult::Unreadable)
    };
    Ok(Some(Stored {
        subject: get("Nats-Subject")?.to_owned(),
        position: get("Nats-Sequence")?.parse().map_err(|_| NoResult::Unreadable)?,
        headers: own_headers_and_markers(map),
        stored_at: time(get("Nats-Time-Stamp")?)?,
        payload: message.payload,
    }))
}

/// Delete markers of the server carry their meaning in a header of the server's; it is kept for the cells.
pub(crate) const MARKER_REASON: &str = "Nats-Marker-Reason";

fn own_headers_and_markers(map: &HeaderMap) -> Vec<(String, String)> {
    let mut headers = own_headers(Some(map));
    if let Some(reason) = map.get(MARKER_REASON) {
        headers.push((MARKER_REASON.to_owned(), reason.as_str().to_owned()));
    }
    headers
}

#[derive(Deserialize)]
struct LeaderAnswer {
    message: LeaderMessage,
}

#[derive(Deserialize)]
struct LeaderMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl LeaderMessage {
    fn into_stored(self) -> Result<Stored, NoResult> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| NoResult::Unreadable);
        let headers = String::from_utf8(decode(&self.hdrs)?).map_err(|_| NoResult::Unreadable)?;
        Ok(Stored {
            subject: self.subject,
            position: self.seq,
            headers: header_lines(&headers),
            payload: decode(&self.data)?.into(),
            stored_at: time(&self.time)?,
        })
    }
}

/// The headers in a block `NATS/1.0 CRLF name: value CRLF … CRLF`, without JetStream's own but markers.
fn header_lines(block: &str) -> Vec<(String, String)> {
    let lines = block
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    let kept = lines.filter(|(name, _)| !name.starts_with(RESERVED) || *name == MARKER_REASON);
    kept.map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn time(text: &str) -> Result<SystemTime, NoResult> {
    text.parse::<jiff::Timestamp>()
        .map(SystemTime::from)
        .map_err(|_| NoResult::Unreadable)
}

/// A time as JetStream takes it.
pub(crate) fn rfc3339(time: SystemTime) -> Result<String, BrokerError> {
    let time = jiff::Timestamp::try_from(time);
    time.map(|time| time.to_string())
        .map_err(|_| BrokerError::Refused("a time outside the calendar".to_owned()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_read_in_both_forms() {
        let expected = Delivery {
            position: 42,
            count: 7,
            stored_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789),
            pending: 3,
        };
        let short = "$JS.ACK.LOG_A.cons.1.42.7.1700000000123456789.3";
        let long = "$JS.ACK._.hash.LOG_A.cons.1.42.7.1700000000123456789.3";
        for reply in [short.to_owned(), long.to_owned(), format!("{long}.token")] {
            assert_eq!(delivery(&reply), Some(expected), "{reply}");
        }
        for bad in ["", "$JS.FC.x", "$JS.ACK.a.b.c.d.e.f.g", "_INBOX.a.b.c.d.e.f.g.h"] {
            assert_eq!(delivery(bad), None, "{bad}");
        }
    }

    #[test]
    fn header_blocks_lose_what_is_the_servers() {
        let block =
            "NATS/1.0\r\nce-id: a:b\r\nNats-Msg-Id: 1\r\nempty:\r\nNats-Marker-Reason: MaxAge\r\n\r\n";
        let expected = [("ce-id", "a:b"), ("empty", ""), ("Nats-Marker-Reason", "MaxAge")];
        assert_eq!(
            header_lines(block),
            expected.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn entries_become_headers_and_come_back() {
        let entry = Entry::new("a", "x")
            .with_header("ce-id", "1")
            .with_header("ce-id", "2")
            .with_id("m");
        let map = headers(&entry, &[("Nats-Schedule", "@at x".to_owned())])
            .unwrap()
            .unwrap();
        assert_eq!(map.get("Nats-Msg-Id").unwrap().as_str(), "m");
        assert_eq!(own_headers(Some(&map)), entry.headers);
        assert_eq!(headers(&Entry::new("a", "x"), &[]).unwrap(), None);
    }
}
