//! The trouble one can order.

use std::time::Duration;

/// What goes wrong, from now on. Probabilities are from 0.0 (never) to 1.0 (always); the default is that nothing does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// How likely an append (or schedule) is refused as unavailable, nothing being stored.
    pub append_refuse: f64,
    /// How likely an append's answer is lost, so that the caller gets [`stadtbus_broker::BrokerError::Unknown`].
    pub append_unknown: f64,
    /// How likely an append whose answer is lost is stored all the same.
    pub append_unknown_stored: f64,
    /// How likely a write of cells is refused as unavailable.
    pub cell_refuse: f64,
    /// How likely a write of cells is done but its answer lost.
    pub cell_unknown: f64,
    /// Answers to appends come after a random time up to this. Beyond the deadline they are unknown.
    pub ack_delay: Duration,
    /// Each portion of up to 256 records reaches its reader after a random time up to this.
    pub read_stall: Duration,
    /// Storage is full at this many bytes, if that is less than [`crate::Options::bytes_max`].
    pub full_at_bytes: Option<u64>,
    /// The broker is away: calls fail at once, readers stand still, nothing is lost.
    pub down: bool,
}

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Through,
    Refused,
    Lost { stored: bool },
}

/// The faults with the randomness that decides them.
#[derive(Debug)]
pub(crate) struct Dice {
    pub(crate) faults: Faults,
    random: fastrand::Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            faults: Faults::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn hits(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.f64() < probability
    }

    pub(crate) fn append(&mut self) -> Fate {
        if self.hits(self.faults.append_refuse) {
            Fate::Refused
        } else if self.hits(self.faults.append_unknown) {
            Fate::Lost {
                stored: self.hits(self.faults.append_unknown_stored),
            }
        } else {
            Fate::Through
        }
    }

    pub(crate) fn cell(&mut self) -> Fate {
        if self.hits(self.faults.cell_refuse) {
            Fate::Refused
        } else if self.hits(self.faults.cell_unknown) {
            Fate::Lost { stored: true }
        } else {
            Fate::Through
        }
    }

    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        if most.is_zero() {
            most
        } else {
            most.mul_f64(self.random.f64())
        }
    }
}
