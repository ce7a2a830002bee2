//! What a plugin may use, and who said so.
//!
//! *Promise*: a plugin gets state, tables and log lines only after two persons wanted it: one who put it forward, and an
//! operator with another credential who approved it. Both are recorded with the time. *How*: what asks for more than is
//! granted is refused, and the request stays, so that it can be looked at and approved; then the same change is made again.
//! What a plugin in force uses is granted: a city that is older than this rule goes on as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stadtbus_broker::{BrokerError, CellWrite, Expect};
use stadtbus_contracts::{City, PluginName, PluginRef};
use stadtbus_plugin_host::Manifest;

use super::{Cities, admission::Grants};
use crate::{
    Refusal, clock,
    written::{from_millis, rfc3339},
};

/// Bucket of what is granted and asked for, one cell for each plugin.
const GRANTS: &str = "GRANTS";

/// One thing that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// `state:<key>`, `table:<name>` or `log`.
    pub grant: String,
    /// Who put the plugin forward.
    pub asked_by: String,
    /// Who approved.
    pub approved_by: String,
    /// When.
    pub approved_at: String,
}

/// A plugin that asked for more than was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// All that it asks for.
    pub grants: Vec<String>,
    /// Who put it forward.
    pub asked_by: String,
    /// When.
    pub asked_at: String,
}

/// A plugin in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// What it uses.
    pub grants: Vec<String>,
}

/// How it stands with one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// `partner/name`.
    pub plugin: String,
    /// What is in force, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
    /// What was approved.
    pub granted: Vec<Granted>,
    /// What waits for a second person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// What of the request is not granted yet.
    pub missing: Vec<String>,
}

/// A plugin and what it asks for beyond what is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// `partner/name@version`.
    pub plugin: String,
    /// What is not granted yet.
    pub missing: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    granted: Vec<Granted>,
    request: Option<Request>,
}

impl Record {
    fn missing(&self, asked: &[String], in_force: &[String]) -> Vec<String> {
        let granted: BTreeSet<&str> = self.granted.iter().map(|one| one.grant.as_str()).collect();
        asked
            .iter()
            .filter(|grant| !granted.contains(grant.as_str()) && !in_force.contains(grant))
            .cloned()
            .collect()
    }
}

impl Cities {
    /// What a second person would have to approve before a city may come into force.
    ///
    /// # Errors
    /// When the broker does not answer; `SB-4007` for a manifest that is none.
    pub(super) async fn lacking(
        &self,
        city: &City,
        before: Option<&City>,
    ) -> Result<Vec<(PluginRef, Lacking)>, Refusal> {
        let mut lacking = Vec::new();
        if self.admission.grants == Grants::Automatic {
            return Ok(lacking);
        }
        for plugin in &city.plugins {
            let earlier = before.and_then(|before| before.plugin(&plugin.full_name()));
            if earlier == Some(plugin) {
                continue;
            }
            let in_force = earlier.map(asked).transpose()?.unwrap_or_default();
            let (record, _) = self.record(&key(plugin)).await?;
            let missing = record.missing(&asked(plugin)?, &in_force);
            if !missing.is_empty() {
                let name = plugin.versioned_name();
                lacking.push((
                    plugin.clone(),
                    Lacking {
                        plugin: name,
                        missing,
                    },
                ));
            }
        }
        Ok(lacking)
    }

    /// # Errors
    /// `SB-4023`; what is asked for stays behind, to be approved.
    pub(super) async fn check_grants(
        &self,
        city: &City,
        before: Option<&City>,
        by: &str,
    ) -> Result<(), Refusal> {
        let lacking = self.lacking(city, before).await?;
        for (plugin, _) in &lacking {
            self.ask(plugin, by).await?;
        }
        let Some((first, _)) = lacking.first() else {
            return Ok(());
        };
        let asks: Vec<String> = lacking
            .iter()
            .map(|(_, one)| format!("{} ({})", one.plugin, one.missing.join(", ")))
            .collect();
        let detail = format!(
            "More is asked for than is granted: {}. An operator other than {by} has to approve it; then the change can be made again.",
            asks.join("; ")
        );
        Err(Refusal::new("SB-4023", detail).hint(format!(
            "stadtbus plugin approve {} --as PARTNER/SYSTEM",
            first.full_name()
        )))
    }

    async fn record(&self, key: &str) -> Result<(Record, Expect), Refusal> {
        let Some(cell) = self.broker.cells(GRANTS).await?.get(key).await? else {
            return Ok((Record::default(), Expect::Absent));
        };
        let record = serde_json::from_slice(&cell.value).map_err(|error| {
            Refusal::new(
                "SB-1505",
                format!("What is granted to a plugin cannot be read: {error}"),
            )
        })?;
        Ok((record, Expect::Revision(cell.revision)))
    }

    async fn keep_record(&self, key: &str, record: &Record, expect: Expect) -> Result<(), Refusal> {
        let value = serde_json::to_vec(record).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let write = CellWrite::put(key, value).expect(expect);
        match self.broker.cells(GRANTS).await?.write(write).await {
            Ok(_) => Ok(()),
            Err(BrokerError::Conflict(_)) => Err(changed()),
            Err(error) => Err(error.into()),
        }
    }

    /// Leaves a request. One that asks the same for the same component stays whose it is: asking again must not let its
    /// first author approve it.
    async fn ask(&self, plugin: &PluginRef, by: &str) -> Result<(), Refusal> {
        let key = key(plugin);
        let (mut record, expect) = self.record(&key).await?;
        let grants = asked(plugin)?;
        let same = |request: &Request| request.digest == plugin.digest && request.grants == grants;
        if record.request.as_ref().is_some_and(same) {
            return Ok(());
        }
        record.request = Some(Request {
            version: plugin.version.clone(),
            digest: plugin.digest.clone(),
            grants,
            asked_by: by.to_owned(),
            asked_at: rfc3339(from_millis(clock::millis_now())),
        });
        self.keep_record(&key, &record, expect).await
    }

    /// Approves what a plugin asked for, as the approver saw it: this component, these grants.
    ///
    /// # Errors
    /// `SB-4024` when nothing, or something else, waits to be approved; `SB-1313` when the approver is the one who asked.
    pub async fn approve(
        &self,
        plugin: &PluginName,
        digest: &str,
        grants: &[String],
        by: &str,
    ) -> Result<Standing, Refusal> {
        let key = format!("{}.{}", plugin.partner, plugin.name);
        let (mut record, expect) = self.record(&key).await?;
        let request = record.request.take().ok_or_else(|| {
            Refusal::new("SB-4024", format!("{plugin} waits for nobody's approval."))
                .hint("stadtbus plugin grants")
        })?;
        let seen: BTreeSet<&String> = grants.iter().collect();
        let asked_for: BTreeSet<&String> = request.grants.iter().collect();
        if request.digest != digest || seen != asked_for {
            return Err(changed());
        }
        if request.asked_by == by {
            let detail = format!("{by} asked for it; somebody else has to approve it.");
            return Err(Refusal::new("SB-1313", detail)
                .hint(format!("stadtbus plugin approve {plugin} --as PARTNER/SYSTEM")));
        }
        let approved_at = rfc3339(from_millis(clock::millis_now()));
        for grant in record.missing(&request.grants, &[]) {
            record.granted.push(Granted {
                grant,
                asked_by: request.asked_by.clone(),
                approved_by: by.to_owned(),
                approved_at: approved_at.clone(),
            });
        }
        self.keep_record(&key, &record, expect).await?;
        tracing::info!(plugin = %plugin, digest, asked_by = request.asked_by, approved_by = by, "What a plugin asks for was approved.");
        let in_force = self.in_force()?;
        Ok(standing(plugin.to_string(), record, in_force.get(&key)))
    }

    /// How it stands with every plugin that is in force, was granted something or asks for it.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn grants(&self) -> Result<Vec<Standing>, Refusal> {
        let mut in_force = self.in_force()?;
        let mut all = BTreeMap::new();
        for cell in self.broker.cells(GRANTS).await?.list("").await? {
            let Ok(record) = serde_json::from_slice::<Record>(&cell.value) else {
                tracing::warn!(plugin = cell.key, "What is granted to a plugin cannot be read.");
                continue;
            };
            let used = in_force.remove(&cell.key);
            let name = cell.key.replacen('.', "/", 1);
            all.insert(name.clone(), standing(name, record, used.as_ref()));
        }
        for (key, used) in in_force {
            let name = key.replacen('.', "/", 1);
            all.insert(name.clone(), standing(name, Record::default(), Some(&used)));
        }
        Ok(all.into_values().collect())
    }

    fn in_force(&self) -> Result<BTreeMap<String, InForce>, Refusal> {
        let live = self.live.load_full();
        let plugins = live.iter().flat_map(|live| &live.registry.city().plugins);
        let used = |plugin: &PluginRef| -> Result<_, Refusal> {
            let used = InForce {
                version: plugin.version.clone(),
                digest: plugin.digest.clone(),
                grants: asked(plugin)?,
            };
            Ok((key(plugin), used))
        };
        plugins.map(used).collect()
    }

    /// What was granted to plugins that are gone: a later one of the same name begins anew.
    pub(super) async fn forget_grants(&self, before: Option<&City>, next: &City) -> Result<(), Refusal> {
        let cells = self.broker.cells(GRANTS).await?;
        for plugin in before.map(|before| &before.plugins).into_iter().flatten() {
            if next.plugin(&plugin.full_name()).is_none() {
                cells.write(CellWrite::delete(key(plugin))).await?;
            }
        }
        Ok(())
    }
}

fn standing(plugin: String, record: Record, in_force: Option<&InForce>) -> Standing {
    let used = in_force.map_or(&[][..], |used| &used.grants);
    let missing = record
        .request
        .as_ref()
        .map(|request| record.missing(&request.grants, used))
        .unwrap_or_default();
    Standing {
        plugin,
        in_force: in_force.cloned(),
        // A request that everything was granted to meanwhile waits for nobody.
        request: record.request.filter(|_| !missing.is_empty()),
        granted: record.granted,
        missing,
    }
}

fn asked(plugin: &PluginRef) -> Result<Vec<String>, Refusal> {
    Manifest::parse(&plugin.manifest)
        .map(|manifest| manifest.grants())
        .map_err(|error| Refusal::new(error.code(), format!("{}: {error}", plugin.full_name())))
}

fn key(plugin: &PluginRef) -> String {
    format!("{}.{}", plugin.partner, plugin.name)
}

fn changed() -> Refusal {
    Refusal::new(
        "SB-4024",
        "What waits to be approved is no longer what was looked at.",
    )
    .hint("stadtbus plugin grants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_neither_granted_nor_in_use_is_missing() {
        let granted = Granted {
            grant: "log".to_owned(),
            asked_by: "a/a".to_owned(),
            approved_by: "b/b".to_owned(),
            approved_at: String::new(),
        };
        let record = Record {
            granted: vec![granted],
            request: None,
        };
        let asked = ["state:/nr", "table:a", "log"].map(str::to_owned);
        assert_eq!(record.missing(&asked, &[]), ["state:/nr", "table:a"]);
        assert_eq!(record.missing(&asked, &["table:a".to_owned()]), ["state:/nr"]);
        assert_eq!(Record::default().missing(&asked, &[]), asked);
    }
}
