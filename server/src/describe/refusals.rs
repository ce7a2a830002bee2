//! The refusals an operation may answer with, by status, as problem documents (RFC 9457).
//!
//! An operation names codes; the status and `Retry-After` of each are those of [`Refusal`], the title is that of its
//! page, so that description and bus cannot differ.

use std::collections::BTreeMap;

use stadtbus_flow::Refusal;
use utoipa::openapi::{
    AllOfBuilder, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder,
    schema::Type,
};

/// (code, title), sorted by code.
const TITLES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/titles.rs"));

/// Media type of a problem document.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Of every operation: headers too large, not answered in time.
pub(crate) const ALWAYS: &[&str] = &["SB-1402", "SB-1407"];
/// Of every operation that asks who is there.
pub(crate) const WHO: &[&str] = &["SB-1301", "SB-1302", "SB-1303", "SB-1304", "SB-1307"];
/// The token, or the city, does not allow it.
pub(crate) const SCOPE: &[&str] = &["SB-1305"];
/// No city is loaded yet, or nobody serves this subscription at this moment.
pub(crate) const NOT_YET: &[&str] = &["SB-1405"];
/// The broker does not do what it was asked.
pub(crate) const BROKER: &[&str] = &[
    "SB-1501", "SB-1502", "SB-1503", "SB-1504", "SB-1505", "SB-1506", "SB-1507", "SB-1508",
];
/// A parameter of path or query that is none.
pub(crate) const PARAMETER: &[&str] = &["SB-1119"];
/// A JSON body that is not what the call takes.
pub(crate) const BODY: &[&str] = &["SB-1102", "SB-1119", "SB-1401"];
/// An event that breaks its contract.
pub(crate) const CONTRACT: &[&str] = &[
    "SB-1114", "SB-1115", "SB-1201", "SB-1202", "SB-1203", "SB-1204", "SB-1205", "SB-1206",
];
/// Documents of a city that do not fit together.
pub(crate) const DOCUMENTS: &[&str] = &[
    "SB-2003", "SB-3006", "SB-5002", "SB-5003", "SB-5004", "SB-5005", "SB-5006", "SB-5007", "SB-5008",
    "SB-5013", "SB-5014", "SB-4021",
];
/// A city that cannot be put in force.
pub(crate) const CITY: &[&str] = &[
    "SB-4001", "SB-4002", "SB-4003", "SB-4004", "SB-4005", "SB-4006", "SB-4007", "SB-4008", "SB-4009",
    "SB-4010", "SB-4020", "SB-4022", "SB-4023", "SB-4025", "SB-5011", "SB-5012",
];

/// Declares the refusals of one operation, to be named in its `responses(…)`.
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident = $($codes:expr),+ $(,)?) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::describe::refusals::responses(&[$($codes),+])
            }
        }
    };
}
pub(crate) use refusals;

/// One response for each status that occurs among the codes.
pub(crate) fn responses(groups: &[&[&'static str]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for code in groups.iter().copied().flatten().copied() {
        let refusal = Refusal::new(code, "");
        let codes = by_status.entry(refusal.status()).or_default();
        if !codes.iter().any(|known| known.code == code) {
            codes.push(refusal);
        }
    }
    by_status
        .into_iter()
        .map(|(status, mut refusals)| {
            refusals.sort_by_key(|refusal| refusal.code);
            (status.to_string(), RefOr::T(response(status, &refusals)))
        })
        .collect()
}

fn response(status: u16, refusals: &[Refusal]) -> Response {
    let lines: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("`{}`: {}", refusal.code, title(refusal.code)))
        .collect();
    let codes = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(refusals.iter().map(|refusal| refusal.code)));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("code", codes));
    let mut response = ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content(PROBLEM, ContentBuilder::new().schema(Some(schema)).build());
    if refusals.iter().any(|refusal| refusal.retry_after.is_some()) {
        response = response.header("Retry-After", retry_after());
    }
    if status == 426 {
        let protocol = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["websocket"]));
        let header = HeaderBuilder::new()
            .schema(Some(protocol))
            .description(Some("What is spoken here (RFC 9110 § 7.8)."));
        response = response.header("Upgrade", header.build());
    }
    if status == 401 {
        let challenge = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["Bearer"]));
        let header = HeaderBuilder::new()
            .schema(Some(challenge))
            .description(Some("How to authenticate (RFC 9110 § 11.6.1)."));
        response = response.header("WWW-Authenticate", header.build());
    }
    response.build()
}

fn retry_after() -> utoipa::openapi::Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("Seconds after which to try again (RFC 9110 § 10.2.3)."))
        .build()
}

/// The title of a code's page.
pub(crate) fn title(code: &str) -> &'static str {
    TITLES
        .binary_search_by_key(&code, |(known, _)| known)
        .ok()
        .and_then(|at| TITLES.get(at))
        .map_or("", |(_, title)| title)
}
