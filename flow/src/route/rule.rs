//! Who gets an event under one subscription: its filter, and the usage agreement it stands on.

use std::{fmt, sync::Arc, time::SystemTime};

use stadtbus_contracts::{DataView, Permit, Refusal, Registry, Subscription};
use stadtbus_event::{Event, PartnerId, SubscriptionId};

use super::filter::{all_hold, decide_in};

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
}

/// What it asks for, without where it goes.
impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("key", &self.key())
            .field("purpose", &self.subscription.purpose)
            .field("types", &self.subscription.types)
            .field("filters", &self.subscription.filters)
            .finish_non_exhaustive()
    }
}

impl Rule {
    /// The rule of a subscription of the city in `registry`.
    #[must_use]
    pub fn new(subscription: Subscription, registry: Arc<Registry>) -> Self {
        Self {
            subscription,
            registry,
        }
    }

    /// The same rule for another sink.
    #[must_use]
    pub fn with_sink(&self, sink: stadtbus_contracts::Sink) -> Self {
        let subscription = Subscription {
            sink,
            ..self.subscription.clone()
        };
        Self::new(subscription, Arc::clone(&self.registry))
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

    /// Whether this event is delivered now.
    #[must_use]
    pub fn wants(&self, event: &Event, now: SystemTime) -> bool {
        self.asks_for(event.ty())
            && all_hold(&self.subscription.filters, &DataView::new(event))
            && self.permit_refusal(event.ty(), now).is_none()
    }

    /// The same decision with its reason.
    #[must_use]
    pub fn explain(&self, event: &Event, now: SystemTime) -> Decision {
        self.explain_in(&DataView::new(event), now)
    }

    /// As [`Rule::explain`], for whoever asks many rules about one event: its data is parsed once.
    #[must_use]
    pub fn explain_in(&self, view: &DataView<'_>, now: SystemTime) -> Decision {
        let ty = view.event().ty();
        if !self.asks_for(ty) {
            return Decision::OtherType;
        }
        if let Err(clause) = decide_in(&self.subscription.filters, view) {
            return Decision::NoMatch { clause };
        }
        match self.permit_refusal(ty, now) {
            None => Decision::Match,
            Some(refusal) => Decision::Refused {
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

    /// When its partner may have events of this type for its purpose, as long as the city is the same.
    #[must_use]
    pub fn permit(&self, ty: &str) -> Permit {
        let purpose = &self.subscription.purpose;
        self.registry.permit(self.partner(), ty, purpose)
    }

    fn permit_refusal(&self, ty: &str, now: SystemTime) -> Option<Refusal> {
        self.grounds(ty, now).err()
    }

    fn asks_for(&self, ty: &str) -> bool {
        self.types().any(|asked| asked == ty)
    }
}
