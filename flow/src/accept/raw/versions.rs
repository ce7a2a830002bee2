//! Which version of its decode plugin a foreign message goes through, where a rollout says so.

use std::{borrow::Cow, sync::Arc};

use stadtbus_plugin_host::{OwnedInput, StateChange};

use super::{Passage, RawAnswer};
use crate::{
    Refusal,
    accept::Acceptor,
    rollout::{Live, Seen, Taken, compare::Outcome},
    transform::{Run, Transform, TransformError},
};

/// The versions that a plugin has for one message.
pub(super) struct Versions<'a> {
    /// The one that takes it, or takes over from a canary that fails.
    pub(super) service: Cow<'a, Transform>,
    /// The new one, if it is to take it first.
    pub(super) canary: Option<Transform>,
    live: Option<Arc<Live>>,
}

/// Whether another version might have done better.
pub(super) fn is_of_the_version(refusal: &Refusal) -> bool {
    refusal.code.starts_with("SB-41")
        || refusal.code.starts_with("SB-12")
        || refusal.code.starts_with("SB-11")
}

impl Acceptor {
    /// Messages with one key of state go through the same version, the others by what they say.
    pub(super) fn versions<'a>(
        &self,
        placed: &'a Transform,
        input: &OwnedInput,
        digest: &str,
    ) -> Result<Versions<'a>, TransformError> {
        let Some(live) = self.rollouts.as_ref().and_then(|rollouts| rollouts.of(placed)) else {
            return Ok(Versions {
                service: Cow::Borrowed(placed),
                canary: None,
                live: None,
            });
        };
        let service = live.in_service(placed);
        let key = service.state_key(input)?.unwrap_or_else(|| digest.to_owned());
        let canary = live.takes(key.as_bytes()).then(|| live.candidate(placed));
        Ok(Versions {
            service,
            canary,
            live: Some(live),
        })
    }

    pub(super) fn count_old(
        &self,
        passage: &Passage<'_>,
        ran: &Run<Result<(RawAnswer, StateChange), Refusal>>,
    ) {
        if let (Some(live), Some(rollouts)) = (&passage.versions.live, &self.rollouts)
            && live.rollout.stage.is_trial()
        {
            rollouts.count_old(live, &ran.cost);
        }
    }

    pub(super) fn count_taken(
        &self,
        passage: &Passage<'_>,
        new: &Run<Result<(RawAnswer, StateChange), Refusal>>,
        old: Option<&Run<Result<(RawAnswer, StateChange), Refusal>>>,
    ) {
        let (Some(live), Some(rollouts)) = (&passage.versions.live, &self.rollouts) else {
            return;
        };
        let old = old.map(told);
        let taken = Taken {
            seen: Seen {
                place: passage.route.route.route.clone(),
                at: None,
            },
            new: &told(new),
            old: old.as_ref(),
        };
        rollouts.count_taken(live, &taken);
    }
}

/// Whether it failed; what a decoder gives is in the log, and not compared.
fn told(ran: &Run<Result<(RawAnswer, StateChange), Refusal>>) -> Run<Outcome> {
    let outcome = match &ran.outcome {
        Err(refusal) if is_of_the_version(refusal) => Outcome::Failed {
            code: refusal.code.to_owned(),
        },
        _ => Outcome::Events(Vec::new()),
    };
    Run {
        outcome,
        cost: ran.cost,
    }
}
