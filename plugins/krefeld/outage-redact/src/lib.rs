//! Turns an outage as the control room knows it into the form everybody may have.
//!
//! Built from an allow list, not by deleting: the output has its own type, and every field of it is either made here
//! or checked here. Station ids, exact numbers of customers and free text cannot pass, also not hidden in another
//! field: causes come from a list in the configuration, districts are words without digits, and the outline of the
//! area is coarsened to about 100 metres so that it does not trace a single station.

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Answer, Context, Draft, Event, Stop, Transform, export, reject};

const PUBLIC: &str = "de.krefeld.swk.outage.public.v1";
const RESOLVED: &str = "de.krefeld.swk.outage.resolved.v1";
/// What is said instead of a cause that is not released.
const UNDER_INVESTIGATION: &str = "wird ermittelt";
const DISTRICTS_MAX: usize = 40;

/// The members of the input this plugin looks at; all others stay behind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outage {
    outage_id: String,
    revision: u32,
    sector: String,
    begin: String,
    expected_end: Option<String>,
    end: Option<String>,
    status: Option<String>,
    cause: Option<String>,
    customers: u64,
    area: Option<serde_json::Value>,
    districts: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Config {
    /// Causes that may be published word for word.
    public_causes: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicOutage<'a> {
    outage_id: &'a str,
    revision: u32,
    sector: &'a str,
    status: &'a str,
    begin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_end: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a str>,
    cause: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customers: Option<u64>,
    customers_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    area: Option<Area>,
    districts: Vec<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Area {
    r#type: Polygon,
    coordinates: Vec<Vec<[f64; 2]>>,
}

#[derive(Serialize, Deserialize)]
enum Polygon {
    Polygon,
}

struct Plugin;

impl Transform for Plugin {
    fn transform(event: &Event, context: &mut Context) -> Answer {
        let config: Config = context.config()?;
        let outage: Outage = read(event)?;
        let resolved = event.ty == RESOLVED;
        let status = if resolved {
            "resolved"
        } else {
            outage.status.as_deref().unwrap_or("reported")
        };
        let (customers, customers_text) = rounded(outage.customers);
        let public = PublicOutage {
            outage_id: &outage.outage_id,
            revision: outage.revision,
            sector: &outage.sector,
            status,
            begin: &outage.begin,
            expected_end: outage.expected_end.as_deref().filter(|_| !resolved),
            end: outage.end.as_deref().filter(|_| resolved),
            cause: public_cause(outage.cause.as_deref(), &config.public_causes),
            customers,
            customers_text,
            area: outage.area.as_ref().and_then(coarse),
            districts: districts(&outage.districts),
        };
        let withheld = outage.districts.len().saturating_sub(public.districts.len());
        if withheld > 0 {
            stadtbus_plugin::log::warn(format!(
                "{withheld} district names do not look like names and were left out"
            ));
        }
        Ok(Draft::new(PUBLIC)
            .key(format!("{}#{}", outage.outage_id, outage.revision))
            .subject(&outage.outage_id)
            .extension("dataclassification", "public")
            .extension("correlationid", &outage.outage_id)
            .json(&public)?
            .into())
    }
}

export!(transform: Plugin);

fn read(event: &Event) -> Result<Outage, Stop> {
    let unreadable = || {
        reject(
            "nicht-lesbar",
            "Die Störungsmeldung hat nicht die Felder ihres Vertrags.",
        )
    };
    serde_json::from_slice(event.data.as_deref().ok_or_else(unreadable)?).map_err(|_| unreadable())
}

/// To the nearest thousand; below a thousand no number at all.
fn rounded(customers: u64) -> (Option<u64>, String) {
    if customers < 1_000 {
        return (None, "unter 1000".to_owned());
    }
    let thousands = customers.saturating_add(500) / 1_000;
    (
        Some(thousands.saturating_mul(1_000)),
        format!("etwa {thousands}.000"),
    )
}

fn public_cause<'a>(cause: Option<&str>, released: &'a [String]) -> &'a str {
    let cause = cause.unwrap_or("unbekannt").trim();
    released
        .iter()
        .find(|each| each.as_str() == cause)
        .map_or(UNDER_INVESTIGATION, String::as_str)
}

/// Names of districts are words; whatever carries a digit is not one.
fn districts(names: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let is_name = name.chars().next().is_some_and(char::is_uppercase)
            && (2..=40).contains(&name.chars().count())
            && name.chars().all(|c| c.is_alphabetic() || " .-".contains(c));
        if is_name && !kept.contains(&name) && kept.len() < DISTRICTS_MAX {
            kept.push(name);
        }
    }
    kept
}

/// Three decimals of a degree are about 100 metres. What is not a plain polygon is left out.
fn coarse(area: &serde_json::Value) -> Option<Area> {
    let mut area: Area = Deserialize::deserialize(area).ok()?;
    for ring in &mut area.coordinates {
        for point in ring.iter_mut() {
            *point = point.map(|degrees| (degrees * 1_000.0).round() / 1_000.0);
        }
        ring.dedup();
    }
    // A ring that shrank to a line was smaller than what may be shown.
    area.coordinates.retain(|ring| ring.len() >= 4);
    (!area.coordinates.is_empty()).then_some(area)
}
