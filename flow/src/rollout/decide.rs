//! Moving a rollout: one write, and what follows from it here at once.

use stadtbus_plugin_host::Role;

use super::{Asked, By, Rollout, Rollouts, Version, Wish, change};
use crate::{Refusal, city::Candidate, clock};

impl Rollouts {
    /// Does what is wanted with a plugin of the city; for a trial with the version that comes along. It is in force here when this
    /// is answered, and elsewhere as soon as the cell is seen.
    ///
    /// # Errors
    /// `SB-4009` for a plugin that the city does not have, `SB-4032` for a shadow of a decode plugin, what [`Rollout::next`]
    /// refuses, `SB-15xx`.
    pub async fn decide(
        &self,
        plugin: &str,
        candidate: Option<&Candidate>,
        wish: Wish,
        by: By,
    ) -> Result<Rollout, Refusal> {
        let city = self.cities.current()?.version_of(plugin)?;
        if let Some(candidate) = candidate {
            if wish == Wish::Shadow && candidate.plugin.manifest().role == Role::Decode {
                let detail = "What a decode plugin is given stands in no log, and is not run a second time beside its answer: let it run as a canary.";
                return Err(Refusal::new("SB-4032", detail).hint("stadtbus plugin canary FOLDER --percent 1"));
            }
            self.cities.keep(candidate, &by.who).await?;
        }
        let new: Option<&Version> = candidate.map(|candidate| &candidate.version);
        let id = format!("{:012x}", clock::chance().u64(..1 << 48));
        let next = |stored: Option<Rollout>| {
            let asked = Asked {
                plugin,
                city: &city,
                new,
                id: &id,
            };
            Rollout::next(stored, &asked, wish.clone(), by.clone()).map(Some)
        };
        let changed = change(&*self.broker, plugin, next).await?;
        let rollout = changed.ok_or_else(|| super::unknown(plugin))?;
        self.heed(rollout.clone()).await;
        Ok(rollout)
    }

    /// A version was deployed directly: what the city names is what runs.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn replaced(&self, plugin: &str, by: By) -> Result<(), Refusal> {
        let replaced = change(&*self.broker, plugin, |stored| {
            Ok(stored.and_then(|mut stored| stored.replace(by.clone()).then_some(stored)))
        });
        if let Some(rollout) = replaced.await? {
            self.heed(rollout).await;
        }
        Ok(())
    }

    /// The rollout of a plugin as it is stored, and whether it says which version runs.
    ///
    /// # Errors
    /// `SB-4009` for a plugin that the city does not have, `SB-15xx`.
    pub async fn standing(&self, plugin: &str) -> Result<(Version, Option<(Rollout, bool)>), Refusal> {
        let city = self.cities.current()?.version_of(plugin)?;
        let stored = super::get(&*self.broker, plugin).await?;
        let stored = stored.map(|rollout| {
            let governs = rollout.governs(&city.digest);
            (rollout, governs)
        });
        Ok((city, stored))
    }

    /// What all processes counted in a rollout. What this one has not written yet is written first; of others up to a second
    /// may be missing.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn counts(&self, rollout: &Rollout) -> Result<super::Counts, Refusal> {
        self.write_counts().await;
        super::counts(&*self.broker, rollout).await
    }
}
