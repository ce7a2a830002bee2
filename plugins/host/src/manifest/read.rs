//! Reading and checking a manifest.

use serde_json::Value;

use super::{Instances, Limits, Manifest, Role, StateSpec, World};
use crate::error::{PluginError, shown_to};
use crate::limits::{self, Bound};

const KEYS: &[&str] = &[
    "plugin",
    "partner",
    "version",
    "title",
    "role",
    "world",
    "instances",
    "language",
    "consumes",
    "produces",
    "state",
    "tables",
    "log",
    "license",
    "limits",
];
const STATE_KEYS: &[&str] = &["key", "ttl_s", "bytes_max"];
const LIMIT_KEYS: &[&str] = &[
    "deadline_ms",
    "memory_mib",
    "output_bytes_max",
    "outputs_max",
    "instance_calls_max",
];
const TYPES_MAX: usize = 100;
const TABLES_MAX: usize = 20;

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// SB-4007 with the first thing that is wrong: not YAML, an unknown key (with the key probably meant), a missing
    /// one, a value outside its bounds, or a combination that makes no sense for the role.
    pub fn parse(yaml: &str) -> Result<Self, PluginError> {
        if yaml.len() > limits::MANIFEST_BYTES_MAX {
            return Err(invalid(format!(
                "it is larger than {} bytes",
                limits::MANIFEST_BYTES_MAX
            )));
        }
        let value: Value = serde_saphyr::from_str(yaml)
            .map_err(|error| invalid(format!("it is not YAML: {}", first_line(&error.to_string()))))?;
        check_keys(&value, "", KEYS)?;
        check_keys(value.get("state").unwrap_or(&Value::Null), "state.", STATE_KEYS)?;
        check_keys(value.get("limits").unwrap_or(&Value::Null), "limits.", LIMIT_KEYS)?;
        let mut manifest: Self =
            serde_json::from_value(value).map_err(|error| invalid(shown_to(&error.to_string(), 200)))?;
        if manifest.title.is_empty() {
            manifest.title.clone_from(&manifest.plugin);
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), PluginError> {
        if !is_name(&self.plugin, 40) {
            return Err(invalid(
                "`plugin` must be 1 to 40 characters of a-z, 0-9 and -, beginning with a letter",
            ));
        }
        if self.version.is_empty() || self.version.len() > 40 {
            return Err(invalid("`version` must be 1 to 40 characters"));
        }
        if self.title.chars().count() > 200 {
            return Err(invalid("`title` must be at most 200 characters"));
        }
        if !is_name(&self.language, 20) {
            return Err(invalid(
                "`language` must be a word such as rust, javascript or python",
            ));
        }
        if self.instances == Instances::Warm && self.world != World::Bytes {
            return Err(invalid(
                "`instances: warm` is for languages of the world `bytes`; in the world `records` each call has a fresh instance",
            ));
        }
        let printable = |text: &String| !text.is_empty() && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if self
            .license
            .as_ref()
            .is_some_and(|text| text.len() > 200 || !printable(text))
        {
            return Err(invalid("`license` must be an SPDX expression such as EUPL-1.2"));
        }
        self.check_types()?;
        if self.tables.len() > TABLES_MAX || self.tables.iter().any(|table| !is_name(table, 40)) {
            return Err(invalid(format!(
                "`tables` must be at most {TABLES_MAX} names of a-z, 0-9 and -"
            )));
        }
        self.limits.check()?;
        self.state.as_ref().map_or(Ok(()), StateSpec::check)
    }

    fn check_types(&self) -> Result<(), PluginError> {
        if self.consumes.len() > TYPES_MAX || self.produces.len() > TYPES_MAX {
            return Err(invalid(format!(
                "`consumes` and `produces` may name at most {TYPES_MAX} types each"
            )));
        }
        let (consumes, produces) = (!self.consumes.is_empty(), !self.produces.is_empty());
        match self.role {
            Role::Decode if consumes => Err(invalid(
                "a decode plugin takes foreign bytes: it has no `consumes`",
            )),
            Role::Decode if !produces => Err(invalid(
                "a decode plugin must list the event types it makes under `produces`",
            )),
            Role::Transform if !consumes || !produces => Err(invalid(
                "a transform plugin must list its event types under `consumes` and `produces`",
            )),
            Role::Encode if !consumes => Err(invalid(
                "an encode plugin must list its event types under `consumes`",
            )),
            Role::Encode if produces => Err(invalid(
                "an encode plugin makes foreign bytes: it has no `produces`",
            )),
            Role::Decode | Role::Transform | Role::Encode => Ok(()),
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), PluginError> {
        within("limits.deadline_ms", self.deadline_ms, limits::DEADLINE_MS)?;
        within("limits.memory_mib", self.memory_mib, limits::MEMORY_MIB)?;
        within(
            "limits.output_bytes_max",
            self.output_bytes_max,
            limits::OUTPUT_BYTES,
        )?;
        within("limits.outputs_max", self.outputs_max, limits::OUTPUTS)?;
        within(
            "limits.instance_calls_max",
            self.instance_calls_max,
            limits::INSTANCE_CALLS,
        )
    }
}

impl StateSpec {
    fn check(&self) -> Result<(), PluginError> {
        within("state.ttl_s", self.ttl_s, limits::STATE_TTL_S)?;
        within("state.bytes_max", self.bytes_max, limits::STATE_BYTES)?;
        let sound = match self.key.strip_prefix("attribute:") {
            Some(name) => {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            }
            None => {
                self.key == "const"
                    || (self.key.len() > 1 && self.key.starts_with('/') && self.key.len() <= 200)
            }
        };
        if sound {
            return Ok(());
        }
        Err(invalid(
            "`state.key` must be a JSON Pointer such as /id, attribute:<name> such as attribute:subject, or const",
        ))
    }
}

fn invalid(what: impl std::fmt::Display) -> PluginError {
    PluginError::new("SB-4007", format!("the manifest is not valid: {what}"))
}

fn within(name: &str, value: u64, bound: Bound) -> Result<(), PluginError> {
    if (bound.min..=bound.max).contains(&value) {
        return Ok(());
    }
    Err(invalid(format!(
        "`{name}` is {value}; it must be between {} and {}",
        bound.min, bound.max
    )))
}

fn check_keys(value: &Value, prefix: &str, known: &[&str]) -> Result<(), PluginError> {
    let Value::Object(map) = value else {
        if prefix.is_empty() || !value.is_null() {
            return Err(invalid(format!(
                "`{}` must be a mapping",
                prefix.trim_end_matches('.')
            )));
        }
        return Ok(());
    };
    for key in map.keys() {
        if !known.contains(&key.as_str()) {
            let error = invalid(format!("there is no key `{prefix}{}`", shown_to(key, 40)));
            return Err(match closest(key, known) {
                Some(meant) => error.hint(format!("did you mean `{prefix}{meant}`?")),
                None => error.hint(format!("the keys here are: {}", known.join(", "))),
            });
        }
    }
    Ok(())
}

fn closest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|each| (strsim::damerau_levenshtein(key, each), *each))
        .filter(|(distance, each)| *distance <= (each.len() / 3).max(1))
        .min()
        .map(|(_, each)| each)
}

fn is_name(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn first_line(text: &str) -> String {
    shown_to(text.lines().next().unwrap_or_default(), 200)
}
