//! All receivers of the demo, and what they have heard and nobody has asked about yet.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use stadtbus_harness::{Client, Outcome, Receiver, World};

use crate::expected::Expected;
use crate::scenario::Script;
use crate::seen::Seen;

/// Every receiver, by name.
pub(crate) struct Ears {
    hooks: Vec<(String, String, Receiver)>,
    pulls: Vec<(String, String, Client)>,
    taken: BTreeMap<String, usize>,
    unclaimed: Vec<(String, Seen)>,
}

#[derive(Deserialize)]
struct Received {
    events: Vec<Leased>,
}

#[derive(Deserialize)]
struct Leased {
    handle: serde_json::Value,
    event: Box<RawValue>,
}

const LEASE: Duration = Duration::from_secs(30);

impl Ears {
    /// Starts the receivers that are called; those that fetch need the bus and come by [`Ears::fetch_from`].
    pub(crate) async fn open(script: &Script) -> Outcome<Self> {
        let mut hooks = Vec::new();
        for hook in &script.receivers {
            hooks.push((hook.name.clone(), hook.path.clone(), Receiver::start().await?));
        }
        Ok(Self {
            hooks,
            pulls: Vec::new(),
            taken: BTreeMap::new(),
            unclaimed: Vec::new(),
        })
    }

    /// The variables that tell the city where its receivers are.
    pub(crate) fn addresses(&self, script: &Script) -> Vec<(String, String)> {
        let with_env = script.receivers.iter().zip(&self.hooks);
        with_env
            .map(|(hook, (_, path, receiver))| (hook.env.clone(), receiver.url(path)))
            .collect()
    }

    pub(crate) async fn fetch_from(&mut self, script: &Script, world: &World) -> Outcome<()> {
        for pull in &script.pulls {
            let client = world.client(&pull.partner, &pull.system, "subscribe").await?;
            self.pulls
                .push((pull.name.clone(), pull.subscription.clone(), client));
        }
        Ok(())
    }

    /// Takes in what has arrived since the last time.
    pub(crate) async fn listen(&mut self) -> Outcome<()> {
        for (name, _, receiver) in &self.hooks {
            let requests = receiver.requests();
            let known = self.taken.entry(name.clone()).or_default();
            for request in requests.iter().skip(*known) {
                self.unclaimed.push((name.clone(), Seen::from_request(request)?));
            }
            *known = requests.len();
        }
        for (name, subscription, client) in &self.pulls {
            let answer = client
                .receive_raw(subscription, 100, Duration::ZERO, LEASE)
                .await?;
            let received: Received = serde_json::from_slice(&answer.body)?;
            if received.events.is_empty() {
                continue;
            }
            let handles: Vec<_> = received
                .events
                .iter()
                .map(|leased| json!({"handle": leased.handle}))
                .collect();
            client
                .settle(subscription, "acknowledge", &handles, json!({}))
                .await?
                .expect(200)?;
            for leased in received.events {
                self.unclaimed
                    .push((name.clone(), Seen::from_json(leased.event.get())?));
            }
        }
        Ok(())
    }

    /// Takes out the first delivery to `name` that is about what is expected.
    pub(crate) fn claim(&mut self, name: &str, expected: &Expected) -> Option<Seen> {
        let at = self
            .unclaimed
            .iter()
            .position(|(to, seen)| to == name && expected.is_about(seen))?;
        Some(self.unclaimed.remove(at).1)
    }

    /// What arrived and was never expected.
    pub(crate) fn unclaimed(&self) -> &[(String, Seen)] {
        &self.unclaimed
    }

    /// (name, address) of the receivers that are called.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&str, String)> {
        self.hooks
            .iter()
            .map(|(name, path, receiver)| (name.as_str(), receiver.url(path)))
    }
}
