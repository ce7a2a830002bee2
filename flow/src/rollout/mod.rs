//! A new version of a plugin beside the one in service: looked at, given a share of the events, taken, or taken back.
//!
//! *Promise*: one write changes which version an event goes through, every process follows it, and it is written down
//! who wanted it and why. An event is given its version once, when its transformation begins, so a change meets none
//! half-way: each event goes through one of the two, and what comes out is the outcome of one alone.
//! *Refuses*: to take a version that stopped itself without another try, and two new versions at a time.
//!
//! ```text
//! shadow ─▶ canary ─▶ promoted ─▶ rolled-back
//!    └─────────┴─▶ stopped, rolled-back ─▶ shadow, canary
//! ```

pub mod compare;
mod counting;
mod decide;
mod live;
mod policy;
mod store;
mod tally;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_contracts::PluginSignature;

pub use counting::Taken;
pub use live::{Live, Rollouts};
pub use policy::Policy;
pub use store::{ROLLOUT_COUNTS, ROLLOUTS, change, counts, get, list};
pub use tally::{Costs, Counts, Example, Seen, Tally};

use crate::Refusal;

/// Shares are counted in so many parts.
pub const SHARE_PARTS: u32 = 10_000;
/// Most moves that are remembered; older ones are forgotten.
const HISTORY_MAX: usize = 50;
/// Longest reason, in characters.
pub const WHY_CHARS_MAX: usize = 500;

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// As its manifest names it.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// The whole manifest.
    pub manifest: String,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PluginSignature>,
    /// A Sigstore bundle that is carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigstore: Option<serde_json::Value>,
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The new version runs beside the old one and delivers nothing.
    Shadow,
    /// A share of the events goes through the new version.
    Canary,
    /// The bus ended the canary by itself; all events go through the old version.
    Stopped,
    /// All events go through the new version.
    Promoted,
    /// All events go through the old version again.
    RolledBack,
    /// Somebody deployed a version directly; the city says which one is in service.
    Replaced,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Shadow,
        Self::Canary,
        Self::Stopped,
        Self::Promoted,
        Self::RolledBack,
        Self::Replaced,
    ];

    /// The word of the interface.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Stopped => "stopped",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Replaced => "replaced",
        }
    }

    /// Whether both versions run.
    #[must_use]
    pub fn is_trial(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary)
    }
}

/// One move of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who: `<partner>/<system>`, or `bus`.
    pub by: String,
    /// Whereto.
    pub stage: Stage,
    /// Parts in ten thousand, of a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
    /// Why, in the words of whoever moved it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A new version on its way into service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Names its counts: another try of the same version counts anew.
    pub id: String,
    /// The plugin, `partner/name`.
    pub plugin: String,
    /// What was in service when it began.
    pub old: Version,
    /// What is to be.
    pub new: Version,
    /// Where it stands.
    pub stage: Stage,
    /// Parts in ten thousand of the events that a canary takes.
    pub share: u32,
    /// When a canary stops by itself.
    pub policy: Policy,
    /// The digest that the city named when this was decided last.
    pub named: String,
    /// What happened, the oldest first.
    pub history: Vec<Moved>,
}

/// Who moves a rollout, when and why.
#[derive(Debug, Clone)]
pub struct By {
    /// `<partner>/<system>`, or `bus`.
    pub who: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// In their words.
    pub why: String,
}

/// What is wanted of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Run it beside the old version.
    Shadow,
    /// Give it a share.
    Canary {
        /// Parts in ten thousand.
        share: u32,
        /// When to stop.
        policy: Policy,
    },
    /// Take it.
    Promote,
    /// Take the old one again.
    RollBack,
}

/// Of what something is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The plugin, `partner/name`.
    pub plugin: &'a str,
    /// The version that the city names.
    pub city: &'a Version,
    /// The version that comes along, for a trial.
    pub new: Option<&'a Version>,
    /// The id of a rollout that begins.
    pub id: &'a str,
}

/// There is no rollout.
#[must_use]
pub fn unknown(plugin: &str) -> Refusal {
    Refusal::new("SB-4030", format!("There is no rollout of {plugin}.")).hint("stadtbus plugin shadow FOLDER")
}

impl Rollout {
    /// A rollout that begins with `wish`, which is one of the two trials.
    #[must_use]
    pub fn begin(id: String, plugin: &str, (old, new): (Version, Version), named: &str) -> Self {
        Self {
            id,
            plugin: plugin.to_owned(),
            old,
            new,
            stage: Stage::RolledBack,
            share: 0,
            policy: Policy::default(),
            named: named.to_owned(),
            history: Vec::new(),
        }
    }

    /// The version that takes the events, or all but a canary's share of them.
    #[must_use]
    pub fn in_service(&self) -> &Version {
        match self.stage {
            Stage::Promoted => &self.new,
            _ => &self.old,
        }
    }

    /// Whether it says which version is in service where the city names the one with this digest. It does for the digest that
    /// it was decided over, and for the one that is in service anyway; a third one was deployed since, and that was meant.
    #[must_use]
    pub fn governs(&self, city_digest: &str) -> bool {
        self.stage != Stage::Replaced
            && (self.named == city_digest || self.in_service().digest == city_digest)
    }

    /// What becomes of the rollout of a plugin when this is wanted of it.
    ///
    /// # Errors
    /// `SB-4030` when there is none to promote or take back, `SB-4031` when the wish does not follow from where it stands,
    /// `SB-4033` while another version is on trial.
    pub fn next(stored: Option<Self>, asked: &Asked<'_>, wish: Wish, by: By) -> Result<Self, Refusal> {
        let named = asked.city.digest.as_str();
        let history = stored.as_ref().map(|stored| stored.history.clone());
        let current = stored.filter(|stored| stored.governs(named));
        let Some(new) = asked.new else {
            let mut rollout = current.ok_or_else(|| unknown(asked.plugin))?;
            rollout.go(wish, named, by)?;
            return Ok(rollout);
        };
        let mut rollout = match current {
            Some(current) if current.stage.is_trial() => {
                if current.new.digest != new.digest {
                    let other = &current.new.version;
                    return Err(Refusal::new(
                        "SB-4033",
                        format!("The version {other} of {} is on trial.", asked.plugin),
                    )
                    .hint(format!("stadtbus plugin rollback {}", asked.plugin)));
                }
                current
            }
            current => {
                let old = current.as_ref().map_or(asked.city, Self::in_service).clone();
                if old.digest == new.digest {
                    let detail = format!("This version of {} is in service already.", asked.plugin);
                    return Err(Refusal::new("SB-4031", detail));
                }
                let id = asked.id.to_owned();
                let mut rollout = Self::begin(id, asked.plugin, (old, new.clone()), named);
                rollout.history = history.unwrap_or_default();
                rollout
            }
        };
        rollout.go(wish, named, by)?;
        Ok(rollout)
    }

    /// Does what is wanted, over a city that names the version with the digest `named`.
    ///
    /// # Errors
    /// `SB-4031` when that does not follow from where it stands.
    pub fn go(&mut self, wish: Wish, named: &str, by: By) -> Result<(), Refusal> {
        let stage = match (&wish, self.stage) {
            (Wish::Shadow, Stage::Promoted | Stage::Replaced)
            | (Wish::Canary { .. }, Stage::Promoted | Stage::Replaced) => {
                return Err(self.refused("The new version is not on trial any more."));
            }
            (Wish::Shadow, _) => Stage::Shadow,
            (Wish::Canary { .. }, _) => Stage::Canary,
            (Wish::Promote, Stage::Shadow | Stage::Canary) => Stage::Promoted,
            (Wish::Promote, Stage::Promoted) => {
                return Err(self.refused("The new version is in service already."));
            }
            (Wish::Promote, _) => {
                return Err(
                    self.refused("The new version is not on trial: let it run as a shadow or canary first.")
                );
            }
            (Wish::RollBack, Stage::RolledBack | Stage::Replaced) => {
                return Err(self.refused("There is nothing to take back."));
            }
            (Wish::RollBack, _) => Stage::RolledBack,
        };
        let mut share = None;
        if let Wish::Canary { share: parts, policy } = wish {
            (self.share, self.policy) = (parts, policy);
            share = Some(parts);
        }
        self.named = named.to_owned();
        self.enter(stage, share, by);
        Ok(())
    }

    /// The bus stops a canary. False where there is none any more.
    pub fn stop(&mut self, by: By) -> bool {
        let stops = self.stage == Stage::Canary;
        if stops {
            self.enter(Stage::Stopped, None, by);
        }
        stops
    }

    /// A version was deployed directly. False where that changes nothing here.
    pub fn replace(&mut self, by: By) -> bool {
        let replaces = self.stage != Stage::Replaced;
        if replaces {
            self.enter(Stage::Replaced, None, by);
        }
        replaces
    }

    /// Whether an event with this key goes through the new version, if it is a canary. The same key always gets the same
    /// answer, and who was in with a small share is in with a larger one.
    #[must_use]
    pub fn takes(&self, key: &[u8]) -> bool {
        self.stage == Stage::Canary && part_of(&self.plugin, key) < self.share
    }

    fn enter(&mut self, stage: Stage, share: Option<u32>, by: By) {
        self.stage = stage;
        self.history.push(Moved {
            at_ms: by.at_ms,
            by: by.who,
            stage,
            share,
            why: by.why.chars().take(WHY_CHARS_MAX).collect(),
        });
        let surplus = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..surplus);
    }

    fn refused(&self, why: &str) -> Refusal {
        let detail = format!("The rollout of {} is `{}`. {why}", self.plugin, self.stage.word());
        Refusal::new("SB-4031", detail).hint(format!("stadtbus plugin status {}", self.plugin))
    }
}

/// Which of [`SHARE_PARTS`] parts a key belongs to, for this plugin.
fn part_of(plugin: &str, key: &[u8]) -> u32 {
    let mut hash = Sha256::new();
    hash.update(plugin.as_bytes());
    hash.update([0]);
    hash.update(key);
    let digest = hash.finalize();
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    u32::try_from(number % u64::from(SHARE_PARTS)).unwrap_or(0)
}

/// What part a version had in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The new version took it, as a canary.
    Canary,
    /// The canary failed at it, and the old version took it.
    Fallback,
    /// The version that a rollout put into service took it.
    Service,
    /// The old version took it; the new one ran beside it and delivered nothing.
    Shadow,
}

/// Which version an event went through, where a rollout decided that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The version that took it, `partner/name@version+digest`.
    #[serde(rename = "p")]
    pub plugin: String,
    /// The other one, if it ran as well.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// What part that was.
    #[serde(rename = "a")]
    pub part: Part,
}

#[cfg(test)]
mod tests;
