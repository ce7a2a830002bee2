//! The examples beside each contract, as tests: an `ok-*` must be accepted, a `bad-*` must be
//! refused for the very reason it states. An example that fails for another reason proves nothing.

use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stadtbus_event::{PartnerId, json};

use crate::contract::Contract;
use crate::finding::{Finding, Text};
use crate::load::{self, ContractFolder};
use crate::registry::Registry;

/// What became of one example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExampleResult {
    /// The file, as the caller would open it.
    pub file: String,
    /// The event type of the contract it stands beside.
    pub contract: String,
    /// What is wrong with it; nothing, if it did what it must.
    pub finding: Option<Finding>,
}

/// A `bad-*` file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    reason: Reason,
    event: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    code: String,
    pointer: Option<String>,
    /// Who sends it, where that is not the contract's publisher.
    publisher: Option<PartnerId>,
}

/// Runs all examples of a city folder. If the folder does not load, its findings come instead,
/// each as the result of a file.
pub fn test_examples(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Vec<ExampleResult> {
    let (city, findings) = load::read(folder, env, SystemTime::now());
    let broken = |findings: Vec<Finding>| -> Vec<ExampleResult> {
        let row = |f: Finding| ExampleResult {
            file: f.file.to_string(),
            contract: String::new(),
            finding: Some(f),
        };
        findings.into_iter().map(row).collect()
    };
    let Some(city) = city.filter(|_| !findings.has_errors()) else {
        return broken(findings.0);
    };
    let folders = load::contract_folders(folder);
    let registry = match Registry::compile(city) {
        Ok(registry) => registry,
        Err(findings) => return broken(findings.0),
    };
    let mut results = Vec::new();
    for ContractFolder { event_type, examples } in folders {
        let Some(contract) = registry.contract(event_type.as_str()) else {
            continue;
        };
        for path in examples {
            let finding = example(&registry, contract.contract(), &path).err();
            let (file, contract) = (load::shown(&path), event_type.to_string());
            results.push(ExampleResult {
                file,
                contract,
                finding,
            });
        }
    }
    results
}

fn example(registry: &Registry, contract: &Contract, path: &Path) -> Result<(), Finding> {
    let text = load::read_text(path)?;
    let file = load::shown(path);
    let name = load::name_of(path);
    if name.starts_with("ok-") {
        accept(registry, contract, &contract.publisher, Bytes::from(text)).map_err(|refused| {
            let at = refused.pointer.as_deref().unwrap_or("/");
            Finding::error(
                "SB-5009",
                file,
                Text::new(
                    format!(
                        "Das gute Beispiel wird abgewiesen: {} bei {at}: {}",
                        refused.code, refused.detail.de
                    ),
                    format!(
                        "the ok example is refused: {} at {at}: {}",
                        refused.code, refused.detail.en
                    ),
                ),
            )
        })
    } else if name.starts_with("bad-") {
        refuse(registry, contract, &file, &text)
    } else {
        Err(Finding::error(
            "SB-5013",
            file,
            Text::new(
                "Beispiele heißen „ok-….json“ oder „bad-….json“.",
                "examples are named `ok-….json` or `bad-….json`",
            ),
        ))
    }
}

fn refuse(registry: &Registry, contract: &Contract, file: &str, text: &str) -> Result<(), Finding> {
    let bad: Bad = serde_json::from_str(text).map_err(|error| {
        Finding::error("SB-5005", file, Text::new(
            format!("Ein schlechtes Beispiel hat die Form {{\"reason\": {{\"code\", \"pointer\"}}, \"event\"}}: {error}"),
            format!("a bad example has the shape {{\"reason\": {{\"code\", \"pointer\"}}, \"event\"}}: {error}"),
        ))
    })?;
    let publisher = bad.reason.publisher.as_ref().unwrap_or(&contract.publisher);
    let stated = format!(
        "{} {}",
        bad.reason.code,
        bad.reason.pointer.as_deref().unwrap_or("-")
    );
    let outcome = match accept(registry, contract, publisher, Bytes::from(bad.event.to_string())) {
        Ok(()) => "accepted".to_owned(),
        Err(refused) => format!("{} {}", refused.code, refused.pointer.as_deref().unwrap_or("-")),
    };
    if outcome == stated {
        return Ok(());
    }
    Err(Finding::error(
        "SB-5010",
        file,
        Text::new(
            format!("Das schlechte Beispiel soll an „{stated}“ scheitern; das Ergebnis war „{outcome}“."),
            format!("the bad example should fail with `{stated}`; the outcome was `{outcome}`"),
        ),
    ))
}

struct Refused {
    code: &'static str,
    pointer: Option<String>,
    detail: Text,
}

fn accept(
    registry: &Registry,
    contract: &Contract,
    publisher: &PartnerId,
    text: Bytes,
) -> Result<(), Refused> {
    let event = json::parse(&text).map_err(|error| Refused {
        code: error.code(),
        pointer: error.attribute().map(|name| format!("/{name}")),
        detail: Text::new(error.detail(), error.detail()),
    })?;
    let owns = registry
        .partner(publisher)
        .is_some_and(|p| p.owns_source(event.source()));
    if !owns {
        return Err(Refused {
            code: "SB-1306",
            pointer: Some("/source".to_owned()),
            detail: Text::new(
                "Die Quelle gehört nicht dem Herausgeber.",
                "the source is not the publisher's",
            ),
        });
    }
    let validated = registry.validate(publisher, &event, SystemTime::now());
    let found = validated.map_err(|v| Refused {
        code: v.code,
        pointer: v.pointer,
        detail: v.detail,
    })?;
    if found.contract().event_type == contract.event_type {
        return Ok(());
    }
    Err(Refused {
        code: "SB-1201",
        pointer: Some("/type".to_owned()),
        detail: Text::new(
            "Das Beispiel gehört zu einem anderen Vertrag.",
            "the example belongs to another contract",
        ),
    })
}
