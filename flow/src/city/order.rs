//! A standing order, ready to be carried out: a subscription's rule, and the means to fulfil it.

use std::{ops::Deref, sync::Arc};

use stadtbus_contracts::{Registry, Sink, Subscription, Webhook};

use crate::{
    Refusal,
    deliver::{
        credential::{Keeper, Kept, Opened},
        egress::{EgressError, Identity},
        grant::Grant,
        retry::RetryPolicy,
        webhook::WebhookTarget,
    },
    lanes::replay::ReplayOf,
    route::Rule,
    transform::{TableVersions, Transform},
};

/// One subscription at work. It reads like its rule.
pub struct Order {
    /// Who gets what.
    pub rule: Arc<Rule>,
    /// The order's transforming plugin, if it has one.
    pub transform: Option<Transform>,
    /// Where a webhook goes.
    pub webhook: Option<WebhookTarget>,
    /// When to try again.
    pub retry: RetryPolicy,
    /// The replay that it is for, if it is for one.
    pub replay: Option<ReplayOf>,
    fingerprint: String,
}

impl Deref for Order {
    type Target = Rule;

    fn deref(&self) -> &Rule {
        &self.rule
    }
}

impl Order {
    /// Puts an order together. `transform` is its plugin, deployed.
    ///
    /// # Errors
    /// `SB-5005` when the webhook's URL cannot be used.
    pub fn new(
        subscription: Subscription,
        registry: Arc<Registry>,
        transform: Option<Transform>,
        keeper: Option<&Keeper>,
    ) -> Result<Self, Refusal> {
        let id = &subscription.subscription;
        let webhook = match &subscription.sink {
            Sink::Webhook(sink) => target(sink, &subscription, keeper)
                .map_err(|error| Refusal::new(error.code(), format!("subscription {id}: {error}")))?,
            _ => None,
        };
        let plugin = transform.as_ref().map(Transform::name).unwrap_or_default();
        let tables = transform.as_ref().map(Transform::table_versions);
        let fingerprint = format!(
            "{}\n{plugin}\n{}",
            serde_json::to_string(&subscription).unwrap_or_default(),
            serde_json::to_string(&tables).unwrap_or_default()
        );
        let retry = RetryPolicy::from(&subscription.delivery);
        Ok(Self {
            rule: Arc::new(Rule::new(subscription.as_routed(), registry)),
            transform,
            webhook,
            retry,
            replay: None,
            fingerprint,
        })
    }

    /// The same order for a replay, into `sink` if there is one.
    ///
    /// # Errors
    /// `SB-5005` when the sink's URL cannot be used.
    pub fn replaying(&self, id: &str, sink: Option<&Webhook>) -> Result<Self, Refusal> {
        let (rule, webhook) = match sink {
            None => (Arc::clone(&self.rule), self.webhook.clone()),
            Some(sink) => {
                let target = WebhookTarget::new(sink, &self.subscription().delivery, None)
                    .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
                let rule = self.rule.with_sink(Sink::Webhook(sink.clone()));
                (Arc::new(rule), Some(target))
            }
        };
        Ok(Self {
            rule,
            webhook,
            transform: self.transform.clone(),
            retry: self.retry,
            replay: Some(ReplayOf {
                id: id.to_owned(),
                elsewhere: sink.is_some(),
            }),
            fingerprint: format!("{}\n{id}", self.fingerprint),
        })
    }

    /// `<partner>.<subscription>`, and the replay's id if it is for one: the key of its cursor and of whatever else is kept
    /// for it.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.replay {
            None => self.rule.key(),
            Some(replay) => format!("{}.{}", self.rule.key(), replay.id),
        }
    }

    /// Where its settle facts stand.
    #[must_use]
    pub fn settled_subject(&self) -> String {
        format!("settled.{}", self.key())
    }

    /// Whether its receiver wants to be shown a credential that this process cannot open. Then it has no target, and
    /// nothing is sent.
    #[must_use]
    pub fn lacks_credential(&self) -> bool {
        matches!(self.subscription().sink, Sink::Webhook(_)) && self.webhook.is_none()
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

    /// `partner/name@version+digest` of its plugin.
    #[must_use]
    pub fn plugin_name(&self) -> Option<String> {
        self.transform.as_ref().map(Transform::name)
    }

    /// The tables that its plugin looks up in, each with its version.
    #[must_use]
    pub fn table_versions(&self) -> TableVersions {
        let versions = self.transform.as_ref().map(Transform::table_versions);
        versions.cloned().unwrap_or_default()
    }

    /// Whether receivers take the events of this lane themselves, as they are.
    #[must_use]
    pub fn hands_out_untransformed(&self) -> bool {
        self.is_taken_by_receiver() && self.transform.is_none()
    }

    /// Whether receivers take the events of this lane themselves (pull, live stream).
    #[must_use]
    pub fn is_taken_by_receiver(&self) -> bool {
        matches!(self.subscription().sink, Sink::Pull {} | Sink::Sse {})
    }

    /// Whether its events are run one after another: a derivation whose plugin keeps state.
    #[must_use]
    pub fn runs_in_turn(&self) -> bool {
        self.is_derivation()
            && self
                .transform
                .as_ref()
                .is_some_and(|plugin| plugin.state.is_some())
    }

    /// Whether the sink is the log: a derivation.
    #[must_use]
    pub fn is_derivation(&self) -> bool {
        matches!(self.subscription().sink, Sink::Log(_))
    }
}

/// Where a webhook goes; nowhere without the credential that its receiver wants to be shown.
fn target(
    sink: &Webhook,
    subscription: &Subscription,
    keeper: Option<&Keeper>,
) -> Result<Option<WebhookTarget>, EgressError> {
    let (authorization, kept) = match &sink.credential {
        None => (None, None),
        Some(sealed) => {
            match keeper.and_then(|keeper| keeper.open(sealed, &subscription.subscription, &sink.url)) {
                Some(Opened::Shown(authorization)) => (Some(authorization), None),
                Some(Opened::Kept(kept)) => (None, Some(kept)),
                None => return Ok(None),
            }
        }
    };
    let target = WebhookTarget::new(sink, &subscription.delivery, authorization.as_deref())?;
    let target = match kept {
        None => target,
        // It was looked at when it was ordered; should it not do any more, only this subscription stands still.
        Some(Kept::Client(client)) => {
            let scope = client.scope.as_deref();
            match Grant::new(&client.endpoint, &client.id, &client.secret, scope) {
                Ok(grant) => target.granted(Arc::new(grant)),
                Err(_) => return Ok(None),
            }
        }
        Some(Kept::Certificate(shown)) => {
            match Identity::from_pem(&shown.certificate, &shown.key, shown.authority.as_deref()) {
                Ok(identity) => target.shown(Arc::new(identity)),
                Err(_) => return Ok(None),
            }
        }
    };
    let key = format!("{}.{}", subscription.partner, subscription.subscription);
    Ok(Some(target.of_subscription(&key)))
}
