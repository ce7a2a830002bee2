//! The script: who listens, what is sent, and what must arrive where.

use std::path::PathBuf;

use serde::Deserialize;
use stadtbus_harness::{Failure, Outcome, workspace_dir};

use crate::words::Words;

/// `scenarios.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Script {
    pub(crate) receivers: Vec<Hook>,
    pub(crate) pulls: Vec<Pull>,
    pub(crate) scenarios: Vec<Scenario>,
}

/// A department that is called by webhook.
#[derive(Debug, Deserialize)]
pub(crate) struct Hook {
    pub(crate) name: String,
    /// The variable in the city's subscriptions that holds its address.
    pub(crate) env: String,
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) title: Words,
}

/// A department that fetches.
#[derive(Debug, Deserialize)]
pub(crate) struct Pull {
    pub(crate) name: String,
    pub(crate) subscription: String,
    pub(crate) partner: String,
    pub(crate) system: String,
    #[serde(flatten)]
    pub(crate) title: Words,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) title: Words,
    pub(crate) inputs: Vec<Input>,
}

/// One message of a foreign system.
#[derive(Debug, Deserialize)]
pub(crate) struct Input {
    /// In `inputs/`.
    pub(crate) file: String,
    pub(crate) route: String,
    pub(crate) partner: String,
    pub(crate) system: String,
    /// How many events it becomes.
    pub(crate) receipts: usize,
    /// The code with which it is dropped instead.
    #[serde(default)]
    pub(crate) dropped: Option<String>,
    pub(crate) deliveries: Vec<Delivery>,
    #[serde(flatten)]
    pub(crate) title: Words,
}

/// One delivery that must happen.
#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    /// Name of a hook or pull.
    pub(crate) to: String,
    /// In `expected/`.
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) title: Words,
}

/// The demo's own files.
pub(crate) fn folder() -> PathBuf {
    workspace_dir().join("tests/demo")
}

pub(crate) fn read(below: &str) -> Outcome<String> {
    let path = folder().join(below);
    std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

impl Script {
    pub(crate) fn load() -> Outcome<Self> {
        serde_json::from_str(&read("scenarios.json")?)
            .map_err(|error| Failure::from(error).while_("scenarios.json"))
    }

    /// How a receiver is called.
    pub(crate) fn title(&self, name: &str) -> Option<&Words> {
        let hooks = self.receivers.iter().map(|hook| (&hook.name, &hook.title));
        let pulls = self.pulls.iter().map(|pull| (&pull.name, &pull.title));
        hooks
            .chain(pulls)
            .find(|(known, _)| *known == name)
            .map(|(_, title)| title)
    }
}
