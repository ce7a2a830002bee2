//! What one seed leaves to chance, drawn once at its beginning so that it can be printed.

use std::time::Duration;

use stadtbus_broker_memory::Faults;

/// How a run is set up.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    /// Bus processes that share the work.
    pub(crate) processes: usize,
    /// Events to publish.
    pub(crate) events: u64,
    /// Length of the first phase.
    pub(crate) storm: Duration,
    /// The broker is well, no process dies, no answer of a receiver is lost: then nothing may be delivered twice.
    pub(crate) calm: bool,
    /// Faults of the broker in the first phase.
    pub(crate) faults: Faults,
    /// How likely a receiver answers with an error.
    pub(crate) fails: f64,
    /// How likely an error is one for ever (4xx).
    pub(crate) refuses: f64,
    /// How likely a receiver stalls before it answers, up to [`Dice::stall_max`].
    pub(crate) stalls: f64,
    pub(crate) stall_max: Duration,
    /// How likely a receiver takes an event and says nothing.
    pub(crate) mute: f64,
    /// How likely a name does not resolve, or resolves to where nothing may go.
    pub(crate) names: f64,
    /// How likely, per second, a process dies.
    pub(crate) crash: f64,
    /// How likely, per second, a process is shut down in good order.
    pub(crate) restart: f64,
    /// How likely, per second, a process is cut off from the broker for a while.
    pub(crate) cut_off: f64,
    /// How likely, per second, the broker is away for a while.
    pub(crate) outage: f64,
    /// How likely, per second, the clock is set.
    pub(crate) clock: f64,
    /// How likely, per second, a subscription is paused for a while.
    pub(crate) pause: f64,
    /// How likely an event has an `expirytime`.
    pub(crate) expires: f64,
    /// How likely a pull receiver does anything but acknowledge in time.
    pub(crate) careless: f64,
    /// How likely, per second, a receiver is away for a while.
    pub(crate) away: f64,
    /// How likely no receiver of webhooks takes an event before all is healed.
    pub(crate) poison: f64,
    /// How likely, per second, events of a subscription are replayed.
    pub(crate) replay: f64,
    /// How likely, per second, the city changes, and lanes start again while events flow.
    pub(crate) change: f64,
    /// How long the broker's answers take at most, so that others come in between.
    pub(crate) latency: Duration,
}

impl Dice {
    pub(crate) fn roll(random: &mut fastrand::Rng) -> Self {
        let calm = random.u8(0..6) == 0;
        let mut up_to = |most: f64| if random.bool() { 0.0 } else { most * random.f64() };
        let restless = |value: f64| if calm { 0.0 } else { value };
        let faults = Faults {
            append_refuse: restless(up_to(0.1)),
            append_unknown: restless(up_to(0.2)),
            append_unknown_stored: 0.5,
            cell_refuse: restless(up_to(0.1)),
            cell_unknown: restless(up_to(0.1)),
            ack_delay: Duration::from_millis(restless(up_to(3_000.0)) as u64),
            read_stall: Duration::from_millis(up_to(2_000.0) as u64),
            ..Faults::default()
        };
        Self {
            fails: up_to(0.5),
            refuses: up_to(0.2),
            stalls: up_to(0.5),
            stall_max: Duration::from_millis(if calm { 1_000 } else { 5_000 }),
            mute: restless(up_to(0.1)),
            names: up_to(0.1),
            crash: restless(up_to(0.02)),
            restart: up_to(0.02),
            cut_off: restless(up_to(0.02)),
            outage: restless(up_to(0.01)),
            clock: up_to(0.02),
            pause: up_to(0.02),
            expires: up_to(0.3),
            careless: restless(up_to(0.3)),
            away: up_to(0.02),
            poison: up_to(0.1),
            replay: up_to(0.04),
            change: up_to(0.01),
            latency: Duration::from_millis(up_to(40.0) as u64),
            faults,
            calm,
            processes: random.usize(1..=2),
            events: random.u64(10..60),
            storm: Duration::from_secs(random.u64(60..240)),
        }
    }
}
