//! Making the statement of a day when it is over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::civil::Date;
use stadtbus_broker::{Broker, LogName};

use super::{
    Account, Chain, Kept, LogHead, Previous, Statement, Zone,
    day::{days, grace, shifted},
    signed,
    store::Store,
};
use crate::{
    Limits, Refusal,
    city::{Cities, LiveCity},
    clock,
    completeness::{self, Report, SPAN_MAX, Stretch},
    deliver::secrets::Secrets,
    lanes::Lanes,
    log::log_of,
    witness::Witness,
    written::{from_millis, rfc3339},
};

/// How often it is looked whether a day is over.
const LOOK: Duration = Duration::from_secs(5);
/// Most days made up for at once.
const DAYS_MAX: usize = 400;
/// Most stretches of one log in one statement; a source that fills more is told of up to there.
const STRETCHES_MAX: usize = 200;

/// The statements of the bus.
pub struct Statements {
    broker: Arc<dyn Broker>,
    cities: Arc<Cities>,
    lanes: Arc<Lanes>,
    witness: Option<Arc<Witness>>,
    secrets: Arc<Secrets>,
    zone: Zone,
    limits: Limits,
}

impl Statements {
    /// Statements over what these know, by the calendar of `zone`, signed by the bus's keys.
    #[must_use]
    pub fn new(
        broker: Arc<dyn Broker>,
        (cities, lanes): (Arc<Cities>, Arc<Lanes>),
        witness: Option<Arc<Witness>>,
        secrets: Arc<Secrets>,
        zone: Zone,
        limits: Limits,
    ) -> Self {
        Self {
            broker,
            cities,
            lanes,
            witness,
            secrets,
            zone,
            limits,
        }
    }

    /// The days that have a statement, oldest first.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn list(&self) -> Result<BTreeMap<String, Kept>, Refusal> {
        Ok(Store::open(&*self.broker).await?.list().await?)
    }

    /// A day's statement in its compact form.
    ///
    /// # Errors
    /// `SB-1514` when there is none, `SB-15xx`.
    pub async fn get(&self, day: &str) -> Result<(Kept, String), Refusal> {
        let found = match day.parse::<Date>() {
            Ok(day) => Store::open(&*self.broker).await?.get(&day.to_string()).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| Refusal::new("SB-1514", "There is no statement for this day."))
    }

    /// Makes what is due, again and again, until the task is ended.
    pub async fn run(self: Arc<Self>) {
        if self.secrets.keys().first().is_none() {
            tracing::warn!("No daily statement is made: the bus has no key to sign with (signing.key_file).");
            return;
        }
        loop {
            tokio::time::sleep(LOOK.min(Duration::from_secs(self.limits.balance_look_s))).await;
            if let Err(refusal) = self.make_due().await {
                tracing::warn!(%refusal, "A daily statement could not be made yet; it is tried again.");
            }
        }
    }

    /// Makes the statements of all days that are over and have none.
    async fn make_due(&self) -> Result<(), Refusal> {
        // Days whose end is just over wait until every lane was looked at once more.
        let over = clock::now() - grace(self.limits.balance_look_s);
        let Some(last) = self.zone.day_of(over).and_then(|today| shifted(today, -1)) else {
            return Ok(());
        };
        let store = Store::open(&*self.broker).await?;
        let newest = store.list().await?.into_keys().next_back();
        let first = match newest.and_then(|day| day.parse::<Date>().ok()) {
            Some(newest) if newest >= last => return Ok(()),
            Some(newest) => shifted(newest, 1).unwrap_or(last),
            None => last,
        };
        for day in days(first, last, DAYS_MAX) {
            self.make(&store, day).await?;
        }
        store.prune(self.limits.statements_kept_max).await?;
        Ok(())
    }

    /// Makes one, unless the day has one or nothing was counted yet when it ended.
    async fn make(&self, store: &Store, day: Date) -> Result<(), Refusal> {
        let before = match store.list().await?.into_keys().next_back() {
            Some(newest) => store.get(&newest).await?,
            None => None,
        };
        let Some(statement) = self
            .draw_up(day, before.as_ref().map(|(kept, text)| (kept, text.as_str())))
            .await?
        else {
            return Ok(());
        };
        let Some(compact) = signed::sign(&statement, self.secrets.keys()) else {
            return Ok(());
        };
        let kept = Kept {
            sha256: signed::digest(&compact),
            made: statement.made.clone(),
            even: statement.even,
            complete: statement.complete,
        };
        if store.put(&statement.day, &kept, &compact).await? {
            tracing::info!(
                day = statement.day,
                even = kept.even,
                complete = kept.complete,
                sha256 = kept.sha256,
                "The daily statement is made."
            );
        }
        Ok(())
    }

    async fn draw_up(&self, day: Date, before: Option<(&Kept, &str)>) -> Result<Option<Statement>, Refusal> {
        let (Some(begins), Some(ends)) = (
            self.zone.begin_ms(day),
            shifted(day, 1).and_then(|next| self.zone.begin_ms(next)),
        ) else {
            return Ok(None);
        };
        let last = before.and_then(|(_, compact)| signed::read(compact).ok());
        let city = self.cities.current()?;
        let subscriptions = self.accounts(&city, last.as_ref()).await?;
        let counted = |account: &Account| account.since < rfc3339(from_millis(ends));
        if before.is_none() && !subscriptions.iter().any(counted) {
            return Ok(None);
        }
        let logs = self.heads(&city).await?;
        let (sources, unchecked) = self.sources(&city, last.as_ref()).await?;
        let stands = |name: &String| subscriptions.iter().any(|account| account.subscription == *name);
        let known = last.iter().flat_map(|last| last.subscriptions.iter());
        let lacks =
            |report: &Report| report.lost > 0 || report.sources.iter().any(|source| source.missing > 0);
        Ok(Some(Statement {
            day: day.to_string(),
            zone: self.zone.name().to_owned(),
            begins: rfc3339(from_millis(begins)),
            ends: rfc3339(from_millis(ends)),
            made: rfc3339(clock::now()),
            previous: before.zip(last.as_ref()).map(|((kept, _), last)| Previous {
                day: last.day.clone(),
                sha256: kept.sha256.clone(),
            }),
            even: subscriptions.iter().all(|account| account.difference == 0),
            complete: unchecked.is_empty() && !sources.iter().any(lacks),
            ended: known
                .map(|account| account.subscription.clone())
                .filter(|name| !stands(name))
                .collect(),
            subscriptions,
            logs,
            sources,
            unchecked,
        }))
    }

    async fn accounts(&self, city: &LiveCity, last: Option<&Statement>) -> Result<Vec<Account>, Refusal> {
        let balances = self.lanes.last_balances(&city.orders).await?;
        let account = |(order, balance): (&Arc<crate::city::Order>, Option<crate::lanes::Balance>)| {
            let name = order.id().as_str();
            let before = last.and_then(|last| {
                last.subscriptions
                    .iter()
                    .find(|account| account.subscription == name)
            });
            Some(Account::of(name, order.partner().as_str(), &balance?, before))
        };
        Ok(city.orders.iter().zip(balances).filter_map(account).collect())
    }

    async fn heads(&self, city: &LiveCity) -> Result<Vec<LogHead>, Refusal> {
        let witnessed = self
            .witness
            .as_ref()
            .map(|witness| witness.report())
            .unwrap_or_default();
        let mut heads = Vec::new();
        for log in city.logs() {
            let state = self.broker.state(&log).await?;
            let known = witnessed.iter().find(|report| report.log == log.as_str());
            heads.push(LogHead {
                log: log.to_string(),
                first: state.first,
                last: state.last,
                chain: known.filter(|known| !known.chain.is_empty()).map(|known| Chain {
                    from: known.chain_from,
                    to: known.chain_position,
                    hash: known.chain.clone(),
                }),
                damage: known.and_then(|known| Some(known.damage.as_ref()?.sentence())),
            });
        }
        Ok(heads)
    }

    /// The stretch of each log since the statement before, in as many parts as one look can take.
    async fn sources(
        &self,
        city: &LiveCity,
        last: Option<&Statement>,
    ) -> Result<(Vec<Report>, Vec<String>), Refusal> {
        let (mut reports, mut unchecked) = (Vec::new(), Vec::new());
        for partner in city.publishers() {
            let log: LogName = log_of(&partner)?;
            let state = self.broker.state(&log).await?;
            let told = last
                .into_iter()
                .flat_map(|last| &last.sources)
                .filter(|report| report.log == log.as_str());
            let mut from = told
                .map(|report| report.to + 1)
                .max()
                .unwrap_or(1)
                .max(state.first)
                .max(1);
            for _ in 0..STRETCHES_MAX {
                if from > state.last {
                    break;
                }
                let to = state.last.min(from.saturating_add(SPAN_MAX - 1));
                let stretch = Stretch {
                    source: None,
                    from: Some(from),
                    to: Some(to),
                };
                match completeness::check(&*self.broker, &partner, &stretch).await {
                    Ok(report) => reports.push(report),
                    // More sources than one answer can hold: nobody may take that for complete.
                    Err(refusal) if refusal.code == "SB-1119" => unchecked.push(format!("{log} {from}-{to}")),
                    Err(refusal) => return Err(refusal),
                }
                from = to + 1;
            }
        }
        Ok((reports, unchecked))
    }
}
