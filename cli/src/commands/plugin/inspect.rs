//! `stadtbus plugin inspect`: what a plugin is, what it is made of, who vouches for it and what it asks for.

use super::beside::{self, Trust};
use super::{Target, component, host_failure, manifest};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::shell::table;
use crate::ui::{Exit, Outcome, Style, t};
use serde_json::{Value, json};
use stadtbus_contracts::PluginSignature;
use stadtbus_plugin_host::Carried;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zeigen, was ein Plugin mitführt: Lizenz, Stückliste, Signatur, Wünsche", "Show what a plugin carries: licence, bill of materials, signature, what it asks for"),
    after_help = example(&["stadtbus plugin inspect plugins/krefeld/outage-redact --city deploy/cities/krefeld", "stadtbus plugin inspect . --sbom"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    trust: Trust,
    #[arg(long, help = t("Nur die Stückliste (CycloneDX, JSON)", "Only the bill of materials (CycloneDX, JSON)"))]
    sbom: bool,
}

/// Shows.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let folder = &args.target.folder;
    let (manifest, yaml) = manifest(folder)?;
    let component = component(folder, &manifest.plugin)?;
    let carried = Carried::of(&component).map_err(|error| host_failure(&error))?;
    let shell = &session.shell;
    if args.sbom {
        let sbom = carried.sbom.unwrap_or(Value::Null);
        shell.line(&serde_json::to_string_pretty(&sbom).unwrap_or_default());
        return Ok(Exit::Done);
    }
    let report = stadtbus_plugin_host::check(&component, &manifest).map_err(|error| host_failure(&error))?;
    let signature = beside::signature(folder, &manifest.plugin)?;
    let sigstore = beside::sigstore(folder, &manifest.plugin)?;
    let verified = if args.trust.is_given() {
        let named = (&manifest, yaml.as_str());
        Some(
            args.trust
                .verify(session, named, &component, signature.as_ref())?,
        )
    } else {
        None
    };
    let name = format!("{}@{}", manifest.name(), manifest.version);
    let grants = manifest.grants();
    let keys: Vec<&str> = signature.iter().flat_map(PluginSignature::key_ids).collect();
    let document = json!({
        "plugin": name, "digest": report.digest, "component_bytes": report.component_bytes,
        "imports": report.imports, "license": carried.license, "sbom": carried.sbom,
        "signature": {"keys": keys, "verified": verified},
        "sigstore": if sigstore.is_some() { "carried, not verified" } else { "none" },
        "grants": grants,
    });
    shell.show(&document, || {
        let none = || t("keine", "none").to_owned();
        let sentence = match (&verified, keys.is_empty()) {
            (Some(key), _) => say!("gilt, Schlüssel {key}", "holds, key {key}"),
            (None, false) => say!(
                "von {}, nicht geprüft (--city oder --public-key)",
                "by {}, not verified (--city or --public-key)",
                keys.join(", ")
            ),
            (None, true) => none(),
        };
        let bundle = if sigstore.is_some() {
            t("mitgeführt, nicht geprüft", "carried, not verified").to_owned()
        } else {
            none()
        };
        let license = carried.license.clone();
        let rows = [
            ("sha256", report.digest.clone()),
            (t("Lizenz", "licence"), license.unwrap_or_else(none)),
            (t("Stückliste", "made of"), made_of(carried.sbom.as_ref())),
            (t("Signatur", "signature"), sentence),
            ("Sigstore", bundle),
            (t("möchte", "asks for"), grants.join(", ")),
            (t("Importe", "imports"), report.imports.join(", ")),
        ];
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(name, value)| vec![format!("  {name}"), value])
            .collect();
        let mut lines = vec![shell.paint(Style::Strong, &name)];
        lines.extend(table(&rows));
        lines
    });
    Ok(Exit::Done)
}

/// The bill of materials in one line; its parts are shown by `--sbom`.
fn made_of(sbom: Option<&Value>) -> String {
    let Some(sbom) = sbom else {
        return t("keine", "none").to_owned();
    };
    let count = sbom
        .get("components")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let known = sbom
        .pointer("/compositions/0")
        .is_some_and(|composition| text(composition, "aggregate") == "complete");
    if known {
        say!("{count} Teile (--sbom)", "{count} parts (--sbom)")
    } else {
        say!(
            "{count} Teile; ohne Sperrdatei (lock file), also nicht vollständig bekannt",
            "{count} parts; without a lock file, so not all are known"
        )
    }
}
