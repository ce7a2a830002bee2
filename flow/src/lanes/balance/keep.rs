//! Comparing both sides: for all lanes of this process again and again, for one subscription when somebody asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stadtbus_broker::{Broker, BrokerError, LogName, Position};

use super::{Balance, Books, Counted, Survey};
use crate::{
    city::Order,
    clock::millis_now,
    lanes::{
        Lanes,
        cursor::{Mark, Marks},
        feed::Still,
        lane::Lane,
    },
};

type Surveys = BTreeMap<String, Survey>;
type Wanted = BTreeMap<String, Vec<(Position, Position)>>;

/// A lane's cursors and the books that belong to them.
struct Opened {
    logs: BTreeMap<String, Mark>,
    books: Books,
}

impl Opened {
    fn of(marks: Marks) -> Option<Self> {
        Some(Self {
            books: marks.balance?,
            logs: marks.logs,
        })
    }

    /// What has to be looked at: what the lane has read and is not counted, and what is new behind that.
    fn wants(&self, wanted: &mut Wanted) {
        for (log, counted) in &self.books.counted {
            let seen = self.logs.get(log).map_or(0, |mark| mark.seen);
            let stretches = wanted.entry(log.clone()).or_default();
            stretches.push((counted.to, seen));
            stretches.push((counted.ahead_to.max(seen), Position::MAX));
        }
    }
}

async fn surveys(broker: &dyn Broker, wanted: Wanted) -> Result<Surveys, BrokerError> {
    let mut surveys = Surveys::new();
    for (log, stretches) in wanted {
        let survey = Survey::of(broker, &LogName::new(&log)?, stretches).await?;
        surveys.insert(log, survey);
    }
    Ok(surveys)
}

/// Counts what a subscription could get up to where its cursors stand, before it asks for other types or reads other logs.
pub(in crate::lanes) async fn settle_change(
    broker: &dyn Broker,
    order: &Order,
    logs: &[LogName],
    marks: &mut Marks,
) -> Result<(), BrokerError> {
    let Some(mut books) = marks.balance.take() else {
        return Ok(());
    };
    let mut types: Vec<&str> = order.types().collect();
    types.sort_unstable();
    types.dedup();
    let same_logs = books
        .counted
        .keys()
        .all(|name| logs.iter().any(|log| log.as_str() == name));
    if books.types != types || !same_logs {
        loop {
            let before = books.counted.clone();
            let stretch = |(log, counted): (&String, &Counted)| {
                let seen = marks.logs.get(log).map_or(0, |mark| mark.seen);
                (log.clone(), vec![(counted.to, seen)])
            };
            let wanted = books.counted.iter().map(stretch).collect();
            let surveys = surveys(broker, wanted).await?;
            if books.advance(&marks.logs, &surveys) || books.counted == before {
                break;
            }
        }
        for counted in books.counted.values_mut() {
            (counted.ahead_to, counted.ahead) = (counted.to, 0);
        }
    }
    marks.balance = Some(books);
    Ok(())
}

impl Lanes {
    fn opened(&self, lane: &Lane) -> Option<Opened> {
        let feeds = self.feeds().clone();
        Opened::of(lane.marks(&Still::of(&feeds, lane)))
    }

    /// Looks at all lanes of this process.
    pub(in crate::lanes) async fn keep_books(&self) {
        let lanes = self.lanes_at_work();
        let opened: Vec<(Arc<Lane>, Opened)> = lanes
            .into_iter()
            .filter_map(|lane| {
                let opened = self.opened(&lane)?;
                Some((lane, opened))
            })
            .collect();
        let mut wanted = Wanted::new();
        opened.iter().for_each(|(_, opened)| opened.wants(&mut wanted));
        let surveys = match surveys(&*self.broker, wanted).await {
            Ok(surveys) => surveys,
            Err(error) => {
                tracing::debug!(%error, "The logs could not be looked at for the balance; it is tried again.");
                return;
            }
        };
        for (lane, mut opened) in opened {
            opened.books.compare(&opened.logs, &surveys, millis_now());
            if let Some(off) = lane.compared(opened.books) {
                off.emit();
            }
        }
    }

    /// Looks again and again, until the task is ended.
    pub(in crate::lanes) async fn keep_books_always(self: Arc<Self>) {
        let mut tick = tokio::time::interval(Duration::from_secs(self.limits.balance_look_s));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.keep_books().await;
        }
    }

    /// The balance of a subscription at this moment; of one that works in another process, as that wrote it down last. None
    /// if it has no books yet, or its lane is so far ahead of the count that the sides cannot be compared yet.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn balance(&self, order: &Order) -> Result<Option<Balance>, BrokerError> {
        let lane = self.lane(order.id().as_str());
        let opened = match &lane {
            Some(lane) => self.opened(lane),
            None => Opened::of(self.ledger.marks(&order.key()).await?.0),
        };
        let Some(mut opened) = opened else { return Ok(None) };
        let mut wanted = Wanted::new();
        opened.wants(&mut wanted);
        let surveys = surveys(&*self.broker, wanted).await?;
        let compared = opened.books.compare(&opened.logs, &surveys, millis_now());
        let balance = opened.books.last.filter(|_| compared);
        Ok(match lane {
            Some(lane) => balance.map(|balance| lane.with_risen(balance)),
            None => balance,
        })
    }

    /// The balances of these subscriptions when each was last compared, wherever that was.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn last_balances(&self, orders: &[Arc<Order>]) -> Result<Vec<Option<Balance>>, BrokerError> {
        let here: Vec<_> = orders
            .iter()
            .map(|order| self.lane(order.id().as_str()))
            .collect();
        let elsewhere = match here.iter().all(Option::is_some) {
            true => BTreeMap::new(),
            false => self.ledger.all_marks().await?,
        };
        let last = |(order, lane): (&Arc<Order>, Option<Arc<Lane>>)| match lane {
            Some(lane) => lane.balance(),
            None => elsewhere.get(&order.key())?.balance.as_ref()?.last.clone(),
        };
        Ok(orders.iter().zip(here).map(last).collect())
    }
}
