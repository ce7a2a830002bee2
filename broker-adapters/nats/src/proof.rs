//! What the server can show: its version, and from its monitor whether it writes through to the disk.
//!
//! A client cannot see the server's `sync_interval`. The monitor's `/varz` can: `jetstream.config.sync_always`. It is
//! asked by hand, one request in clear text to an address the operator names, because this crate should not bring an
//! HTTP client into the bus for it.

use std::time::Duration;

use serde::Deserialize;
use stadtbus_broker::{BrokerError, Proof};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::link::Link;

/// The oldest server with atomic batches, schedules and the fixes this adapter relies on.
const VERSION_MIN: (u64, u64) = (2, 14);
/// The longest `/varz` that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct Varz {
    server_id: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: JetStreamConfig,
}

#[derive(Default, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

impl Link {
    pub(crate) async fn proof(&self) -> Result<Proof, BrokerError> {
        self.up().map_err(BrokerError::Unavailable)?;
        let info = self.client.server_info();
        let (durable, detail) = self.durable(&info.server_id).await;
        Ok(Proof {
            broker: "nats-server".to_owned(),
            supported: supported(&info.version),
            version: info.version,
            durable,
            detail,
        })
    }

    async fn durable(&self, server: &str) -> (bool, String) {
        let replicas = self.options.replicas;
        let asked = match &self.options.monitor {
            None => Err("no monitor address is configured, so sync_interval cannot be checked".to_owned()),
            Some(monitor) => varz(monitor, self.options.ack_timeout).await,
        };
        let (durable, detail) = match asked {
            Err(why) => (false, why),
            Ok(varz) if varz.server_id != server && replicas == 1 => (
                false,
                "the monitor belongs to another server than the one connected to".to_owned(),
            ),
            Ok(varz) if varz.jetstream.config.sync_always => {
                (true, "the monitor reports sync_interval: always".to_owned())
            }
            Ok(_) => (
                false,
                "the monitor reports that sync_interval is not 'always'".to_owned(),
            ),
        };
        if !durable && replicas > 1 {
            return (
                true,
                format!("acknowledged by a majority of {replicas} servers; {detail}"),
            );
        }
        (durable, detail)
    }
}

/// Whether a version such as `2.15.1` or `2.14.0-RC.1` is new enough.
fn supported(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= VERSION_MIN,
        _ => false,
    }
}

async fn varz(monitor: &str, timeout: Duration) -> Result<Varz, String> {
    let host = monitor
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    let host = host.filter(|host| !host.is_empty() && !host.contains(['/', '@', ' ', '\r', '\n']));
    let host = host.ok_or("the monitor address is not of the form http://host:port")?;
    let asked = tokio::time::timeout(timeout, get(host)).await;
    let answer = asked
        .map_err(|_| "the monitor does not answer")?
        .map_err(|_| "the monitor cannot be reached")?;
    parse(&answer).ok_or_else(|| "the monitor's answer cannot be read".to_owned())
}

/// HTTP/1.0 so that the answer ends with the connection and is not chunked.
async fn get(host: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /varz HTTP/1.0\r\nHost: {host}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn parse(answer: &[u8]) -> Option<Varz> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let status = std::str::from_utf8(head)
        .ok()?
        .lines()
        .next()?
        .split(' ')
        .nth(1)?;
    if status != "200" {
        return None;
    }
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use super::{parse, supported};

    #[test]
    fn versions_are_compared_by_number() {
        for (version, expected) in [
            ("2.15.1", true),
            ("2.14.0", true),
            ("2.14.0-RC.1", true),
            ("3.0.0", true),
            ("2.9.25", false),
            ("2.13.9", false),
            ("", false),
            ("main", false),
        ] {
            assert_eq!(supported(version), expected, "{version}");
        }
    }

    #[test]
    fn only_a_clear_yes_is_a_proof() {
        let answer = |body: &str| parse(format!("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{body}").as_bytes());
        let yes = r#"{"server_id":"A","jetstream":{"config":{"sync_always":true}}}"#;
        assert!(answer(yes).unwrap().jetstream.config.sync_always);
        for no in [
            r#"{"server_id":"A","jetstream":{"config":{"sync_interval":120}}}"#,
            r#"{"server_id":"A"}"#,
        ] {
            assert!(!answer(no).unwrap().jetstream.config.sync_always, "{no}");
        }
        assert!(answer("{").is_none());
        assert!(parse(b"HTTP/1.0 404 Not Found\r\n\r\n{\"server_id\":\"A\"}").is_none());
        assert!(parse(b"").is_none());
    }
}
