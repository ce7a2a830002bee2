//! Whether the documents of a city fit together.
//!
//! Runs over the finished [`City`], not over files, so that the server applies the same rules to a
//! city that arrives over the network as `lint` does to a folder. Where the files are known, each
//! finding gets the line it is about.
//!
//! Errors are contradictions no one can have meant. That nobody allowed a delivery is a warning:
//! the bus denies it at routing time anyway, and an agreement that runs out must not make the whole
//! city unloadable overnight.

mod contracts;
mod filters;
mod partners;
mod provenance;
mod subscriptions;
mod webhook;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use stadtbus_event::{EventType, PartnerId};

use crate::city::City;
use crate::contract::Contract;
use crate::finding::{Finding, Findings, Severity, Text, did_you_mean};

use crate::plugin::{PluginRef, PluginUse, Role};
use crate::schema::fields::Fields;
use crate::subscription::Subscription;
use crate::yaml::Node;

/// Where the objects of a city were read from: object → file and tree.
pub(crate) type Places = HashMap<String, (String, Node)>;

/// All findings about a city.
pub(crate) fn check(city: &City, places: &Places, now: SystemTime) -> Findings {
    let contracts = city.contracts.iter().map(|c| (c.event_type.clone(), c)).collect();
    let mut check = Check {
        city,
        places,
        contracts,
        now,
        fields: HashMap::new(),
        findings: Vec::new(),
    };
    check.keys();
    check.partners();
    check.zones();
    for contract in &city.contracts {
        check.contract(contract);
    }
    check.duplicates();
    check.plugins();
    check.provenance();
    check.routes();
    for subscription in city.standing_orders() {
        check.subscription(subscription);
    }
    check.ordered_twice();
    check.loops();
    Findings::sorted(check.findings)
}

/// What is wrong with one subscription of the city, which need not be in it yet; `node` is its tree, in the shape of a
/// file.
pub(crate) fn one(city: &City, subscription: &Subscription, node: &Node, now: SystemTime) -> Vec<Finding> {
    let object = format!("subscription {}", subscription.subscription);
    let places = Places::from([(object, (String::new(), node.clone()))]);
    let contracts = city.contracts.iter().map(|c| (c.event_type.clone(), c)).collect();
    let mut check = Check {
        city,
        places: &places,
        contracts,
        now,
        fields: HashMap::new(),
        findings: Vec::new(),
    };
    check.subscription(subscription);
    check.findings
}

pub(super) struct Check<'c> {
    city: &'c City,
    places: &'c Places,
    contracts: HashMap<EventType, &'c Contract>,
    now: SystemTime,
    /// Schemas by event type, read when the first filter asks about their fields.
    fields: HashMap<&'c str, Option<Rc<Fields>>>,
    findings: Vec<Finding>,
}

/// What a finding is about: an object of the city and a JSON pointer into its document.
pub(super) struct Place<'p> {
    object: &'p str,
    pointer: &'p str,
}

pub(super) fn at<'p>(object: &'p str, pointer: &'p str) -> Place<'p> {
    Place { object, pointer }
}

impl<'c> Check<'c> {
    fn report(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: &Place<'_>,
        detail: Text,
        hint: Option<Text>,
    ) {
        let (file, node) = match self.places.get(place.object) {
            Some((file, node)) => (file.clone(), Some(node)),
            None => (place.object.to_owned(), None),
        };
        let mut finding = Finding::error(code, file, detail).hint(hint);
        finding.severity = severity;
        self.findings
            .push(finding.at(node.map_or((0, 0), |n| n.nearest_to(place.pointer).at)));
    }

    fn error(&mut self, code: &'static str, place: &Place<'_>, detail: Text, hint: Option<Text>) {
        self.report(Severity::Error, code, place, detail, hint);
    }

    fn warn(&mut self, code: &'static str, place: &Place<'_>, detail: Text, hint: Option<Text>) {
        self.report(Severity::Warning, code, place, detail, hint);
    }

    /// A reference to something the city does not have.
    fn unknown<'k>(
        &mut self,
        place: &Place<'_>,
        what: (&str, &str),
        name: &str,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) {
        let text = Text::new(
            format!("{} „{name}“ gibt es in dieser Stadt nicht.", what.0),
            format!("this city has no {} `{name}`", what.1),
        );
        self.error("SB-5006", place, text, did_you_mean(name, known));
    }

    fn partner_exists(&mut self, place: &Place<'_>, partner: &PartnerId) -> bool {
        let city = self.city;
        let known = city.partners.contains_key(partner);
        if !known {
            let names: Vec<&str> = city.partners.keys().map(PartnerId::as_str).collect();
            self.unknown(place, ("Einen Partner", "partner"), partner.as_str(), names);
        }
        known
    }

    fn contract_of(&mut self, place: &Place<'_>, ty: &EventType) -> Option<&'c Contract> {
        let found = self.contracts.get(ty.as_str()).copied();
        if found.is_none() {
            let city = self.city;
            let names: Vec<&str> = city.contracts.iter().map(|c| c.event_type.as_str()).collect();
            self.unknown(place, ("Einen Vertrag über", "contract for"), ty.as_str(), names);
        }
        found
    }

    fn keys(&mut self) {
        let city = self.city;
        let wrong = (city
            .partners
            .iter()
            .filter(|(k, v)| **k != v.partner)
            .map(|(k, _)| k.as_str()))
        .chain(
            city.routes
                .iter()
                .filter(|(k, v)| **k != v.route)
                .map(|(k, _)| k.as_str()),
        )
        .chain(
            (city.subscriptions.iter().chain(&city.ordered))
                .filter(|(k, v)| **k != v.subscription)
                .map(|(k, _)| k.as_str()),
        );
        for key in wrong {
            let text = Text::new(
                format!("Der Schlüssel „{key}“ stimmt nicht mit dem Namen im Eintrag überein."),
                format!("the key `{key}` is not the name inside the entry"),
            );
            self.error("SB-5005", &at(key, ""), text, None);
        }
    }

    /// An order's id that a folder gives to another partner's subscription: one of the two must go.
    fn ordered_twice(&mut self) {
        let city = self.city;
        for (id, own) in city
            .ordered
            .keys()
            .filter_map(|id| city.subscriptions.get_key_value(id))
        {
            let owner = &own.partner;
            let text = Text::new(
                format!("Ein Abonnement dieses Namens gibt es schon bei {owner}."),
                format!("{owner} already has a subscription of this name"),
            );
            self.error("SB-5007", &at(&format!("subscription {id}"), ""), text, None);
        }
    }

    /// What a folder cannot get wrong, but a document from the network can. A component that is not built has no digest
    /// yet; whoever needs it says so (`SB-5011` in a folder, the bus when it is to be put in force).
    fn plugins(&mut self) {
        let city = self.city;
        for plugin in &city.plugins {
            let object = format!("plugin {}", plugin.full_name());
            // The rule of a partner's name is the rule of a plugin's.
            if PartnerId::parse(&plugin.name).is_err() {
                let text = Text::new(
                    "Der Name des Plugins bricht die Regel für Namen.",
                    "the plugin's name breaks the rule of names",
                );
                self.error("SB-5013", &at(&object, "/name"), text, None);
            }
            let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if !plugin.digest.is_empty() && (plugin.digest.len() != 64 || !plugin.digest.bytes().all(hex)) {
                let text = Text::new(
                    "„digest“ ist keine SHA-256 in kleinen hexadezimalen Ziffern.",
                    "`digest` is not a SHA-256 in lower-case hexadecimal digits",
                );
                self.error("SB-5005", &at(&object, "/digest"), text, None);
            }
        }
    }

    fn routes(&mut self) {
        for route in self.city.routes.values() {
            let object = format!("route {}", route.route);
            if !self.partner_exists(&at(&object, "/partner"), &route.partner) {
                continue;
            }
            self.own_source(&at(&object, "/source"), &route.partner, &route.source);
            self.unsigned_source(&at(&object, "/source"), &route.partner, &route.source);
            self.publishes(&object, "/publishes", &route.partner, &route.publishes);
            let Some(plugin) =
                self.plugin_in_use(&object, "/plugin", "/tables", &route.partner, &route.plugin)
            else {
                continue;
            };
            if plugin.role != Role::Decode {
                self.error(
                    "SB-5005",
                    &at(&object, "/plugin"),
                    Text::new(
                        "Eine Annahme braucht ein Plugin der Rolle „decode“.",
                        "a route needs a plugin of role `decode`",
                    ),
                    None,
                );
            }
            self.produces(&object, "/publishes", plugin, &route.publishes);
        }
    }

    /// A source under which a partner publishes must be one of its own.
    fn own_source(&mut self, place: &Place<'_>, partner: &PartnerId, source: &str) {
        let owner = self.city.partners.get(partner);
        let owned = owner.is_some_and(|p| p.owns_source(source));
        if !owned {
            self.error(
                "SB-5006",
                place,
                Text::new(
                    format!("Die Quelle gehört keinem sendenden System von {partner}."),
                    format!("no publishing system of {partner} owns this source"),
                ),
                Some(Text::new(
                    format!("Die Quelle in partners/{partner}.yaml unter „sources“ eintragen."),
                    format!("Add the source in partners/{partner}.yaml under `sources`."),
                )),
            );
        }
    }

    /// Types that a route or derivation publishes: each under a contract of the same partner.
    fn publishes(&mut self, object: &str, pointer: &str, partner: &PartnerId, types: &[EventType]) {
        for (i, ty) in types.iter().enumerate() {
            let here = format!("{pointer}/{i}");
            let Some(contract) = self.contract_of(&at(object, &here), ty) else {
                continue;
            };
            if contract.publisher != *partner {
                let publisher = &contract.publisher;
                self.error(
                    "SB-5005",
                    &at(object, &here),
                    Text::new(
                        format!("Den Vertrag über diesen Ereignistyp hält {publisher}, nicht {partner}."),
                        format!("the contract for this event type is held by {publisher}, not {partner}"),
                    ),
                    None,
                );
            }
        }
    }

    /// The plugin that is named: it exists, is the partner's own, and gets its tables.
    fn plugin_in_use(
        &mut self,
        object: &str,
        name_at: &str,
        tables_at: &str,
        partner: &PartnerId,
        used: &PluginUse,
    ) -> Option<&'c PluginRef> {
        let city = self.city;
        let Some(plugin) = city.plugin(&used.name) else {
            let names: Vec<String> = city.plugins.iter().map(|p| p.full_name().to_string()).collect();
            self.unknown(
                &at(object, name_at),
                ("Ein Plugin", "plugin"),
                &used.name.to_string(),
                names.iter().map(String::as_str).collect::<Vec<_>>(),
            );
            return None;
        };
        if plugin.partner != *partner {
            let owner = &plugin.partner;
            self.error(
                "SB-5005",
                &at(object, name_at),
                Text::new(
                    format!("Das Plugin gehört {owner}; ein Partner benutzt nur eigene."),
                    format!("the plugin belongs to {owner}; a partner uses only its own"),
                ),
                None,
            );
        }
        for table in plugin.tables.iter().filter(|t| !used.tables.contains_key(*t)) {
            self.error(
                "SB-5004",
                &at(object, tables_at),
                Text::new(
                    format!("Das Plugin verlangt die Tabelle „{table}“."),
                    format!("the plugin asks for the table `{table}`"),
                ),
                None,
            );
        }
        for (theirs, ours) in &used.tables {
            let here = format!("{tables_at}/{theirs}");
            if !plugin.tables.contains(theirs) {
                self.unknown(
                    &at(object, &here),
                    ("Eine Tabelle des Plugins", "plugin table"),
                    theirs,
                    plugin.tables.iter().map(String::as_str).collect::<Vec<_>>(),
                );
            }
            if !city.tables.contains_key(ours) {
                self.unknown(
                    &at(object, &here),
                    ("Eine Tabelle", "table"),
                    ours,
                    city.tables.keys().map(String::as_str).collect::<Vec<_>>(),
                );
            }
        }
        Some(plugin)
    }

    /// Everything published must be something the plugin says it makes, and the other way round.
    fn produces(&mut self, object: &str, pointer: &str, plugin: &PluginRef, types: &[EventType]) {
        for (i, ty) in types
            .iter()
            .enumerate()
            .filter(|(_, ty)| !plugin.produces.contains(ty))
        {
            let here = format!("{pointer}/{i}");
            let name = plugin.full_name();
            self.error(
                "SB-5005",
                &at(object, &here),
                Text::new(
                    format!("Das Plugin {name} erzeugt „{ty}“ nicht."),
                    format!("the plugin {name} does not produce `{ty}`"),
                ),
                did_you_mean(
                    ty.as_str(),
                    plugin.produces.iter().map(EventType::as_str).collect::<Vec<_>>(),
                ),
            );
        }
        for ty in plugin.produces.iter().filter(|ty| !types.contains(ty)) {
            self.warn("SB-5005", &at(object, pointer), Text::new(
                format!("Das Plugin kann „{ty}“ erzeugen, hier fehlt der Typ; solche Ausgaben würden abgewiesen."),
                format!("the plugin may produce `{ty}`, which is missing here; such outputs would be refused"),
            ), None);
        }
    }
}
