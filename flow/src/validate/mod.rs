//! Step three of half one: may this publisher say this, and does it say what its contract promises?
//!
//! *Promise*: nothing enters the log that its own contract does not describe. *Refuses*: a `source` that is not
//! the publisher's, a signature that none of the source's trusted keys made, a type without a contract or with somebody else's, data that the contract's schema does
//! not allow, each with the place in the event. *Why here*: last before the log, because it is the dearest
//! check, and because after the log nobody can be told "no" any more.

use std::time::SystemTime;

use stadtbus_contracts::{Permission, Registry, Violation};
use stadtbus_event::{Event, PartnerId, extensions};

use crate::{Refusal, authenticate::Principal};

/// Checks an event of `principal` and names the contract it was validated against, `<id>@<version>`.
///
/// # Errors
/// `SB-1306`, `SB-1307`, `SB-1116` and `SB-1312` for a signature that does not hold or is missing, and as [`contract`].
pub fn admit(
    registry: &Registry,
    principal: &Principal,
    event: &Event,
    now: SystemTime,
) -> Result<String, Refusal> {
    owns_source(registry, principal, event.source())?;
    registry
        .check_signature(&principal.partner, event)
        .map_err(violated)?;
    contract(registry, principal, event, now)
}

/// Checks an event that a route's plugin made for `principal`: its source is the route's, not the publisher's
/// to choose.
///
/// # Errors
/// `SB-1114` and `SB-1115` for an extension that breaks its document, `SB-12xx`.
pub fn contract(
    registry: &Registry,
    principal: &Principal,
    event: &Event,
    now: SystemTime,
) -> Result<String, Refusal> {
    promised(registry, &principal.partner, event, now)
}

/// Checks an event against the contract under which `publisher` would publish it, and names that contract.
///
/// # Errors
/// As [`contract`].
pub fn promised(
    registry: &Registry,
    publisher: &PartnerId,
    event: &Event,
    now: SystemTime,
) -> Result<String, Refusal> {
    extensions::check_extensions(event)?;
    match registry.validate(publisher, event, now) {
        Ok(compiled) => Ok(reference(compiled.contract())),
        Err(violation) => Err(violated(violation)),
    }
}

fn violated(violation: Violation) -> Refusal {
    Refusal {
        pointer: violation.pointer,
        hint: violation.hint.map(|hint| hint.en.into()),
        ..Refusal::new(violation.code, violation.detail.en)
    }
}

/// What the city allows a system may be less than its token says: the scopes that hold are those both give.
#[must_use]
pub fn narrowed(registry: &Registry, principal: &Principal) -> Principal {
    let may = |permission| registered(registry, principal).is_ok_and(|system| system.may(permission));
    let mut narrowed = principal.clone();
    narrowed.scopes.publish &= may(Permission::Publish);
    narrowed.scopes.subscribe &= may(Permission::Subscribe);
    narrowed.scopes.operate &= may(Permission::Operate);
    narrowed
}

/// How a contract is named in receipts, journeys and the log: `<id>@<version>`.
#[must_use]
pub(crate) fn reference(contract: &stadtbus_contracts::Contract) -> String {
    format!("{}@{}", contract.id, contract.version)
}

fn owns_source(registry: &Registry, principal: &Principal, source: &str) -> Result<(), Refusal> {
    let system = registered(registry, principal)?;
    if system.owns_source(source) {
        return Ok(());
    }
    Err(Refusal::new(
        "SB-1306",
        format!(
            "The source does not belong to {}/{}.",
            principal.partner, principal.system
        ),
    )
    .at("/source")
    .hint(format!("Allowed: {}", system.sources.join(", "))))
}

/// The system behind a token, as the city knows it now.
///
/// # Errors
/// `SB-1307` when the city does not know it (any more).
pub fn registered<'a>(
    registry: &'a Registry,
    principal: &Principal,
) -> Result<&'a stadtbus_contracts::System, Refusal> {
    registry
        .partner(&principal.partner)
        .and_then(|partner| partner.system(principal.system.as_str()))
        .ok_or_else(|| {
            Refusal::new(
                "SB-1307",
                format!(
                    "The city knows no system {}/{}.",
                    principal.partner, principal.system
                ),
            )
        })
}
