//! Who may receive what: asked at every delivery, so found by name and not by looking through all agreements.

use std::collections::HashMap;
use std::time::SystemTime;

use stadtbus_event::PartnerId;

use super::{Registry, Violation, no_contract};
use crate::agreement::UsageAgreement;
use crate::contract::Contract;
use crate::finding::Text;

/// Why a partner may not receive an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `SB-1308` no agreement, `SB-1309` purpose, `SB-1310` time, `SB-1201` no contract.
    pub code: &'static str,
    /// One sentence.
    pub detail: Text,
    /// The agreement that comes closest, by id.
    pub agreement: Option<String>,
}

/// On what ground a partner may receive an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds<'r> {
    /// It is the publisher's own event.
    Own,
    /// A usage agreement.
    Agreement(&'r UsageAgreement),
}

/// From its beginning to before its end.
type Period = (SystemTime, SystemTime);

/// When one recipient may receive one event type for one purpose: [`Registry::may_receive`] for all times, for whoever asks
/// often. As long as the city is the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Permit {
    /// Always: it is the publisher's own event.
    Always,
    /// In these periods, each from its beginning to before its end. Never, where there are none.
    Within(Box<[Period]>),
}

impl Permit {
    /// Whether [`Registry::may_receive`] says yes at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        match self {
            Self::Always => true,
            Self::Within(periods) => periods.iter().any(|period| holds(period, now)),
        }
    }
}

fn holds((from, to): &Period, now: SystemTime) -> bool {
    *from <= now && now < *to
}

/// The agreements of one contract by recipient: their places in it, and when they hold.
#[derive(Debug, Default)]
pub(super) struct Agreed(HashMap<PartnerId, Vec<(usize, Period)>>);

impl Agreed {
    /// Whoever is excluded has no agreement, whatever is written.
    pub(super) fn of(contract: &Contract) -> Self {
        let mut agreed = Self::default();
        let usage = contract.usage.iter().enumerate();
        for (at, agreement) in usage.filter(|(_, a)| !contract.excluded.contains(&a.recipient)) {
            let period = (agreement.from.begins(), agreement.to.ends());
            let recipient = agreed.0.entry(agreement.recipient.clone());
            recipient.or_default().push((at, period));
        }
        agreed
    }

    fn with<'r>(
        &'r self,
        contract: &'r Contract,
        recipient: &PartnerId,
    ) -> impl Iterator<Item = (&'r UsageAgreement, &'r Period)> {
        let mine = self.0.get(recipient).into_iter().flatten();
        mine.filter_map(|(at, period)| Some((contract.usage.get(*at)?, period)))
    }
}

impl Registry {
    /// Whether `recipient` may receive events of type `ty` for `purpose` at `now`, and on what
    /// ground. The publisher needs no agreement for its own. Takes time with the recipient's agreements under the
    /// contract, not with all.
    ///
    /// # Errors
    /// [`Refusal`] with `SB-1308`, `SB-1309` or `SB-1310`.
    pub fn may_receive(
        &self,
        recipient: &PartnerId,
        ty: &str,
        purpose: &str,
        now: SystemTime,
    ) -> Result<Grounds<'_>, Refusal> {
        let Some(compiled) = self.contracts.get(ty) else {
            let Violation { code, detail, .. } = no_contract();
            return Err(Refusal {
                code,
                detail,
                agreement: None,
            });
        };
        let contract = &compiled.contract;
        if contract.publisher == *recipient {
            return Ok(Grounds::Own);
        }
        // How far the best agreement got: 0 none, 1 recipient, 2 purpose.
        let mut nearest: (u8, Option<&UsageAgreement>) = (0, None);
        for (agreement, period) in compiled.agreed.with(contract, recipient) {
            let reached = if agreement.purpose == purpose { 2 } else { 1 };
            if reached == 2 && holds(period, now) {
                return Ok(Grounds::Agreement(agreement));
            }
            if reached > nearest.0 {
                nearest = (reached, Some(agreement));
            }
        }
        let (code, de, en) = match nearest.0 {
            0 => (
                "SB-1308",
                "Für diesen Empfänger gibt es keine Nutzungsvereinbarung.",
                "this recipient has no usage agreement",
            ),
            1 => (
                "SB-1309",
                "Die Nutzungsvereinbarung deckt diesen Zweck nicht.",
                "the usage agreement does not cover this purpose",
            ),
            _ => (
                "SB-1310",
                "Die Nutzungsvereinbarung gilt zu dieser Zeit nicht.",
                "the usage agreement is not valid at this time",
            ),
        };
        Err(Refusal {
            code,
            detail: Text::new(de, en),
            agreement: nearest.1.map(|a| a.agreement.clone()),
        })
    }

    /// The answers of [`Registry::may_receive`] for all times.
    #[must_use]
    pub fn permit(&self, recipient: &PartnerId, ty: &str, purpose: &str) -> Permit {
        let Some(compiled) = self.contracts.get(ty) else {
            return Permit::Within(Box::default());
        };
        let contract = &compiled.contract;
        if contract.publisher == *recipient {
            return Permit::Always;
        }
        let agreed = compiled.agreed.with(contract, recipient);
        Permit::Within(
            agreed
                .filter(|(agreement, _)| agreement.purpose == purpose)
                .map(|(_, period)| *period)
                .collect(),
        )
    }
}
