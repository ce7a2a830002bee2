//! The configuration: the default file, the operator's file, the environment, in this order.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use stadtbus_flow::{
    Limits,
    city::{Grants, Signatures},
};
use toml::{Table, Value};

/// The reference, compiled in.
const DEFAULTS: &str = include_str!("stadtbus.default.toml");

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ConfigError {
    code: &'static str,
    detail: String,
}

impl ConfigError {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// Stable code: `SB-1001`, `SB-1002` or `SB-1003`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

/// The configuration of one bus process. The sentences stand in the default file ([`print_config`]).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct Config {
    pub listen: String,
    pub advertise: String,
    pub webhook_origin: String,
    pub webhook_callback: String,
    pub query_tokens: bool,
    pub accept: bool,
    pub dispatch: bool,
    pub broker: BrokerConfig,
    pub issuer: IssuerConfig,
    pub plugins: PluginsConfig,
    pub credentials: CredentialsConfig,
    pub signing: SigningConfig,
    pub statements: StatementsConfig,
    pub witness: WitnessConfig,
    pub journey: JourneyConfig,
    pub telemetry: TelemetryConfig,
    pub limits: Limits,
}

/// Section `[broker]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct BrokerConfig {
    pub kind: BrokerKind,
    pub url: String,
    pub monitor: String,
    pub credentials_file: PathBuf,
    pub replicas: usize,
    pub durability: Durability,
}

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    /// nats-server with JetStream.
    Nats,
    /// In this process, gone when it ends.
    Memory,
}

/// What to do when durability is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Refuse to start.
    Require,
    /// Run, and show it.
    Degraded,
}

/// Section `[issuer]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct IssuerConfig {
    pub name: String,
    pub audience: String,
    pub key_file: PathBuf,
}

/// Section `[plugins]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct PluginsConfig {
    pub cache_dir: PathBuf,
    pub instances_max: u32,
    pub threads: usize,
    pub signatures: Signatures,
    pub grants: Grants,
}

/// Section `[credentials]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct CredentialsConfig {
    pub key_file: PathBuf,
}

/// Section `[signing]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct SigningConfig {
    pub key_file: PathBuf,
}

/// Section `[statements]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct StatementsConfig {
    pub time_zone: String,
}

/// Section `[witness]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct WitnessConfig {
    pub dir: PathBuf,
}

/// Section `[journey]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct JourneyConfig {
    pub index_dir: PathBuf,
}

/// Section `[telemetry]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the default configuration file is the reference")]
pub struct TelemetryConfig {
    pub otlp_endpoint: String,
    pub log: String,
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one JSON object a line.
    Json,
}

/// The default configuration file.
#[must_use]
pub fn print_config() -> String {
    DEFAULTS.to_owned()
}

impl Config {
    /// Loads the defaults, the file over them, and the environment over both.
    ///
    /// # Errors
    /// `SB-1001` for an unknown key, `SB-1002` for a bad value, `SB-1003` when the file cannot be read.
    pub fn load(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut merged: Table = DEFAULTS
            .parse()
            .map_err(|error| ConfigError::new("SB-1002", format!("the compiled-in defaults: {error}")))?;
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::new("SB-1003", format!("{}: {error}", path.display())))?;
            let file: Table = text
                .parse()
                .map_err(|error| ConfigError::new("SB-1002", format!("{}: {error}", path.display())))?;
            merge(&mut merged, file, "")?;
        }
        from_environment(&mut merged, env)?;
        let config: Self = Value::Table(merged)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::new("SB-1002", error.to_string()))?;
        config
            .limits
            .check()
            .map_err(|detail| ConfigError::new("SB-1002", detail))?;
        if !is_public_address(&config.webhook_callback) {
            return Err(ConfigError::new(
                "SB-1002",
                "webhook_callback must be an https URL, or http on loopback, without query",
            ));
        }
        if ![1, 3, 5].contains(&config.broker.replicas) {
            return Err(ConfigError::new("SB-1002", "broker.replicas must be 1, 3 or 5"));
        }
        Ok(config)
    }
}

/// Whether receivers may be told to call it: never over a network in clear text.
fn is_public_address(url: &str) -> bool {
    let secure = url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
    url.is_empty() || secure && url.parse::<http::Uri>().is_ok_and(|uri| uri.query().is_none())
}

/// Puts `over` onto `base`; a key that the defaults do not have is refused.
fn merge(base: &mut Table, over: Table, section: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let name = if section.is_empty() {
            key.clone()
        } else {
            format!("{section}.{key}")
        };
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value, &name)?,
            (Some(slot), value) if slot.same_type(&value) => *slot = value,
            (Some(slot), value) => {
                let detail = format!(
                    "{name} must be of type {}, but is of type {}",
                    slot.type_str(),
                    value.type_str()
                );
                return Err(ConfigError::new("SB-1002", detail));
            }
            (None, _) => return Err(unknown(&name, base.keys())),
        }
    }
    Ok(())
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> ConfigError {
    let wanted = name.rsplit('.').next().unwrap_or(name);
    let nearest = known
        .map(|key| (strsim::damerau_levenshtein(wanted, key), key))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = nearest
        .map(|(_, key)| format!("; did you mean `{key}`?"))
        .unwrap_or_default();
    ConfigError::new("SB-1001", format!("unknown configuration key `{name}`{hint}"))
}

/// Every key of the defaults may be given as `STADTBUS_<SECTION>_<KEY>`.
fn from_environment(base: &mut Table, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    for (key, slot) in base.iter_mut() {
        match slot {
            Value::Table(inner) => {
                for (name, slot) in inner.iter_mut() {
                    set(slot, &format!("STADTBUS_{key}_{name}").to_ascii_uppercase(), env)?;
                }
            }
            slot => set(slot, &format!("STADTBUS_{key}").to_ascii_uppercase(), env)?,
        }
    }
    Ok(())
}

fn set(slot: &mut Value, variable: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    let Some(text) = env(variable) else { return Ok(()) };
    let bad = |what: &str| ConfigError::new("SB-1002", format!("{variable} must be {what}"));
    *slot = match slot {
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| bad("a whole number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| bad("true or false"))?),
        _ => Value::String(text),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let file = std::env::temp_dir().join(format!(
            "stadtbus-config-{}-{:x}.toml",
            std::process::id(),
            text.len()
        ));
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), &|_| None);
        std::fs::remove_file(file).unwrap();
        config
    }

    #[test]
    fn the_defaults_are_the_limits_of_the_flow() {
        let config = Config::load(None, &|_| None).unwrap();
        assert_eq!(
            config.limits,
            Limits::default(),
            "the default file and the code must not differ"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, code, part) in [
            ("lisen = \"x\"", "SB-1001", "did you mean `listen`"),
            ("[limits]\nhop_max = 3", "SB-1001", "`hops_max`"),
            ("[limits]\nhops_max = 100", "SB-1002", "between 1 and 64"),
            ("[limits]\nhops_max = \"3\"", "SB-1002", "integer"),
            ("[broker]\nreplicas = 2", "SB-1002", "1, 3 or 5"),
            ("[broker]\nkind = \"kafka\"", "SB-1002", "kafka"),
            ("webhook_callback = \"http://bus.example\"", "SB-1002", "https"),
            ("listen = ", "SB-1002", ""),
        ] {
            let error = load(text).unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_environment_comes_last() {
        let env = |name: &str| (name == "STADTBUS_LIMITS_HOPS_MAX").then(|| "5".to_owned());
        assert_eq!(Config::load(None, &env).unwrap().limits.hops_max, 5);
    }
}
