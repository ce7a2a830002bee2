//! A city made ready for use: schemas compiled, everything found by name in constant time.

mod rights;

use std::collections::HashMap;
use std::time::SystemTime;

use rights::Agreed;
pub use rights::{Grounds, Permit, Refusal};
use stadtbus_event::{Event, PartnerId};

use crate::agreement::UsageAgreement;
use crate::check::{self, Places};
use crate::city::City;
use crate::contract::Contract;
use crate::finding::{Finding, Findings, Severity, Text};
use crate::partner::Partner;
use crate::payload;
use crate::plugin::{PluginName, PluginRef};
use crate::route::Route;
use crate::schema::{self, Schema};
use crate::strict_json;
use crate::subscription::Subscription;
use crate::trust::Trust;

/// A compiled city. Immutable: a changed city is a new registry.
#[derive(Debug)]
pub struct Registry {
    city: City,
    digest: String,
    contracts: HashMap<String, CompiledContract>,
    warnings: Findings,
    pub(crate) trust: Trust,
}

/// A contract with its schema compiled.
#[derive(Debug)]
pub struct CompiledContract {
    contract: Contract,
    schema: Schema,
    valid: (Option<SystemTime>, Option<SystemTime>),
    agreed: Agreed,
}

impl CompiledContract {
    /// The contract itself.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// `$id` of the schema, the value of `dataschema`.
    pub fn schema_id(&self) -> Option<&str> {
        self.schema.id.as_deref()
    }

    /// The agreements in force at `now`, but for partners that must never receive. Looks at all of them.
    pub fn agreements(&self, now: SystemTime) -> impl Iterator<Item = &UsageAgreement> {
        let current = move |one: &&UsageAgreement| one.from.begins() <= now && now < one.to.ends();
        let usage = self.contract.usage.iter().filter(current);
        usage.filter(|agreement| !self.contract.excluded.contains(&agreement.recipient))
    }

    /// Whether events are accepted under it at `now`: by its status and its days.
    pub fn in_force(&self, now: SystemTime) -> bool {
        let (from, to) = self.valid;
        self.contract.status.in_force() && from.is_none_or(|from| from <= now) && to.is_none_or(|to| now < to)
    }
}

/// Why an event is not what its contract says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `SB-12xx`.
    pub code: &'static str,
    /// JSON pointer into the structured event (`/data/…`, `/dataschema`), where there is one.
    pub pointer: Option<String>,
    /// One sentence; never a value of the payload.
    pub detail: Text,
    /// What to do about it, where that is known.
    pub hint: Option<Text>,
}

macro_rules! sentence {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}: {}", self.code, self.detail.en)
            }
        }
        impl std::error::Error for $name {}
    };
}
sentence!(Violation);
sentence!(Refusal);

impl Registry {
    /// Checks that the city's documents fit together and compiles its schemas.
    ///
    /// # Errors
    /// All errors found; warnings do not stop it (see [`Registry::warnings`]).
    pub fn compile(city: City) -> Result<Self, Findings> {
        let findings = check::check(&city, &Places::new(), SystemTime::now());
        if findings.has_errors() {
            return Err(findings);
        }
        let mut contracts = HashMap::with_capacity(city.contracts.len());
        for contract in &city.contracts {
            let schema = schema::compile(&contract.schema).map_err(|why| {
                Findings(vec![Finding::error("SB-5008", contract.event_type.as_str(), why)])
            })?;
            let compiled = CompiledContract {
                schema,
                valid: (
                    contract.valid_from.map(|d| d.begins()),
                    contract.valid_to.map(|d| d.ends()),
                ),
                agreed: Agreed::of(contract),
                contract: contract.clone(),
            };
            contracts.insert(contract.event_type.as_str().to_owned(), compiled);
        }
        let warnings = findings
            .into_iter()
            .filter(|f| f.severity == Severity::Warning)
            .collect();
        Ok(Self {
            trust: Trust::compile(&city)?,
            digest: city.digest(),
            city,
            contracts,
            warnings: Findings(warnings),
        })
    }

    /// The city.
    pub fn city(&self) -> &City {
        &self.city
    }

    /// The city's digest, computed once.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the city says without effect.
    pub fn warnings(&self) -> &Findings {
        &self.warnings
    }

    /// The partner.
    pub fn partner(&self, id: &PartnerId) -> Option<&Partner> {
        self.city.partners.get(id)
    }

    /// The contract for an event type.
    pub fn contract(&self, ty: &str) -> Option<&CompiledContract> {
        self.contracts.get(ty)
    }

    /// The route.
    pub fn route(&self, id: &str) -> Option<&Route> {
        self.city.routes.get(id)
    }

    /// The subscription.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.city.subscription(id)
    }

    /// All subscriptions, in the order of the city; those ordered over the API come last.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.city.standing_orders()
    }

    /// The plugin.
    pub fn plugin(&self, name: &PluginName) -> Option<&PluginRef> {
        self.city.plugin(name)
    }

    /// Whether `event`, published by `publisher` at `now`, is what its contract says.
    ///
    /// # Errors
    /// The first [`Violation`], `SB-1201` to `SB-1206`.
    pub fn validate(
        &self,
        publisher: &PartnerId,
        event: &Event,
        now: SystemTime,
    ) -> Result<&CompiledContract, Violation> {
        let compiled = self.contracts.get(event.ty()).ok_or_else(no_contract)?;
        if compiled.contract.publisher != *publisher {
            return Err(violation(
                "SB-1202",
                "/type",
                Text::new(
                    "Den Vertrag über diesen Ereignistyp hält ein anderer Partner.",
                    "the contract for this event type is held by another partner",
                ),
            ));
        }
        if !compiled.in_force(now) {
            return Err(violation(
                "SB-1205",
                "/type",
                Text::new(
                    "Der Vertrag über diesen Ereignistyp ist nicht in Kraft.",
                    "the contract for this event type is not in force",
                ),
            ));
        }
        compiled.attributes(event)?;
        compiled.data(event)?;
        Ok(compiled)
    }
}

impl CompiledContract {
    /// Attributes that repeat what the contract says must not say otherwise.
    fn attributes(&self, event: &Event) -> Result<(), Violation> {
        let differs =
            |given: Option<&str>, ours: Option<&str>| given.is_some_and(|given| Some(given) != ours);
        let checks = [
            (
                "/dataschema",
                event.dataschema().map(std::borrow::Cow::Borrowed),
                self.schema_id(),
            ),
            (
                "/datacontract",
                event.attribute("datacontract"),
                Some(self.contract.id.as_str()),
            ),
            (
                "/dataclassification",
                event.attribute("dataclassification"),
                Some(self.contract.classification.as_str()),
            ),
        ];
        for (pointer, given, ours) in checks {
            if differs(given.as_deref(), ours) {
                let name = pointer.trim_start_matches('/');
                let said = ours.unwrap_or("-");
                return Err(Violation {
                    hint: Some(Text::new(
                        format!("Der Vertrag sagt „{said}“; das Attribut darf auch fehlen."),
                        format!("The contract says `{said}`; the attribute may also be left out."),
                    )),
                    ..violation(
                        "SB-1206",
                        pointer,
                        Text::new(
                            format!("Das Attribut „{name}“ widerspricht dem Vertrag."),
                            format!("the attribute `{name}` contradicts the contract"),
                        ),
                    )
                });
            }
        }
        Ok(())
    }

    fn data(&self, event: &Event) -> Result<(), Violation> {
        if payload::opaque(&self.contract.payloads, event) {
            return Ok(());
        }
        let bytes = event.data().filter(|_| event.has_json_data()).ok_or_else(|| {
            violation(
                "SB-1204",
                "/data",
                Text::new(
                    "Die Daten fehlen oder sind nicht als JSON ausgewiesen.",
                    "the data is missing or not declared as JSON",
                ),
            )
        })?;
        let data = strict_json::parse(bytes).map_err(|fault| {
            violation(
                "SB-1204",
                "/data",
                match fault {
                    strict_json::Fault::NotJson => Text::new(
                        "Die Daten sind kein lesbares JSON.",
                        "the data is not readable JSON",
                    ),
                    strict_json::Fault::NameTwice => Text::new(
                        "In den Daten steht ein Feldname zweimal.",
                        "the data holds a field name twice",
                    ),
                },
            )
        })?;
        self.schema.check(&data).map_err(|failure| Violation {
            code: "SB-1203",
            pointer: Some(format!("/data{}", failure.pointer)),
            detail: failure.detail,
            hint: failure.hint,
        })
    }
}

fn violation(code: &'static str, pointer: &str, detail: Text) -> Violation {
    Violation {
        code,
        pointer: Some(pointer.to_owned()),
        detail,
        hint: None,
    }
}

fn no_contract() -> Violation {
    let hint = Text::new(
        "Den Ereignistyp prüfen; ein neuer braucht zuerst einen Vertrag.",
        "Check the event type; a new one needs a contract first.",
    );
    let text = Text::new(
        "Für diesen Ereignistyp gibt es keinen Vertrag.",
        "there is no contract for this event type",
    );
    Violation {
        hint: Some(hint),
        ..violation("SB-1201", "/type", text)
    }
}
