//! Who gets an event under one subscription: its filter, and the usage agreement it stands on.

use std::{sync::Arc, time::SystemTime};

use stadtbus_contracts::{Filter, Registry, Subscription};
use stadtbus_event::{Event, PartnerId, SubscriptionId};

use super::decide;

/// What routing decided about one event and one order, with the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is delivered.
    Match,
    /// The order does not ask for this type.
    OtherType,
    /// A filter clause does not hold.
    NoMatch {
        /// The clause, as the subscription spells it.
        clause: String,
    },
    /// The recipient may not have it.
    Refused {
        /// `SB-1308` to `SB-1310`.
        code: &'static str,
        /// Which agreement, or which is missing.
        detail: String,
    },
}

/// One subscription, as routing sees it.
pub struct Rule {
    subscription: Subscription,
    registry: Arc<Registry>,
    exact: Option<(String, String)>,
}

impl Rule {
    /// The rule of a subscription of the city in `registry`.
    #[must_use]
    pub fn new(subscription: Subscription, registry: Arc<Registry>) -> Self {
        let exact = subscription.filters.iter().find_map(|filter| match filter {
            Filter::Exact(pairs) => pairs.first().map(|(name, value)| (name.clone(), value.clone())),
            _ => None,
        });
        Self {
            subscription,
            registry,
            exact,
        }
    }

    /// The subscription as the city has it.
    #[must_use]
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SubscriptionId {
        &self.subscription.subscription
    }

    /// Its owner.
    #[must_use]
    pub fn partner(&self) -> &PartnerId {
        &self.subscription.partner
    }

    /// `<partner>.<subscription>`: the key of its cursor and of whatever else is kept for it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}", self.partner(), self.id())
    }

    /// The types it asks for.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.subscription.types.iter().map(|ty| ty.as_str())
    }

    /// An attribute value without which it never matches, for the index.
    #[must_use]
    pub fn exact_key(&self) -> Option<(&str, &str)> {
        self.exact
            .as_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether this event is delivered now.
    #[must_use]
    pub fn wants(&self, event: &Event, now: SystemTime) -> bool {
        self.asks_for(event.ty())
            && decide(&self.subscription.filters, event).is_ok()
            && self
                .registry
                .may_receive(self.partner(), event.ty(), &self.subscription.purpose, now)
                .is_ok()
    }

    /// The same decision with its reason.
    #[must_use]
    pub fn explain(&self, event: &Event, now: SystemTime) -> Decision {
        if !self.asks_for(event.ty()) {
            return Decision::OtherType;
        }
        if let Err(clause) = decide(&self.subscription.filters, event) {
            return Decision::NoMatch { clause };
        }
        match self
            .registry
            .may_receive(self.partner(), event.ty(), &self.subscription.purpose, now)
        {
            Ok(_) => Decision::Match,
            Err(refusal) => Decision::Refused {
                code: refusal.code,
                detail: refusal.detail.en.into(),
            },
        }
    }

    /// On what ground its owner may have events of this type now.
    ///
    /// # Errors
    /// `SB-1201` and `SB-1308` to `SB-1310`, with the agreement that comes closest.
    pub fn grounds(
        &self,
        ty: &str,
        now: SystemTime,
    ) -> Result<stadtbus_contracts::Grounds<'_>, stadtbus_contracts::Refusal> {
        self.registry
            .may_receive(self.partner(), ty, &self.subscription.purpose, now)
    }

    fn asks_for(&self, ty: &str) -> bool {
        self.types().any(|asked| asked == ty)
    }
}
