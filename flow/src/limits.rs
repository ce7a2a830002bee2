//! Every limit of the flow: a name with its unit, a default, and a bound.
//!
//! The sentences an operator reads stand in the default configuration file of the server, which is the
//! reference; this type carries the values and refuses what lies outside the bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of both halves of the flow. [`Limits::default`] is what ships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest event accepted, attributes and data together, in bytes. CloudEvents (CORE-9) demands at
    /// least 64 KiB.
    pub event_bytes_max: usize,
    /// Largest HTTP request body, in bytes; bounds a batch.
    pub body_bytes_max: usize,
    /// Most bytes of request bodies held at one time; whoever finds no room is answered 429.
    pub bodies_bytes_max: u64,
    /// Most events in one batch.
    pub batch_events_max: usize,
    /// Most requests being accepted at one time; one more is answered 429.
    pub accept_inflight_max: usize,
    /// Most of them from one partner: what leaves room for the others.
    pub accept_inflight_partner_max: usize,
    /// How long one request may take until it is answered 503, in milliseconds.
    pub accept_timeout_ms: u64,
    /// How often an event may be derived from a derived event before the chain is cut.
    pub hops_max: u32,
    /// Most events waiting in one lane; a lane that is full leaves the shared reader and catches up later.
    pub lane_queue_max: usize,
    /// Most bytes of events waiting in one lane.
    pub lane_queue_bytes_max: usize,
    /// Longest delay before a retry that stays in the lane; a longer one becomes a scheduled message.
    pub lane_retry_delay_ms_max: u64,
    /// Most events of one lane that wait for a retry inside the lane.
    pub lane_retries_max: usize,
    /// Most events of one key that wait in a lane's memory for those before them; more go into the log of parked events.
    pub key_backlog_max: usize,
    /// Most events of one subscription in the log of parked events; then its lane fills up instead.
    pub parked_events_max: usize,
    /// Size of the log of parked events, in bytes.
    pub parked_bytes_max: u64,
    /// Most events handed to the reader of a feed that it has not confirmed; then a stream ends, so that it comes back.
    pub unconfirmed_events_max: usize,
    /// How long a reader of a stream may owe a confirmation, in milliseconds; then the stream ends, so that it comes back.
    pub unconfirmed_ms_max: u64,
    /// Most WebSockets open at one time.
    pub websockets_max: usize,
    /// Failures in a row after which a receiver is left alone, or a plugin in its subscription; 0: never.
    pub breaker_failures_max: u32,
    /// How long a receiver is left alone at first, in milliseconds; twice as long after each event that fails then.
    pub breaker_delay_ms: u64,
    /// How long it is left alone at most, in milliseconds.
    pub breaker_delay_ms_max: u64,
    /// How often dirty cursors and settle facts are written, in milliseconds.
    pub flush_interval_ms: u64,
    /// Most lanes that catch up from their own reader at one time.
    pub catch_up_readers_max: usize,
    /// Most subscription groups; the unit in which several bus processes share the lanes.
    pub lease_groups: u32,
    /// How long a lease lasts without renewal, in milliseconds. A process that died is replaced after it.
    pub lease_ttl_ms: u64,
    /// How long scheduled retries and settle facts are kept, in days.
    pub ledger_age_days_max: u64,
    /// How long dead letters are kept, in days.
    pub dead_letters_age_days_max: u64,
    /// Size of all dead letters together, in bytes; when it is reached, what is given up stays in its lane.
    pub dead_letters_bytes_max: u64,
    /// Size of one partner's log, in bytes; a full log answers 503, not silence.
    pub log_bytes_max: u64,
    /// How long accepted events are kept, in days.
    pub log_age_days_max: u64,
    /// How long the broker remembers event ids to recognise a repeat, in seconds.
    pub duplicate_window_s: u64,
    /// Most subscriptions that one partner may order over the API.
    pub subscriptions_ordered_max: usize,
    /// How long nothing may match a subscription before it is flagged, in seconds.
    pub subscription_quiet_s: u64,
    /// How often what was accepted for each subscription is compared with what became of it, in seconds.
    pub balance_look_s: u64,
    /// Most daily statements that are kept.
    pub statements_kept_max: usize,
    /// How often the witness writes down what was acknowledged, in milliseconds.
    pub witness_flush_ms: u64,
    /// How often the witness looks at every log, in seconds.
    pub witness_look_s: u64,
    /// How fast the witness reads while it compares whole logs, in bytes a second.
    pub witness_scan_bytes_s_max: u64,
    /// Most events waiting in the lane of one replay.
    pub replay_queue_max: usize,
    /// Most positions that one replay may reach over.
    pub replay_positions_max: u64,
    /// Most events that one replay delivers in a second; the rate if none is asked for is a tenth of it.
    pub replay_rate_per_s_max: u32,
    /// Most replays of one subscription that have not ended.
    pub replays_open_max: usize,
    /// Most replays of one subscription that are remembered after their end.
    pub replays_ended_max: usize,
    /// How long shutdown waits for deliveries under way, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes_max: 256 * 1024,
            body_bytes_max: 8 * 1024 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            batch_events_max: 1_000,
            accept_inflight_max: 2_048,
            accept_inflight_partner_max: 1_024,
            accept_timeout_ms: 10_000,
            hops_max: 8,
            lane_queue_max: 1_024,
            lane_queue_bytes_max: 4 * 1024 * 1024,
            lane_retry_delay_ms_max: 10_000,
            lane_retries_max: 256,
            key_backlog_max: 32,
            parked_events_max: 100_000,
            parked_bytes_max: 4 * 1024 * 1024 * 1024,
            unconfirmed_events_max: 512,
            unconfirmed_ms_max: 60_000,
            websockets_max: 1_024,
            breaker_failures_max: 20,
            breaker_delay_ms: 5_000,
            breaker_delay_ms_max: 300_000,
            flush_interval_ms: 1_000,
            catch_up_readers_max: 64,
            lease_groups: 16,
            lease_ttl_ms: 10_000,
            ledger_age_days_max: 90,
            dead_letters_age_days_max: 90,
            dead_letters_bytes_max: 4 * 1024 * 1024 * 1024,
            log_bytes_max: 4 * 1024 * 1024 * 1024,
            log_age_days_max: 90,
            duplicate_window_s: 120,
            subscriptions_ordered_max: 200,
            subscription_quiet_s: 86_400,
            balance_look_s: 15,
            statements_kept_max: 3_660,
            witness_flush_ms: 1_000,
            witness_look_s: 60,
            witness_scan_bytes_s_max: 64 * 1024 * 1024,
            replay_queue_max: 64,
            replay_positions_max: 50_000_000,
            replay_rate_per_s_max: 500,
            replays_open_max: 4,
            replays_ended_max: 20,
            drain_timeout_ms: 10_000,
        }
    }
}

impl Limits {
    /// Checks every value against its bound.
    ///
    /// # Errors
    /// The name of the first limit out of bounds and the bounds, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        let bounds = self
            .bounds()
            .into_iter()
            .chain(self.lane_bounds())
            .chain(self.of_second_tries());
        for (name, value, least, most) in bounds {
            if value < least || value > most {
                return Err(format!(
                    "limits.{name} must be between {least} and {most}, but is {value}"
                ));
            }
        }
        Ok(())
    }

    /// Name, value, least and most of each limit but those of lanes.
    fn bounds(&self) -> [(&'static str, u64, u64, u64); 22] {
        [
            (
                "event_bytes_max",
                self.event_bytes_max as u64,
                64 << 10,
                900 << 10,
            ),
            ("body_bytes_max", self.body_bytes_max as u64, 64 << 10, 64 << 20),
            (
                "bodies_bytes_max",
                self.bodies_bytes_max,
                self.body_bytes_max as u64,
                64 << 30,
            ),
            ("batch_events_max", self.batch_events_max as u64, 1, 10_000),
            ("accept_inflight_max", self.accept_inflight_max as u64, 1, 65_536),
            (
                "accept_inflight_partner_max",
                self.accept_inflight_partner_max as u64,
                1,
                65_536,
            ),
            ("accept_timeout_ms", self.accept_timeout_ms, 100, 60_000),
            ("hops_max", u64::from(self.hops_max), 1, 64),
            ("lease_groups", u64::from(self.lease_groups), 1, 256),
            ("lease_ttl_ms", self.lease_ttl_ms, 2_000, 60_000),
            ("ledger_age_days_max", self.ledger_age_days_max, 1, 3_650),
            ("log_bytes_max", self.log_bytes_max, 1 << 20, 1 << 50),
            ("log_age_days_max", self.log_age_days_max, 1, 3_650),
            ("duplicate_window_s", self.duplicate_window_s, 1, 86_400),
            (
                "subscriptions_ordered_max",
                self.subscriptions_ordered_max as u64,
                0,
                5_000,
            ),
            ("subscription_quiet_s", self.subscription_quiet_s, 60, 2_592_000),
            ("balance_look_s", self.balance_look_s, 1, 3_600),
            ("statements_kept_max", self.statements_kept_max as u64, 2, 36_600),
            ("witness_flush_ms", self.witness_flush_ms, 100, 10_000),
            ("witness_look_s", self.witness_look_s, 1, 3_600),
            (
                "witness_scan_bytes_s_max",
                self.witness_scan_bytes_s_max,
                1 << 20,
                10 << 30,
            ),
            ("drain_timeout_ms", self.drain_timeout_ms, 0, 120_000),
        ]
    }

    /// The same of those of lanes.
    fn lane_bounds(&self) -> [(&'static str, u64, u64, u64); 15] {
        [
            ("lane_queue_max", self.lane_queue_max as u64, 16, 65_536),
            (
                "lane_queue_bytes_max",
                self.lane_queue_bytes_max as u64,
                1 << 20,
                256 << 20,
            ),
            ("lane_retry_delay_ms_max", self.lane_retry_delay_ms_max, 0, 60_000),
            ("lane_retries_max", self.lane_retries_max as u64, 0, 65_536),
            ("key_backlog_max", self.key_backlog_max as u64, 1, 65_536),
            ("parked_events_max", self.parked_events_max as u64, 16, 10_000_000),
            ("parked_bytes_max", self.parked_bytes_max, 1 << 20, 1 << 50),
            (
                "unconfirmed_events_max",
                self.unconfirmed_events_max as u64,
                1,
                65_536,
            ),
            ("websockets_max", self.websockets_max as u64, 0, 65_536),
            ("unconfirmed_ms_max", self.unconfirmed_ms_max, 1_000, 3_600_000),
            (
                "breaker_failures_max",
                u64::from(self.breaker_failures_max),
                0,
                10_000,
            ),
            ("breaker_delay_ms", self.breaker_delay_ms, 100, 600_000),
            (
                "breaker_delay_ms_max",
                self.breaker_delay_ms_max,
                self.breaker_delay_ms,
                3_600_000,
            ),
            ("flush_interval_ms", self.flush_interval_ms, 50, 1_000),
            ("catch_up_readers_max", self.catch_up_readers_max as u64, 1, 1_024),
        ]
    }

    /// Name, value, least and most of what concerns dead letters and replays.
    fn of_second_tries(&self) -> [(&'static str, u64, u64, u64); 7] {
        let rate = u64::from(self.replay_rate_per_s_max);
        [
            (
                "dead_letters_age_days_max",
                self.dead_letters_age_days_max,
                1,
                3_650,
            ),
            (
                "dead_letters_bytes_max",
                self.dead_letters_bytes_max,
                1 << 20,
                1 << 50,
            ),
            ("replay_queue_max", self.replay_queue_max as u64, 16, 4_096),
            (
                "replay_positions_max",
                self.replay_positions_max,
                1,
                1_000_000_000,
            ),
            ("replay_rate_per_s_max", rate, 1, 100_000),
            ("replays_open_max", self.replays_open_max as u64, 0, 100),
            ("replays_ended_max", self.replays_ended_max as u64, 0, 1_000),
        ]
    }

    /// [`Limits::accept_timeout_ms`] as a duration.
    #[must_use]
    pub fn accept_timeout(&self) -> Duration {
        Duration::from_millis(self.accept_timeout_ms)
    }
}
