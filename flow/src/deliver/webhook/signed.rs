//! Deliveries signed (Standard Webhooks): what signs is fixed when an attempt begins, and holds for its repeats.

use http::{HeaderMap, HeaderValue};

use super::{Webhook, WebhookTarget};
use crate::{
    deliver::{
        outcome::Outcome,
        signature::{Secret, SigningKeys, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign},
    },
    written::millis_now,
};

/// What signs one attempt.
pub(super) struct Signer<'w> {
    secrets: Vec<Secret>,
    keys: Option<&'w SigningKeys>,
    timestamp_s: u64,
}

impl Webhook {
    /// What signs an attempt that begins now.
    pub(super) fn signer(&self, target: &WebhookTarget) -> Result<Signer<'_>, Outcome> {
        let now_ms = millis_now();
        let secrets = match &self.secrets {
            Some(secrets) => secrets.of(&target.subscription, now_ms)?,
            None => Vec::new(),
        };
        Ok(Signer {
            secrets,
            keys: self.secrets.as_deref().map(|secrets| secrets.keys()),
            timestamp_s: now_ms / 1000,
        })
    }
}

impl Signer<'_> {
    /// Adds time and signatures to a message that has its id.
    pub(super) fn sign(&self, headers: &mut HeaderMap, body: &[u8]) {
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(self.timestamp_s));
        let id = headers.get(WEBHOOK_ID).and_then(|id| id.to_str().ok());
        let Some((id, keys)) = id.zip(self.keys) else {
            return;
        };
        if let Some(signature) = sign(id, self.timestamp_s, body, &self.secrets, keys) {
            headers.insert(WEBHOOK_SIGNATURE, signature);
        }
    }
}
