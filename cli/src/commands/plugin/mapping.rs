//! Plugins without a source: the ready component `map`, which runs the expression of a configuration, or the one that is
//! written into it here.

use super::host_failure;
use crate::plugin_test::sandbox;
use crate::say;
use crate::ui::{Exit, Failure};
use stadtbus_plugin_host::build::{Built, Effort};
use stadtbus_plugin_host::{Manifest, Tables};
use std::path::Path;

#[cfg(test)]
mod tests;

/// The ready plugin `map`, where it was built before this program was.
static MAP: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/map.rs"));
/// The expression of a plugin that carries it, beside its manifest.
const FILE: &str = "expression.jsonata";
/// What stands in the component before the room for an expression (`plugins/map/src/carried.rs`).
const MARK: &[u8] = b"stadtbus:map/expression:";
/// That room, filled with blanks.
const ROOM: usize = 16_384;

/// Puts the component beside the manifest of a plugin without a source.
pub(super) fn put(manifest: &Manifest, folder: &Path) -> Result<Built, Failure> {
    let component = MAP.ok_or_else(|| {
        let message = say!(
            "Diesem Programm fehlt die Komponente `map`.",
            "This program lacks the component `map`."
        );
        Failure::new("SB-5011", Exit::Failed, message)
            .detail(say!(
                "Es wurde aus dem Quelltext gebaut, bevor sie da war.",
                "It was built from the source before that was there."
            ))
            .hint("cargo xtask setup")
    })?;
    let source = folder.join(FILE);
    let component = if source.exists() {
        let expression = std::fs::read_to_string(&source).map_err(|error| Failure::file(&source, &error))?;
        let carrying = carrying(component, expression.trim_end()).ok_or_else(|| {
            let most = ROOM / 1024;
            let why = say!("länger als {most} KiB", "longer than {most} KiB");
            Failure::file(&source, &why)
        })?;
        understood(manifest, &carrying, &source)?;
        carrying
    } else {
        component.to_vec()
    };
    let report = stadtbus_plugin_host::check(&component, manifest).map_err(|error| host_failure(&error))?;
    let path = folder.join("build").join(format!("{}.wasm", manifest.plugin));
    std::fs::create_dir_all(folder.join("build"))
        .and_then(|()| std::fs::write(&path, &component))
        .map_err(|error| Failure::file(&path, &error))?;
    Ok(Built {
        path,
        report,
        effort: Effort::Full,
        component,
    })
}

/// The component with the expression in its room; `None` if it does not fit.
fn carrying(component: &[u8], expression: &str) -> Option<Vec<u8>> {
    let at = component.windows(MARK.len()).position(|bytes| bytes == MARK)?;
    let mut made = component.to_vec();
    let room = made.get_mut(at.checked_add(MARK.len())?..)?.get_mut(..ROOM)?;
    room.get_mut(..expression.len())?
        .copy_from_slice(expression.as_bytes());
    Some(made)
}

/// What is wrong with the expression is told by the component itself.
fn understood(manifest: &Manifest, component: &[u8], source: &Path) -> Result<(), Failure> {
    let deployed = sandbox::deploy(manifest, component).map_err(|error| host_failure(&error))?;
    let faults = deployed.check_config(b"{}", &Tables::default());
    let faults = faults.map_err(|failure| Failure::new(failure.code, Exit::Failed, failure.detail))?;
    if faults.is_empty() {
        return Ok(());
    }
    let path = source.display();
    let message = say!(
        "{path} ist kein gültiger Ausdruck.",
        "{path} is not a valid expression."
    );
    let failure = Failure::new("SB-4010", Exit::Failed, message);
    Err(faults.iter().fold(failure, |failure, fault| {
        failure.detail(format!("{path}:{}:{}: {}", fault.line, fault.column, fault.text))
    }))
}
