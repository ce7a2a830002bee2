//! A city folder made for tests: `probe`, with one publisher (`werk`), one recipient (`amt`), one with no agreement (`fremd`)
//! and the operator (`stadt`). Every test adds the subscriptions it needs.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The event type of `werk`'s contract.
pub(crate) const TYPE: &str = "de.probe.werk.meldung.v1";
/// A second type of `werk`, for which nobody has an agreement.
pub(crate) const TYPE_CLOSED: &str = "de.probe.werk.intern.v1";
/// The purpose `amt` has an agreement for.
pub(crate) const PURPOSE: &str = "https://w3id.org/dpv#ImprovePublicServices";
/// The source `werk` may use.
pub(crate) const SOURCE: &str = "urn:probe:werk:sender";

/// A city folder in a directory of its own.
pub(crate) struct CityFolder {
    dir: TempDir,
}

impl CityFolder {
    pub(crate) fn new() -> Self {
        let city = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        city.write("city/city.yaml", CITY);
        for (name, text) in PARTNERS {
            city.write(&format!("city/partners/{name}.yaml"), text);
        }
        city.contract(
            "werk",
            "meldung",
            TYPE,
            &[("amt", PURPOSE, "2020-01-01", "2099-12-31")],
        );
        city.contract("werk", "intern", TYPE_CLOSED, &[]);
        fs::create_dir_all(city.dir.path().join("plugins")).unwrap();
        city
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("city")
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below the root (`city/…`, `contracts/…`, `plugins/…`).
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.dir.path().join(path)).unwrap();
    }

    /// A contract of `publisher` with agreements (recipient, purpose, from, to).
    pub(crate) fn contract(
        &self,
        publisher: &str,
        thing: &str,
        ty: &str,
        agreements: &[(&str, &str, &str, &str)],
    ) {
        let dir = format!("contracts/{publisher}/{thing}/v1");
        self.write(&format!("{dir}/schema.json"), SCHEMA);
        let text = CONTRACT
            .replace("PUBLISHER", publisher)
            .replace("THING", thing)
            .replace("TYPE", ty);
        self.write(&format!("{dir}/contract.odcs.yaml"), &text);
        for (recipient, purpose, from, to) in agreements {
            self.write(
                &format!("{dir}/usage/{recipient}.yaml"),
                &format!(
                    "agreement: urn:probe:usage:{thing}:{recipient}\nrecipient: {recipient}\npurpose: {purpose}\nlegalBasis: none-personal-data-free\nfrom: {from}\nto: {to}\n"
                ),
            );
        }
    }

    /// A subscription of `amt` to the open type; `more` is further YAML (`sink`, `delivery`, `filters`).
    pub(crate) fn subscribe(&self, id: &str, more: &str) {
        self.subscribe_as("amt", id, TYPE, PURPOSE, more);
    }

    pub(crate) fn subscribe_as(&self, partner: &str, id: &str, ty: &str, purpose: &str, more: &str) {
        self.write(
            &format!("city/subscriptions/{partner}/{id}.yaml"),
            &format!(
                "subscription: {id}\npartner: {partner}\ntitle: Für die Prüfung\npurpose: {purpose}\ntypes: [{ty}]\n{more}\n"
            ),
        );
    }

    /// A webhook subscription with a quick delivery policy.
    pub(crate) fn webhook(&self, id: &str, url: &str, delivery: &str) {
        self.subscribe(
            id,
            &format!("sink: {{webhook: {{url: \"{url}\", mode: structured}}}}\ndelivery: {{{delivery}}}"),
        );
    }
}

/// A delivery policy that does not make a test wait: at most three attempts, short pauses.
pub(crate) const QUICK: &str = "attempts_max: 3, first_delay_ms: 20, delay_ms_max: 100, timeout_ms: 1000";

const CITY: &str = "\
city: probe
title: Stadt Probe
contracts: ../contracts
plugins: ../plugins
zones:
  - {zone: pruefung, cidr: 127.0.0.1/32, ports: [1024-65535], plaintext: true, owner: pruefer, reason: Empfänger der Prüfung}
";

const PARTNERS: &[(&str, &str)] = &[
    (
        "stadt",
        "partner: stadt\nname: Stadt Probe\nkind: department\ncontact: {role: Betrieb, mail: betrieb@stadt.example}\nsystems:\n  - {system: betrieb, title: Betrieb des Busses, may: [operate]}\n",
    ),
    (
        "werk",
        "partner: werk\nname: Stadtwerk Probe\nkind: subsidiary\ncontact: {role: Leitwarte, mail: leitwarte@werk.example}\nsystems:\n  - {system: sender, title: Sender, may: [publish, subscribe], sources: [\"urn:probe:werk:sender\"]}\n  - {system: zweites, title: Zweites System, may: [publish], sources: [\"urn:probe:werk:zweites\"]}\n",
    ),
    (
        "amt",
        "partner: amt\nname: Amt Probe\nkind: department\ncontact: {role: Leitstelle, mail: leitstelle@amt.example}\nsystems:\n  - {system: empfang, title: Empfang, may: [subscribe]}\n",
    ),
    (
        "fremd",
        "partner: fremd\nname: Fremd GmbH\nkind: third-party\ncontact: {role: Technik, mail: technik@fremd.example}\nsystems:\n  - {system: sender, title: Sender, may: [publish, subscribe], sources: [\"urn:probe:fremd:sender\"]}\n",
    ),
];

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["nr", "wert"],
  "additionalProperties": false,
  "properties": {
    "nr": {"type": "string", "maxLength": 64},
    "wert": {"type": "integer"},
    "text": {"type": "string"}
  }
}
"#;

const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: urn:probe:datacontract:PUBLISHER.THING.v1
name: THING
version: 1.0.0
status: active
description: {purpose: Prüfung}
schema:
  - name: THING
    physicalName: TYPE
    physicalType: cloudevent
    properties:
      - {name: nr, required: true, classification: internal}
      - {name: wert, required: true, classification: internal}
      - {name: text, classification: internal}
customProperties:
  - {property: publisher, value: urn:probe:partner:PUBLISHER}
  - {property: controller, value: Stadtwerk Probe}
  - {property: legalBasis, value: none-personal-data-free}
  - {property: purposeIri, value: https://w3id.org/dpv#ImprovePublicServices}
  - {property: dataClassification, value: internal}
  - {property: containsPersonalData, value: false}
";
