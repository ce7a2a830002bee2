//! The shape of a `*_test.yaml`, and how a case becomes the input of a call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use stadtbus_contracts::table_version;
use stadtbus_event::{Event, json};
use stadtbus_flow::transform::tables as tables_of;
use stadtbus_plugin_host::{Call, Input, Tables};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::expect::Expect;

/// One case.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct TestCase {
    /// What it shows.
    pub(super) name: String,
    config: Option<Value>,
    tables: BTreeMap<String, Value>,
    /// State before the first step.
    pub(super) state: Option<Value>,
    /// Inputs in a row that share state; at least one.
    pub(super) steps: Vec<Step>,
}

/// A case as it is written: a single step needs no list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    config: Option<Value>,
    /// Table name → its content, or the file it is in.
    #[serde(default)]
    tables: BTreeMap<String, Value>,
    #[serde(default)]
    state: Option<Value>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    event: Option<Value>,
    #[serde(default)]
    raw: Option<Raw>,
    #[serde(default)]
    expect: Option<Expect>,
}

impl TryFrom<Written> for TestCase {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written {
            name,
            config,
            tables,
            state,
            mut steps,
            event,
            raw,
            expect,
        } = written;
        match expect {
            Some(expect) if steps.is_empty() => steps.push(Step { event, raw, expect }),
            None if !steps.is_empty() && event.is_none() && raw.is_none() => {}
            _ => return Err("a case needs either `steps`, or one input and `expect`"),
        }
        Ok(Self {
            name,
            config,
            tables,
            state,
            steps,
        })
    }
}

impl TestCase {
    /// The files it names, from the folder of the plugin.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        // `./a` is `a`.
        let plain = |name: &str| {
            let parts = Path::new(name).components();
            parts.filter(|part| *part != Component::CurDir).collect()
        };
        let named = |value: &Value| value.as_str().map(plain);
        let events = self.steps.iter().filter_map(|step| step.event.as_ref());
        let raws = self.steps.iter().filter_map(|step| step.raw.as_ref());
        let files = raws.filter_map(|raw| raw.file.as_deref().map(plain));
        events
            .chain(self.tables.values())
            .filter_map(named)
            .chain(files)
            .collect()
    }
}

/// One input and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// A CloudEvent, or the file it is in.
    #[serde(default)]
    event: Option<Value>,
    /// A foreign message.
    #[serde(default)]
    raw: Option<Raw>,
    /// What must come of it.
    pub(super) expect: Expect,
}

/// A foreign message; exactly one of `file`, `text`, `json`, `base64`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "media_type")]
    content_type: String,
    #[serde(default = "received")]
    received: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    base64: Option<String>,
}

fn media_type() -> String {
    "application/json".to_owned()
}

fn received() -> String {
    "2026-01-31T12:00:00Z".to_owned()
}

/// Everything a call is given besides the state.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) event: Option<Event>,
    pub(super) content_type: String,
    pub(super) received: String,
    pub(super) bytes: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) tables: Tables,
    /// The tables as `name@version`, the version as far as it tells two apart.
    pub(super) versions: Vec<String>,
}

impl Given {
    /// Reads the files a step names.
    pub(super) fn prepare(test: &TestCase, step: &Step, folder: &Path) -> Result<Self, String> {
        let config = test
            .config
            .clone()
            .unwrap_or_else(|| Value::Object(Map::new()))
            .to_string()
            .into_bytes();
        let mut tables = Vec::new();
        for (name, table) in &test.tables {
            tables.push((name.as_str(), inline_or_file(table, folder)?));
        }
        let version = |(name, table): &(&str, Value)| format!("{name}@{:.12}", table_version(table));
        let versions = tables.iter().map(version).collect();
        let tables = tables_of(tables.iter().map(|(name, table)| (*name, table)));
        let mut given = Self {
            event: None,
            content_type: String::new(),
            received: String::new(),
            bytes: Vec::new(),
            config,
            tables,
            versions,
        };
        match (&step.event, &step.raw) {
            (Some(event), None) => given.event = Some(read_event(event, folder)?),
            (None, Some(raw)) => {
                given.content_type.clone_from(&raw.content_type);
                given.received.clone_from(&raw.received);
                given.bytes = raw.bytes(folder)?;
            }
            _ => return Err("a step needs either `event` or `raw`".to_owned()),
        }
        Ok(given)
    }
}

impl Given {
    /// The call with this state.
    pub(super) fn call<'a>(&'a self, state: Option<&'a [u8]>) -> Call<'a> {
        let input = match &self.event {
            Some(event) => Input::Event(event),
            None => Input::Raw {
                content_type: &self.content_type,
                bytes: &self.bytes,
                received: &self.received,
            },
        };
        Call {
            input,
            config: &self.config,
            state,
            tables: &self.tables,
        }
    }
}

impl Raw {
    fn bytes(&self, folder: &Path) -> Result<Vec<u8>, String> {
        match (&self.file, &self.text, &self.json, &self.base64) {
            (Some(file), None, None, None) => read_file(folder, file),
            (None, Some(text), None, None) => Ok(text.clone().into_bytes()),
            (None, None, Some(json), None) => Ok(json.to_string().into_bytes()),
            (None, None, None, Some(text)) => STANDARD
                .decode(text)
                .map_err(|error| format!("raw.base64: {error}")),
            _ => Err("`raw` needs exactly one of `file`, `text`, `json`, `base64`".to_owned()),
        }
    }
}

fn read_event(event: &Value, folder: &Path) -> Result<Event, String> {
    let bytes = match event {
        Value::String(file) => read_file(folder, file)?,
        inline => inline.to_string().into_bytes(),
    };
    json::parse(&Bytes::from(bytes)).map_err(|error| format!("event: {error}"))
}

fn inline_or_file(value: &Value, folder: &Path) -> Result<Value, String> {
    let Value::String(file) = value else {
        return Ok(value.clone());
    };
    let bytes = read_file(folder, file)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{file}: not UTF-8"))?;
    // JSON is YAML, so one reader does for both.
    serde_saphyr::from_str(&text).map_err(|error| format!("{file}: {error}"))
}

fn read_file(folder: &Path, file: &str) -> Result<Vec<u8>, String> {
    std::fs::read(folder.join(file)).map_err(|error| format!("{file}: {error}"))
}

/// State as a plugin would have stored it: text as it is, anything else as JSON text.
pub(super) fn state_bytes(state: &Value) -> Vec<u8> {
    state.to_string().into_bytes()
}
