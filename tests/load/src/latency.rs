//! Latencies, kept one by one: a run is bounded, so nothing has to be estimated.

use std::time::Duration;

/// The latencies of one run.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    /// Room for a number of samples, so that measuring does not allocate.
    #[must_use]
    pub fn with_capacity(samples: usize) -> Self {
        Self {
            micros: Vec::with_capacity(samples),
        }
    }

    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        self.micros
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another run.
    pub fn append(&mut self, mut other: Self) {
        self.micros.append(&mut other.micros);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// The latencies in milliseconds below which these shares of the samples lie; `None` without samples.
    #[must_use]
    pub fn percentiles<const N: usize>(mut self, shares: [f64; N]) -> Option<[f64; N]> {
        if self.micros.is_empty() {
            return None;
        }
        self.micros.sort_unstable();
        let last = self.micros.len() - 1;
        Some(shares.map(|share| {
            // The nearest rank; the counts of a run are far below what a float can hold exactly.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            let rank = (share * last as f64).ceil() as usize;
            self.micros
                .get(rank.min(last))
                .map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Latencies;
    use std::time::Duration;

    #[test]
    fn percentiles_are_samples() {
        let mut latencies = Latencies::default();
        for micros in (1..=1_000).rev() {
            latencies.push(Duration::from_micros(micros));
        }
        assert_eq!(
            latencies.percentiles([0.0, 0.5, 0.99, 1.0]).unwrap(),
            [0.001, 0.501, 0.991, 1.0]
        );
        assert!(Latencies::default().percentiles([0.5]).is_none());
    }
}
