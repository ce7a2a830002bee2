//! Looks up what a lane has published of inputs that its plugin's state does not include.

use std::time::Duration;

use futures_util::StreamExt;
use stadtbus_broker::{BrokerError, LogName, LogState, ReadFrom, ReadOptions};

use crate::{
    dispatch::Dispatcher,
    lanes::{Item, Lane, Output},
    log::{self, Logged, log_of},
};

/// How far back is looked for a lane that has not remembered from where.
const REACH_MAX: u64 = 10_000;
/// How long the next record is waited for that must be there.
const NEXT_WITHIN: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Once in a lane's life, and whenever it is not known whether an append was done.
    pub(super) async fn look_up_outputs(&self, lane: &Lane, items: &[Item]) -> Result<(), BrokerError> {
        let in_doubt = items.iter().any(|item| item.begun);
        if !lane.order.runs_in_turn() || (lane.knows_its_outputs() && !in_doubt) {
            return Ok(());
        }
        let log = log_of(lane.order.partner())?;
        let state = match self.broker.state(&log).await {
            Err(BrokerError::NotFound(_)) => LogState::default(),
            state => state?,
        };
        let from = lane
            .published_upto()
            .unwrap_or_else(|| state.last.saturating_sub(REACH_MAX))
            .max(state.first.saturating_sub(1));
        let found = if state.count == 0 || from >= state.last {
            Vec::new()
        } else {
            self.outputs_between(lane, &log, from + 1, state.last).await?
        };
        lane.set_outputs(from, found);
        Ok(())
    }

    async fn outputs_between(
        &self,
        lane: &Lane,
        log: &LogName,
        first: u64,
        last: u64,
    ) -> Result<Vec<Output>, BrokerError> {
        let by = publisher(lane);
        let options = ReadOptions::from(ReadFrom::Position(first));
        let mut stream = self.broker.read(log, options).await?;
        let mut found = Vec::new();
        loop {
            let silent =
                || BrokerError::Unavailable("what was derived could not be read to its end".to_owned());
            let next = tokio::time::timeout(NEXT_WITHIN, stream.next()).await;
            let record = next.map_err(|_| silent())?.ok_or_else(silent)?;
            let position = record.position;
            if let Ok(logged) = log::decode(record)
                && logged.provenance.by == by
            {
                found.extend(output(&logged));
            }
            if position >= last {
                return Ok(found);
            }
        }
    }
}

/// Who publishes the outputs of a lane, as their provenance names it.
pub(super) fn publisher(lane: &Lane) -> String {
    format!("subscription:{}", lane.order.id())
}

/// Where an output comes from, as its provenance names it.
pub(super) fn cause(input: &Logged) -> String {
    format!("{}:{}", input.log, input.position)
}

fn output(logged: &Logged) -> Option<Output> {
    let (log, position) = logged.provenance.cause.as_deref()?.rsplit_once(':')?;
    Some(Output {
        id: logged.event.id().to_owned(),
        of: (LogName::new(log).ok()?, position.parse().ok()?),
    })
}
