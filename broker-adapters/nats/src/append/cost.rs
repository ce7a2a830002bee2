//! What writing costs, learnt while writing: one at a time or as an atomic batch?
//!
//! On one server with `sync_interval: always` a message written singly costs an fsync, a batch costs a staging file, a
//! few fsyncs and little per message: singles win below a dozen, batches far beyond that. On three servers, other disks
//! or other settings it is different, so the two costs are estimated from what is observed. Each is a line, base plus a
//! part per message, moved towards every observation (normalised least mean squares: the whole surprise is spread over
//! both parts in proportion to how much they had to do with it).

/// How much of a surprise is believed.
const LEARN: f64 = 0.15;
/// A single observation counts at most as this many times the expectation: a stalled disk is not a price.
const SURPRISE_MAX: f64 = 2.5;
/// Messages are counted in units of this, so that base and slope learn at similar speed.
const UNIT: f64 = 64.0;
/// A way not taken for so many decisions is tried again if it was expected to cost at most so many times the better
/// one: close calls often, since an estimate spoilt by a stall is only mended by trying, and wide ones seldom. Either
/// costs a few per cent.
const RETRIES: [(u32, f64); 2] = [(16, 1.5), (60, 3.0)];

/// One way's cost as a line, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Line {
    base: f64,
    per_unit: f64,
}

impl Line {
    fn expect(self, messages: usize) -> f64 {
        self.base + self.per_unit * (messages as f64 / UNIT)
    }

    fn learn(&mut self, messages: usize, took_ms: f64) {
        let units = messages as f64 / UNIT;
        let expected = self.expect(messages);
        let surprise = took_ms.min(expected * SURPRISE_MAX) - expected;
        let share = LEARN * surprise / (1.0 + units * units);
        self.base = (self.base + share).max(0.01);
        self.per_unit = (self.per_unit + share * units).max(0.01);
    }
}

/// How to write a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each message by itself, one behind the other without waiting.
    Singly,
    /// All in one atomic batch.
    Batch,
}

/// The estimate of both ways.
#[derive(Debug, Clone)]
pub(crate) struct Costs {
    singly: Line,
    batch: Line,
    since_singly: u32,
    since_batch: u32,
}

impl Costs {
    /// What was measured on one server with fsync on every acknowledgement.
    pub(crate) fn new() -> Self {
        Self {
            singly: Line {
                base: 0.15,
                per_unit: 0.21 * UNIT,
            },
            batch: Line {
                base: 2.5,
                per_unit: 0.012 * UNIT,
            },
            since_singly: 0,
            since_batch: 0,
        }
    }

    /// How to write a group of this many messages.
    pub(crate) fn choose(&mut self, messages: usize) -> Way {
        if messages < 2 {
            return Way::Singly;
        }
        let (singly, batch) = (self.singly.expect(messages), self.batch.expect(messages));
        self.since_singly += 1;
        self.since_batch += 1;
        let (better, other, since, ratio) = if batch < singly {
            (Way::Batch, Way::Singly, self.since_singly, singly / batch)
        } else {
            (Way::Singly, Way::Batch, self.since_batch, batch / singly)
        };
        let retry = RETRIES
            .iter()
            .any(|(after, within)| since > *after && ratio < *within);
        let way = if retry { other } else { better };
        match way {
            Way::Singly => self.since_singly = 0,
            Way::Batch => self.since_batch = 0,
        }
        way
    }

    /// Takes note of what a group that went smoothly took.
    pub(crate) fn learn(&mut self, way: Way, messages: usize, took_ms: f64) {
        match way {
            Way::Singly => self.singly.learn(messages, took_ms),
            Way::Batch => self.batch.learn(messages, took_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Costs, Way};

    /// Lets the estimate decide and learn in a world where this is the price.
    fn live(costs: &mut Costs, groups: usize, price: impl Fn(Way, usize) -> f64) {
        for group in 0..groups {
            for messages in [1, 3, 8, 30, 100, 400] {
                let messages = messages + group % 3;
                let way = costs.choose(messages);
                costs.learn(way, messages, price(way, messages));
            }
        }
    }

    fn fsync(way: Way, messages: usize) -> f64 {
        match way {
            Way::Singly => 0.15 + 0.21 * messages as f64,
            Way::Batch => 2.5 + 0.012 * messages as f64,
        }
    }

    /// Every message costs little, batches stage in files: singles are better up to a thousand.
    fn lazy(way: Way, messages: usize) -> f64 {
        match way {
            Way::Singly => 0.1 + 0.008 * messages as f64,
            Way::Batch => 2.5 + 0.010 * messages as f64,
        }
    }

    /// Replication makes rounds dear and batches cheap.
    fn replicated(way: Way, messages: usize) -> f64 {
        match way {
            Way::Singly => 0.8 + 0.06 * messages as f64,
            Way::Batch => 0.5 + 0.015 * messages as f64,
        }
    }

    #[test]
    fn one_message_is_always_written_singly() {
        let mut costs = Costs::new();
        live(&mut costs, 500, replicated);
        assert!((0..1000).all(|_| costs.choose(1) == Way::Singly));
    }

    #[test]
    fn the_priors_are_those_of_fsync_on_one_server() {
        let mut costs = Costs::new();
        for (messages, expected) in [
            (2, Way::Singly),
            (8, Way::Singly),
            (20, Way::Batch),
            (1000, Way::Batch),
        ] {
            assert_eq!(costs.choose(messages), expected, "{messages}");
        }
    }

    #[test]
    fn it_finds_the_better_way_in_other_worlds() {
        for (name, price, messages, expected) in [
            ("fsync", fsync as fn(Way, usize) -> f64, 5, Way::Singly),
            ("fsync", fsync, 100, Way::Batch),
            ("lazy", lazy, 100, Way::Singly),
            ("replicated", replicated, 100, Way::Batch),
        ] {
            let mut costs = Costs::new();
            live(&mut costs, 3000, price);
            let chosen = (0..50).filter(|_| costs.choose(messages) == expected).count();
            assert!(chosen >= 48, "{name} {messages}: {chosen} of 50, {costs:?}");
        }
    }

    #[test]
    fn an_estimate_spoilt_by_stalls_is_mended() {
        let mut costs = Costs::new();
        // Batches are dear here, and singles met a few stalls.
        let dear = |way, messages| fsync(way, messages) + if way == Way::Batch { 18.0 } else { 0.0 };
        live(&mut costs, 200, dear);
        for _ in 0..5 {
            costs.learn(Way::Singly, 16, 500.0);
        }
        for _ in 0..300 {
            let way = costs.choose(16);
            costs.learn(way, 16, dear(way, 16));
        }
        let chosen = (0..100).filter(|_| costs.choose(16) == Way::Singly).count();
        assert!(chosen >= 90, "{chosen} of 100, {costs:?}");
    }

    #[test]
    fn a_stall_does_not_change_its_mind_for_long() {
        let mut costs = Costs::new();
        live(&mut costs, 100, fsync);
        costs.learn(Way::Batch, 400, 5000.0);
        live(&mut costs, 20, fsync);
        assert_eq!(costs.choose(100), Way::Batch);
        assert_eq!(costs.choose(4), Way::Singly);
    }
}
