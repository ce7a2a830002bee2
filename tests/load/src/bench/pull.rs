//! A subscriber that fetches: receive, look at the handles, acknowledge.

use std::net::SocketAddr;

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Connection, request};

use super::arrivals::NumberFinder;

/// One pull subscription on a connection of its caller.
pub(crate) struct Puller {
    bus: SocketAddr,
    token: String,
    acknowledge: String,
    receive: Vec<u8>,
    handles: String,
}

const HANDLE_KEY: &str = "\"handle\":\"";

impl Puller {
    /// Fetches at most `events_max` at once and lets the bus wait `wait_ms` for the first.
    pub(crate) fn new(
        bus: SocketAddr,
        token: &str,
        subscription: &str,
        events_max: u32,
        wait_ms: u32,
    ) -> Self {
        let body = format!("{{\"max\":{events_max},\"wait_ms\":{wait_ms},\"lease_ms\":60000}}");
        let path = |what: &str| format!("/v1/subscriptions/{subscription}/{what}");
        Self {
            bus,
            token: token.to_owned(),
            acknowledge: path("acknowledge"),
            receive: request(bus, &path("receive"), token, "application/json", body.as_bytes()),
            handles: String::new(),
        }
    }

    /// One round: whatever is there is received, shown by its number, and acknowledged. Gives how many there were.
    pub(crate) async fn round(
        &mut self,
        connection: &mut Connection,
        mut seen: impl FnMut(u64),
    ) -> Outcome<u64> {
        let answer = connection.exchange(&self.receive).await?;
        let text = std::str::from_utf8(answer.body).map_err(|error| Failure::new(error.to_string()))?;
        if answer.status != 200 {
            return Err(Failure::new(format!("receive: HTTP {} {text}", answer.status)));
        }
        self.handles.clear();
        self.handles.push_str("{\"handles\":[");
        let mut events = 0;
        let finder = NumberFinder::default();
        for event in text.split(HANDLE_KEY).skip(1) {
            let Some((handle, rest)) = event.split_once('"') else {
                return Err(Failure::new("a handle without an end"));
            };
            if events > 0 {
                self.handles.push(',');
            }
            self.handles.push('"');
            self.handles.push_str(handle);
            self.handles.push('"');
            events += 1;
            seen(finder.find(rest.as_bytes()).unwrap_or(u64::MAX));
        }
        if events == 0 {
            return Ok(0);
        }
        self.handles.push_str("]}");
        let bytes = request(
            self.bus,
            &self.acknowledge,
            &self.token,
            "application/json",
            self.handles.as_bytes(),
        );
        let answer = connection.exchange(&bytes).await?;
        let text = String::from_utf8_lossy(answer.body);
        if answer.status != 200 || !text.contains(&format!("\"settled\":{events}")) {
            return Err(Failure::new(format!(
                "acknowledge: HTTP {} {text}",
                answer.status
            )));
        }
        Ok(events)
    }
}
