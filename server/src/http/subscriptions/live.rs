//! What a connection that stays open is told next, whatever it speaks.

use std::time::Duration;

use stadtbus_flow::{
    deliver::bookmark::Bookmark,
    lanes::{Batch, Ended, Reading},
};
use tokio::time::Instant;

/// How long one wait lasts; something is sent after it, so that a dead connection is noticed.
pub(super) const QUIET: Duration = Duration::from_secs(15);
/// Events sent at a time.
const CHUNK: usize = 64;
/// How long a confirmation by call is waited for when no more may be handed out.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be said.
pub(super) enum Next {
    /// These events.
    Events(Batch),
    /// Nothing came, but the reader is further than it knows.
    Place(Bookmark),
    /// Nothing.
    Quiet,
    /// That there is no more on this connection.
    End(Ended),
}

/// A connection that stays open.
pub(super) struct Live {
    reading: Reading,
    /// How long a confirmation may be owed, if that has an end.
    owed_max: Option<Duration>,
    last: Option<Bookmark>,
}

impl Live {
    pub(super) fn new(reading: Reading, owed_max: Option<Duration>) -> Self {
        Self {
            reading,
            owed_max,
            last: None,
        }
    }

    /// The bookmark that was told last.
    pub(super) fn confirm_told(&self) {
        if let Some(last) = &self.last {
            self.reading.confirm(last);
        }
    }

    /// Waits for what is to be said next, a while. Can be given up and asked again.
    pub(super) async fn next(&mut self) -> Next {
        let since = self.reading.unconfirmed_since();
        let owed_until = since.zip(self.owed_max).map(|(since, most)| since + most);
        let wait = owed_until.map_or(QUIET, |until| until.saturating_duration_since(Instant::now()));
        let mut found = self.reading.next(CHUNK, wait.min(QUIET)).await;
        if matches!(found, Err(Ended::Unconfirmed)) && self.reading.until_confirmed(GRACE).await {
            found = self.reading.next(CHUNK, Duration::ZERO).await;
        }
        match found {
            Ok(batch) if !batch.events.is_empty() => {
                self.last = Some(batch.next.clone());
                Next::Events(batch)
            }
            Ok(_) if owed_until.is_some_and(|until| until <= Instant::now()) => Next::End(Ended::Unconfirmed),
            Ok(batch) if self.last.as_ref() != Some(&batch.next) => {
                self.last = Some(batch.next.clone());
                Next::Place(batch.next)
            }
            Ok(_) => Next::Quiet,
            Err(ended) => Next::End(ended),
        }
    }
}
