//! A standing order, ready to be carried out: one subscription with everything it needs looked up beforehand.

use std::{sync::Arc, time::SystemTime};

use stadtbus_contracts::{Filter, Registry, Sink, Subscription};
use stadtbus_event::{PartnerId, SubscriptionId};

use super::decide;
use crate::{
    deliver::{retry::RetryPolicy, webhook::WebhookTarget},
    log::Logged,
    transform::Transform,
};

/// Why an order cannot be carried out as the city has it.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct OrderError {
    /// Stable code.
    pub code: &'static str,
    /// One sentence.
    pub detail: String,
}

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

/// One subscription, compiled.
pub struct Order {
    subscription: Subscription,
    registry: Arc<Registry>,
    /// The order's transforming plugin, if it has one.
    pub transform: Option<Transform>,
    /// Where a webhook goes.
    pub webhook: Option<WebhookTarget>,
    /// When to try again.
    pub retry: RetryPolicy,
    fingerprint: String,
    exact: Option<(String, String)>,
}

impl Order {
    /// Compiles a subscription. `transform` is its plugin, deployed.
    ///
    /// # Errors
    /// When the sink or the policy cannot be used.
    pub fn new(
        subscription: Subscription,
        registry: Arc<Registry>,
        transform: Option<Transform>,
    ) -> Result<Self, OrderError> {
        let webhook = match &subscription.sink {
            Sink::Webhook(sink) => Some(WebhookTarget::new(sink, &subscription.delivery).map_err(
                |error| OrderError {
                    code: error.code(),
                    detail: error.to_string(),
                },
            )?),
            _ => None,
        };
        let exact = subscription.filters.iter().find_map(|filter| match filter {
            Filter::Exact(pairs) => pairs.first().map(|(name, value)| (name.clone(), value.clone())),
            _ => None,
        });
        let plugin = transform.as_ref().map(Transform::name).unwrap_or_default();
        let fingerprint = format!(
            "{}\n{plugin}",
            serde_json::to_string(&subscription).unwrap_or_default()
        );
        let retry = RetryPolicy::from(&subscription.delivery);
        Ok(Self {
            subscription,
            registry,
            transform,
            webhook,
            retry,
            fingerprint,
            exact,
        })
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

    /// Where its scheduled retries come up.
    #[must_use]
    pub fn due_subject(&self) -> String {
        format!("due.{}", self.key())
    }

    /// Where its dead letters go.
    #[must_use]
    pub fn dead_subject(&self) -> String {
        format!("dead.{}", self.key())
    }

    /// Equal for two orders that do the same; a lane is replaced when it changes.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
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

    /// `partner/name@version+digest` of its plugin.
    #[must_use]
    pub fn plugin_name(&self) -> Option<String> {
        self.transform.as_ref().map(Transform::name)
    }

    /// Whether receivers take the events of this lane themselves, as they are.
    #[must_use]
    pub fn hands_out_untransformed(&self) -> bool {
        self.is_taken_by_receiver() && self.transform.is_none()
    }

    /// Whether receivers take the events of this lane themselves (pull, live stream).
    #[must_use]
    pub fn is_taken_by_receiver(&self) -> bool {
        matches!(self.subscription.sink, Sink::Pull {} | Sink::Sse {})
    }

    /// Whether the sink is the log: a derivation.
    #[must_use]
    pub fn is_derivation(&self) -> bool {
        matches!(self.subscription.sink, Sink::Log(_))
    }

    /// Whether this event is delivered now.
    #[must_use]
    pub fn wants(&self, logged: &Logged, now: SystemTime) -> bool {
        self.asks_for(logged.event.ty())
            && decide(&self.subscription.filters, &logged.event).is_ok()
            && self
                .registry
                .may_receive(self.partner(), logged.event.ty(), &self.subscription.purpose, now)
                .is_ok()
    }

    /// The same decision with its reason.
    #[must_use]
    pub fn explain(&self, logged: &Logged, now: SystemTime) -> Decision {
        if !self.asks_for(logged.event.ty()) {
            return Decision::OtherType;
        }
        if let Err(clause) = decide(&self.subscription.filters, &logged.event) {
            return Decision::NoMatch { clause };
        }
        match self
            .registry
            .may_receive(self.partner(), logged.event.ty(), &self.subscription.purpose, now)
        {
            Ok(_) => Decision::Match,
            Err(refusal) => Decision::Refused {
                code: refusal.code,
                detail: refusal.detail.en.into(),
            },
        }
    }

    fn asks_for(&self, ty: &str) -> bool {
        self.types().any(|asked| asked == ty)
    }
}
