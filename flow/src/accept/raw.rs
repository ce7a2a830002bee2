//! Foreign bytes through a route: the decode plugin makes events of them before they are validated.
//!
//! The plugin runs before the log, so that a publisher learns at once what is wrong with its message. Commit
//! order: outputs with deterministic ids, then state, then the answer; the state remembers the input, so the
//! repeat of an input whose answer was lost is answered as it was and runs nothing again.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::BrokerError;
use stadtbus_event::Event;
use stadtbus_plugin_host::{Draft, OwnedInput, StateChange};
use tokio::{sync::Mutex, time::Instant};

use self::versions::{Versions, is_of_the_version};
use super::{Acceptor, Request};
use crate::{
    Refusal,
    authenticate::Principal,
    city::LiveRoute,
    clock,
    facts::{EventAccepted, EventRefused, InputDropped},
    ingest,
    log::{Provenance, Receipt},
    transform::{Held, Run, Step, Transform, Transformed, identity},
    validate,
    written::{hex, rfc3339},
};

mod versions;

/// Attempts when another process changes the same state at the same time.
const CONFLICTS_MAX: usize = 5;
/// Keys hash to so many locks.
const LOCKS: usize = 64;

/// The answer to foreign bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawAnswer {
    /// One receipt for each event that the bytes became.
    pub receipts: Vec<Receipt>,
    /// Set when the plugin dropped the input: its code and reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
}

/// Why a plugin dropped an input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dropped {
    /// The plugin's own code.
    pub code: String,
    /// In words.
    pub reason: String,
}

/// Inputs with one state key are decoded one after another.
pub(super) struct KeyLocks(Vec<Mutex<()>>);

impl Default for KeyLocks {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Mutex::new(())).collect())
    }
}

impl KeyLocks {
    fn of(&self, route: &str, key: &str) -> Option<&Mutex<()>> {
        let digest = Sha256::digest(format!("{route}\0{key}"));
        self.0
            .get(usize::from(digest.first().copied().unwrap_or(0)) % LOCKS)
    }
}

/// One input on its way through one route.
struct Passage<'a> {
    route: &'a LiveRoute,
    versions: Versions<'a>,
    principal: &'a Principal,
    input: OwnedInput,
    digest: String,
    traceparent: Option<String>,
}

impl Acceptor {
    /// Takes foreign bytes for `route`.
    ///
    /// # Errors
    /// As for events; besides `SB-2002` for an unknown route, `SB-1311` for somebody else's, `SB-41xx` when the
    /// plugin fails or rejects the input.
    pub async fn raw(&self, route: &str, request: Request) -> Result<RawAnswer, Refusal> {
        let started = Instant::now();
        let span = self.span("ingest", &request.headers);
        let mut partner = None;
        let result = self
            .take_raw(route, request, span.traceparent(), &mut partner)
            .await;
        match &result {
            Ok(answer) => {
                for receipt in &answer.receipts {
                    EventAccepted {
                        receipt,
                        seconds: started.elapsed().as_secs_f64(),
                    }
                    .emit(&self.facts);
                }
                if let Some(dropped) = &answer.dropped {
                    InputDropped {
                        route,
                        code: &dropped.code,
                    }
                    .emit(&self.facts);
                }
            }
            Err(refusal) => EventRefused {
                refusal,
                partner: partner.as_deref(),
            }
            .emit(&self.facts),
        }
        span.end(result.as_ref().err().map(|refusal| refusal.code));
        result
    }

    async fn take_raw(
        &self,
        route: &str,
        request: Request,
        traceparent: Option<String>,
        partner: &mut Option<String>,
    ) -> Result<RawAnswer, Refusal> {
        let _slot = self.slot()?;
        let principal = self.publisher(&request.headers)?;
        *partner = Some(principal.partner.to_string());
        let _share = self.share(&principal.partner)?;
        let city = self.cities.current()?;
        validate::registered(&city.registry, &principal)?;
        let route = city
            .route(route)
            .ok_or_else(|| Refusal::new("SB-2002", "There is no such route."))?;
        if route.route.partner != principal.partner {
            return Err(Refusal::new("SB-1311", "This route belongs to another partner."));
        }
        let content_type = request
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        route.accepts(&content_type)?;
        let bytes = ingest::read_raw(request.body, &self.limits)?;
        let digest = hex(&Sha256::digest(&bytes));
        let input = OwnedInput::Raw {
            content_type,
            bytes,
            received: rfc3339(clock::now()),
        };
        let passage = Passage {
            versions: self.versions(&route.transform, &input, &digest)?,
            route,
            principal: &principal,
            input,
            digest,
            traceparent,
        };
        match passage.versions.service.state_key(&passage.input)? {
            Some(key) => self.decode_with_state(&passage, &key).await,
            None => {
                let (answer, _) = self.decode(&passage, None).await?;
                Ok(answer)
            }
        }
    }

    async fn decode_with_state(&self, passage: &Passage<'_>, key: &str) -> Result<RawAnswer, Refusal> {
        let store = passage
            .versions
            .service
            .state
            .as_ref()
            .ok_or_else(|| Refusal::new("SB-4007", "The plugin keeps state but has no place for it."))?;
        let _turn = match self.keys.of(&passage.route.route.route, key) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        for _ in 0..CONFLICTS_MAX {
            let held: Held = store.get(key).await?;
            if held.ends_with(&passage.digest)
                && let Some(answer) = held.answer.as_deref().and_then(again)
            {
                return Ok(answer);
            }
            let (answer, change) = self.decode(passage, held.value.clone()).await?;
            let mut next = held.after(change, passage.digest.clone());
            next.answer = serde_json::to_string(&answer).ok();
            match store.put(key, next).await {
                Ok(()) => return Ok(answer),
                Err(BrokerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::new(
            "SB-4110",
            "The state under this key is being changed by others; try again.",
        ))
    }

    async fn decode(
        &self,
        passage: &Passage<'_>,
        state: Option<Bytes>,
    ) -> Result<(RawAnswer, StateChange), Refusal> {
        let Some(canary) = &passage.versions.canary else {
            let ran = self.decode_by(passage, &passage.versions.service, state).await;
            self.count_old(passage, &ran);
            return ran.outcome;
        };
        let new = self.decode_by(passage, canary, state.clone()).await;
        // What the log did not take is not for another version to try.
        if !matches!(&new.outcome, Err(refusal) if is_of_the_version(refusal)) {
            self.count_taken(passage, &new, None);
            return new.outcome;
        }
        let old = self.decode_by(passage, &passage.versions.service, state).await;
        self.count_taken(passage, &new, Some(&old));
        old.outcome
    }

    async fn decode_by(
        &self,
        passage: &Passage<'_>,
        version: &Transform,
        state: Option<Bytes>,
    ) -> Run<Result<(RawAnswer, StateChange), Refusal>> {
        match version.run_one(passage.input.clone(), state).await {
            Err(error) => Run {
                cost: error.cost,
                outcome: Err(error.into()),
            },
            Ok(step) => Run {
                cost: step.cost,
                outcome: self.answer(passage, version, step).await,
            },
        }
    }

    async fn answer(
        &self,
        passage: &Passage<'_>,
        version: &Transform,
        step: Step,
    ) -> Result<(RawAnswer, StateChange), Refusal> {
        let answer = match step.result {
            Transformed::Drafts(drafts) => RawAnswer {
                receipts: self.publish(passage, version, drafts).await?,
                dropped: None,
            },
            Transformed::Dropped { code, reason } => RawAnswer {
                receipts: Vec::new(),
                dropped: Some(Dropped { code, reason }),
            },
            Transformed::Encoded { .. } => {
                return Err(Refusal::new(
                    "SB-4107",
                    "A decode plugin gave foreign bytes instead of events.",
                ));
            }
        };
        Ok((answer, step.state))
    }

    /// All outputs are validated before the first is written: an input is published whole or not at all.
    async fn publish(
        &self,
        passage: &Passage<'_>,
        version: &Transform,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Receipt>, Refusal> {
        let city = self.cities.current()?;
        let now = clock::now();
        let mut events: Vec<(Arc<Event>, Provenance)> = Vec::with_capacity(drafts.len());
        for (n, draft) in drafts.into_iter().enumerate() {
            passage.route.may_publish(version, &draft.ty)?;
            let origin = identity::Origin::Raw {
                route: &passage.route.route.route,
                digest: passage.digest.as_bytes(),
            };
            let event = identity::identify(
                &passage.principal.partner,
                &passage.route.route.source,
                draft,
                n,
                origin,
            )
            .map_err(|error| {
                Refusal::new(
                    "SB-4107",
                    format!("The plugin's output is no CloudEvent: {error}"),
                )
            })?;
            let contract = validate::contract(&city.registry, passage.principal, &event, now)?;
            events.push((
                Arc::new(event),
                self.provenance(passage.principal, contract, now, passage.traceparent.clone()),
            ));
        }
        self.log
            .append_all(&passage.principal.partner, &events)
            .await
            .into_iter()
            .collect()
    }
}

/// The answer of the first time, marked as a repeat.
fn again(text: &str) -> Option<RawAnswer> {
    let mut answer: RawAnswer = serde_json::from_str(text).ok()?;
    for receipt in &mut answer.receipts {
        receipt.duplicate = true;
    }
    Some(answer)
}
