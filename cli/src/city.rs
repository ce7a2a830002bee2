//! A city folder as it is taken to a bus: the document, and the bytes of the plugins it names.

use crate::findings;
use crate::say;
use crate::ui::{Exit, Failure, Shell, t};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stadtbus_contracts::{City, Finding, PluginName, PluginUse, Text};
use stadtbus_flow::transform::tables;
use stadtbus_plugin_host::{ConfigFault, Manifest};
use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::commands::plugin::host_failure;
use crate::plugin_test::sandbox;

/// A city folder, read and found free of errors.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The document.
    pub(crate) city: City,
    components: IndexMap<String, Bytes>,
}

/// What a bus would change.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The answer as the bus gave it.
    pub(crate) answer: Value,
    /// One entry per change.
    pub(crate) changes: Vec<Value>,
    current: String,
    missing: Vec<String>,
}

/// The part of `city.yaml` that says where the plugins are.
#[derive(Debug, Deserialize)]
struct Index {
    plugins: Option<PathBuf>,
}

/// Environment variables for `${NAME}` in the folder's files.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads a folder; every finding is in the failure.
pub(crate) fn load(shell: &Shell, folder: &Path) -> Result<Folder, Failure> {
    let city = stadtbus_contracts::load(folder, &variable)
        .map_err(|found| findings::failure(shell, folder, &found.0))?;
    let components = stadtbus_contracts::components(folder, &city).map_err(|found| {
        findings::failure(shell, folder, &found.0)
            .hint(t("stadtbus plugin build ORDNER", "stadtbus plugin build FOLDER"))
    })?;
    Ok(Folder { city, components })
}

/// What the folder's plugins say is wrong with the configurations they are given. Those that are not built, and folders
/// with errors of their own, are not asked.
pub(crate) fn configurations(folder: &Path) -> Result<Vec<Finding>, Failure> {
    let Ok(city) = stadtbus_contracts::load(folder, &variable) else {
        return Ok(Vec::new());
    };
    let Ok(components) = stadtbus_contracts::components(folder, &city) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for plugin in &city.plugins {
        let Some(component) = components.get(&plugin.digest) else {
            continue;
        };
        let manifest = Manifest::parse(&plugin.manifest).map_err(|error| host_failure(&error))?;
        let report =
            stadtbus_plugin_host::check(component, &manifest).map_err(|error| host_failure(&error))?;
        if !report.checks_configuration() {
            continue;
        }
        let deployed = sandbox::deploy(&manifest, component).map_err(|error| host_failure(&error))?;
        for (object, at, used) in uses(&city, &plugin.full_name()) {
            let config = used.config.to_string();
            let named = used.tables.iter();
            let named = named.filter_map(|(inside, ours)| Some((inside.as_str(), city.tables.get(ours)?)));
            let faults = deployed
                .check_config(config.as_bytes(), &tables(named))
                .map_err(|failure| {
                    Failure::new(
                        failure.code,
                        Exit::Failed,
                        format!("{object}: {}", failure.detail),
                    )
                })?;
            found.extend(
                faults
                    .iter()
                    .map(|fault| refused(folder, (&object, &at), &used.name, fault)),
            );
        }
    }
    Ok(found)
}

/// Where a plugin is used: object, pointer to its configuration, and the use.
fn uses<'c>(city: &'c City, name: &PluginName) -> Vec<(String, String, &'c PluginUse)> {
    let subscriptions = city.standing_orders().filter_map(|one| {
        let used = one.plugin.as_ref()?;
        Some((
            format!("subscription {}", one.subscription),
            "/plugin/config".to_owned(),
            used,
        ))
    });
    let routes = city.routes.values();
    let routes = routes.map(|one| (format!("route {}", one.route), "/config".to_owned(), &one.plugin));
    subscriptions
        .chain(routes)
        .filter(|(_, _, used)| used.name == *name)
        .collect()
}

fn refused(folder: &Path, (object, at): (&str, &str), plugin: &PluginName, fault: &ConfigFault) -> Finding {
    let detail = Text::new(
        format!("Das Plugin {plugin} lehnt die Einstellung ab: {fault}"),
        format!("the plugin {plugin} refuses the configuration: {fault}"),
    );
    let pointer = format!("{at}{}", fault.at);
    stadtbus_contracts::finding_in(folder, &variable, (object, &pointer), "SB-4010", detail)
}

/// Where a city folder keeps its plugins.
pub(crate) fn plugins_folder(folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join("city.yaml");
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    let index: Index = serde_saphyr::from_str(&text).map_err(|error| {
        let message = say!(
            "{} ist kein gültiges YAML.",
            "{} is not valid YAML.",
            path.display()
        );
        Failure::new("SB-5002", Exit::Config, message)
            .detail(error.to_string())
            .hint(format!("stadtbus lint {}", folder.display()))
    })?;
    Ok(folder.join(index.plugins.unwrap_or_else(|| PathBuf::from("plugins"))))
}

impl Folder {
    /// Asks the bus what would change; changes nothing.
    pub(crate) async fn plan(&self, client: &Client) -> Result<Plan, Failure> {
        let answer = client.post("/v1/city/plan", &self.document(&[], "")).await?;
        let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned();
        let changes = list("changes").ok_or_else(|| client.not_understood("changes"))?;
        let missing = list("missing_components").unwrap_or_default();
        let missing = missing
            .iter()
            .filter_map(|digest| digest.as_str().map(str::to_owned))
            .collect();
        let current = answer
            .get("current")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(Plan {
            changes,
            current,
            missing,
            answer,
        })
    }

    /// Applies against the state that was planned against, sending only the components the bus lacks.
    pub(crate) async fn apply(&self, client: &Client, plan: &Plan) -> Result<Value, Failure> {
        client
            .put("/v1/city", &self.document(&plan.missing, &plan.current))
            .await
    }

    fn document(&self, digests: &[String], expect: &str) -> Value {
        let sent: Map<String, Value> = digests
            .iter()
            .filter_map(|digest| {
                Some((
                    digest.clone(),
                    Value::String(STANDARD.encode(self.components.get(digest)?)),
                ))
            })
            .collect();
        json!({"city": self.city, "components": sent, "expect": expect})
    }
}
