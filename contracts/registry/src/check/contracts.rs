//! Contracts and usage agreements.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Check, at};
use crate::agreement::UsageAgreement;
use crate::contract::{Classification, Contract};
use crate::finding::Text;
use crate::geo::Areas;
use crate::schema;

/// How the types of the bus's own notices begin, in every city.
const OWN_TYPES: &str = "de.stadtbus.";

impl Check<'_> {
    pub(super) fn contract(&mut self, contract: &Contract) {
        let object = format!("contract {}", contract.event_type);
        self.partner_exists(&at(&object, "/customProperties"), &contract.publisher);
        for partner in contract.recipients.iter().chain(&contract.excluded) {
            self.partner_exists(&at(&object, "/customProperties"), partner);
        }
        self.contract_names(&object, contract);
        self.contract_schema(&object, contract);
        self.classes(&object, contract);
        if contract
            .valid_from
            .zip(contract.valid_to)
            .is_some_and(|(from, to)| from > to)
        {
            self.error(
                "SB-5005",
                &at(&object, "/customProperties"),
                Text::new(
                    "„validFrom“ liegt nach „validTo“.",
                    "`validFrom` is after `validTo`",
                ),
                None,
            );
        }
        for agreement in &contract.usage {
            self.agreement(contract, agreement);
        }
    }

    fn contract_names(&mut self, object: &str, contract: &Contract) {
        let city = &self.city.name;
        let ty = contract.event_type.as_str();
        let id_prefix = format!("urn:{city}:datacontract:");
        let major = contract.version.split('.').next().unwrap_or_default();
        let findings = [
            (
                !ty.starts_with(&format!("de.{city}.")) && !ty.starts_with(OWN_TYPES),
                "/schema/0/physicalName",
                Text::new(
                    format!("Ereignistypen dieser Stadt beginnen mit „de.{city}.“."),
                    format!("event types of this city start with `de.{city}.`"),
                ),
            ),
            (
                !ty.ends_with(&format!(".v{major}")),
                "/schema/0/physicalName",
                Text::new(
                    format!("Der Ereignistyp endet nicht auf „.v{major}“, die Hauptversion des Vertrags."),
                    format!("the event type does not end in `.v{major}`, the contract's major version"),
                ),
            ),
            (
                !contract.id.starts_with(&id_prefix),
                "/id",
                Text::new(
                    format!("Vertragskennungen beginnen mit „{id_prefix}“."),
                    format!("contract ids start with `{id_prefix}`"),
                ),
            ),
        ];
        for (_, pointer, text) in findings.into_iter().filter(|(broken, _, _)| *broken) {
            self.warn("SB-5013", &at(object, pointer), text, None);
        }
    }

    fn contract_schema(&mut self, object: &str, contract: &Contract) {
        // The schema's findings belong to its own file, which lies beside the contract.
        let place = format!("schema {}", contract.event_type);
        let compiled = match schema::compile(&contract.schema) {
            Ok(compiled) => compiled,
            Err(why) => {
                self.error("SB-5008", &at(&place, ""), why, None);
                return;
            }
        };
        if !compiled.closed {
            self.warn(
                "SB-5005",
                &at(&place, ""),
                Text::new(
                    "Das Schema ist offen: Felder, die der Vertrag nicht nennt, würden weitergegeben.",
                    "the schema is open: fields the contract does not name would be passed on",
                ),
                Some(Text::new(
                    "„additionalProperties: false“ setzen.",
                    "Set `additionalProperties: false`.",
                )),
            );
        }
        let described: BTreeSet<&str> = contract.properties.iter().map(|p| p.name.as_str()).collect();
        let in_schema: BTreeSet<&str> = compiled.properties.iter().map(String::as_str).collect();
        for name in described.symmetric_difference(&in_schema) {
            self.warn(
                "SB-5006",
                &at(object, "/schema/0/properties"),
                Text::new(
                    format!("„{name}“ steht nur in einem von Vertrag und Schema."),
                    format!("`{name}` is in only one of contract and schema"),
                ),
                None,
            );
        }
        for property in &contract.properties {
            let in_schema = compiled.required.contains(&property.name);
            if in_schema != property.required && compiled.properties.contains(&property.name) {
                self.warn(
                    "SB-5005",
                    &at(object, "/schema/0/properties"),
                    Text::new(
                        format!(
                            "Ob „{}“ Pflicht ist, sagen Vertrag und Schema verschieden.",
                            property.name
                        ),
                        format!(
                            "contract and schema differ on whether `{}` is required",
                            property.name
                        ),
                    ),
                    None,
                );
            }
        }
    }

    fn classes(&mut self, object: &str, contract: &Contract) {
        for (i, property) in contract.properties.iter().enumerate() {
            if property.classification > contract.classification {
                let here = format!("/schema/0/properties/{i}/classification");
                let (of, whole) = (property.classification.as_str(), contract.classification.as_str());
                self.error(
                    "SB-5005",
                    &at(object, &here),
                    Text::new(
                        format!(
                            "Das Feld „{}“ ist {of}, das Ereignis aber nur {whole} eingestuft.",
                            property.name
                        ),
                        format!(
                            "the field `{}` is {of}, but the event is only {whole}",
                            property.name
                        ),
                    ),
                    None,
                );
            }
        }
        if contract.personal_data && contract.classification == Classification::Public {
            self.error(
                "SB-5005",
                &at(object, "/customProperties"),
                Text::new(
                    "Ein öffentliches Ereignis enthält keine personenbezogenen Daten.",
                    "a public event holds no personal data",
                ),
                None,
            );
        }
    }

    fn agreement(&mut self, contract: &Contract, agreement: &UsageAgreement) {
        let object = format!("agreement {}", agreement.agreement);
        self.partner_exists(&at(&object, "/recipient"), &agreement.recipient);
        if agreement.from > agreement.to {
            self.error(
                "SB-5005",
                &at(&object, "/to"),
                Text::new(
                    "Die Vereinbarung endet, bevor sie beginnt.",
                    "the agreement ends before it begins",
                ),
                None,
            );
        } else if agreement.to.ends() <= self.now {
            self.warn(
                "SB-5014",
                &at(&object, "/to"),
                Text::new(
                    format!("Die Vereinbarung ist am {} abgelaufen.", agreement.to),
                    format!("the agreement ran out on {}", agreement.to),
                ),
                None,
            );
        }
        if !contract.recipients.is_empty() && !contract.recipients.contains(&agreement.recipient) {
            self.error(
                "SB-5005",
                &at(&object, "/recipient"),
                Text::new(
                    format!(
                        "Der Vertrag nennt {} nicht unter „recipients“.",
                        agreement.recipient
                    ),
                    format!(
                        "the contract does not name {} under `recipients`",
                        agreement.recipient
                    ),
                ),
                None,
            );
        }
        if contract.excluded.contains(&agreement.recipient) {
            self.error(
                "SB-5005",
                &at(&object, "/recipient"),
                Text::new(
                    format!("Der Vertrag schließt {} als Empfänger aus.", agreement.recipient),
                    format!("the contract excludes {} as a recipient", agreement.recipient),
                ),
                None,
            );
        }
        if contract.personal_data && agreement.legal_basis == "none-personal-data-free" {
            self.error(
                "SB-5005",
                &at(&object, "/legalBasis"),
                Text::new(
                    "Personenbezogene Daten brauchen eine Rechtsgrundlage.",
                    "personal data needs a legal basis",
                ),
                None,
            );
        }
    }

    pub(super) fn duplicates(&mut self) {
        self.duplicate_contracts();
        self.duplicate_plugins();
    }

    fn duplicate_contracts(&mut self) {
        let mut types = HashSet::new();
        let mut ids = HashMap::new();
        let mut agreements = HashSet::new();
        for contract in &self.city.contracts {
            let object = format!("contract {}", contract.event_type);
            if !types.insert(&contract.event_type) {
                self.error(
                    "SB-5007",
                    &at(&object, "/schema/0/physicalName"),
                    Text::new(
                        format!("Über „{}“ gibt es zwei Verträge.", contract.event_type),
                        format!("there are two contracts for `{}`", contract.event_type),
                    ),
                    None,
                );
            }
            if ids.insert(&contract.id, ()).is_some() {
                self.error(
                    "SB-5007",
                    &at(&object, "/id"),
                    Text::new(
                        "Die Vertragskennung ist schon vergeben.",
                        "the contract id is already taken",
                    ),
                    None,
                );
            }
            for agreement in &contract.usage {
                if !agreements.insert(&agreement.agreement) {
                    let object = format!("agreement {}", agreement.agreement);
                    self.error(
                        "SB-5007",
                        &at(&object, "/agreement"),
                        Text::new(
                            "Die Kennung der Vereinbarung ist schon vergeben.",
                            "the agreement id is already taken",
                        ),
                        None,
                    );
                }
            }
        }
    }

    fn duplicate_plugins(&mut self) {
        let mut plugins = HashSet::new();
        for plugin in &self.city.plugins {
            let name = plugin.full_name();
            if !plugins.insert(name.clone()) {
                self.error(
                    "SB-5007",
                    &at(&format!("plugin {name}"), "/plugin"),
                    Text::new(
                        format!("Das Plugin „{name}“ gibt es zweimal."),
                        format!("the plugin `{name}` exists twice"),
                    ),
                    None,
                );
            }
            let types: Vec<_> = plugin.consumes.iter().chain(&plugin.produces).cloned().collect();
            self.partner_exists(&at(&format!("plugin {name}"), "/partner"), &plugin.partner);
            for ty in types {
                self.contract_of(&at(&format!("plugin {name}"), "/produces"), &ty);
            }
        }
        for (name, table) in &self.city.tables {
            if Areas::are(table)
                && let Err(fault) = Areas::read(table)
            {
                let (table, path) = (format!("table {name}"), format!("/{}", fault.path.join("/")));
                let place = at(&table, &path);
                let Text { de, en } = fault.text;
                self.error(fault.code, &place, Text::new(format!("{de}."), en), fault.hint);
            }
            if !table.is_object() && !table.is_array() {
                self.error(
                    "SB-5005",
                    &at(&format!("table {name}"), ""),
                    Text::new(
                        "Eine Tabelle ist eine Zuordnung oder eine Liste.",
                        "a table is a mapping or a list",
                    ),
                    None,
                );
            }
        }
    }
}
