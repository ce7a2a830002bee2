//! Which dead letters a call means.

use std::time::SystemTime;

use serde::Deserialize;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    dispatch::Wanted,
};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder,
        schema::{Array, Type},
    },
};

use crate::http::{
    Problem,
    extract::{field_within, whole_or_none, wholes},
};

/// Most letters changed in one call.
pub(super) const CHANGED_MAX: usize = 10_000;
/// Fastest redrive that can be asked for, in letters a second.
const RATE_PER_S_MAX: u64 = 10_000;

/// What is asked of the list in the query.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    /// Only those of this subscription.
    subscription: Option<String>,
    /// Only those of this partner's subscriptions.
    partner: Option<String>,
    /// Only those that were given up for this reason, `SB-nnnn`.
    code: Option<String>,
    /// Only those with events of this type.
    #[serde(rename = "type")]
    ty: Option<String>,
    /// Only those that were given up at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Only those that were given up before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<String>,
    #[param(ignore)]
    pub(super) limit: Option<u64>,
}

impl Asked {
    /// What of it the caller may see; none if that is nothing.
    pub(super) fn wanted(self, principal: &Principal) -> Result<Option<Wanted>, Problem> {
        let wanted = Wanted {
            subscription: self.subscription,
            partner: self.partner,
            code: self.code,
            ty: self.ty,
            from: time("from", self.from.as_deref())?,
            to: time("to", self.to.as_deref())?,
        };
        Ok(own(wanted, principal))
    }
}

/// Which letters to send again, or to throw away: those that are named, and those of which all holds that is said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Selection {
    /// These, as the list names them (`dead_letter`).
    #[serde(default, deserialize_with = "wholes")]
    #[schema(schema_with = positions)]
    pub(super) positions: Vec<u64>,
    /// Those of this subscription.
    #[serde(default)]
    pub(super) subscription: Option<String>,
    /// Those of this partner's subscriptions.
    #[serde(default)]
    partner: Option<String>,
    /// Those that were given up for this reason, `SB-nnnn`.
    #[serde(default)]
    code: Option<String>,
    /// Those with events of this type.
    #[serde(default, rename = "type")]
    ty: Option<String>,
    /// Those that were given up at this time or later.
    #[serde(default)]
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Those that were given up before this time.
    #[serde(default)]
    #[schema(format = DateTime)]
    to: Option<String>,
    /// Send again: so many in a second at most; all at once if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 10000)]
    rate_per_s: Option<u64>,
    /// Only count them.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) dry_run: bool,
}

fn positions() -> Array {
    let position = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(9_007_199_254_740_991_i64));
    ArrayBuilder::new()
        .items(position)
        .max_items(Some(CHANGED_MAX))
        .description(Some("These, as the list names them (`dead_letter`)."))
        .build()
}

impl Selection {
    /// How fast, if that is said.
    pub(super) fn rate(&self) -> Result<Option<u32>, Problem> {
        let Some(rate) = self.rate_per_s else {
            return Ok(None);
        };
        let rate = field_within("rate_per_s", rate, 1, RATE_PER_S_MAX)?;
        Ok(Some(u32::try_from(rate).unwrap_or(u32::MAX)))
    }

    /// What is meant besides the named ones, as far as the caller may see it; none if nothing is said.
    pub(super) fn wanted(&self, principal: &Principal) -> Result<Option<Wanted>, Problem> {
        let at = |Problem(refusal): Problem, name: &str| Problem(refusal.at(format!("/{name}")));
        let wanted = Wanted {
            subscription: self.subscription.clone(),
            partner: self.partner.clone(),
            code: self.code.clone(),
            ty: self.ty.clone(),
            from: time("from", self.from.as_deref()).map_err(|problem| at(problem, "from"))?,
            to: time("to", self.to.as_deref()).map_err(|problem| at(problem, "to"))?,
        };
        if wanted == Wanted::default() {
            return Ok(None);
        }
        Ok(own(wanted, principal))
    }
}

/// An operator sees all, a subscriber its own.
fn own(wanted: Wanted, principal: &Principal) -> Option<Wanted> {
    if principal.require(Scope::Operate).is_ok() {
        return Some(wanted);
    }
    let partner = principal.partner.to_string();
    let foreign = wanted.partner.as_ref().is_some_and(|asked| *asked != partner);
    let sees = principal.require_subscribe().is_ok() && !foreign;
    sees.then_some(Wanted {
        partner: Some(partner),
        ..wanted
    })
}

fn time(name: &str, text: Option<&str>) -> Result<Option<SystemTime>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Refusal::new(
            "SB-1119",
            format!("`{name}` must be a time of RFC 3339, such as 2026-11-23T14:00:00Z."),
        )
    })?;
    Ok(Some(time.into()))
}
