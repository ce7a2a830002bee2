//! Reads the outage messages of NGN's control room and publishes them as events of the city.
//!
//! One message is one revision of one outage. The state remembers the highest revision seen, so that a message that
//! was overtaken on the way does not turn the clock back; the same revision again is the same event again (its key
//! says so), and the bus answers it with the same receipt. Members of the message that are not named here are never
//! passed on.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stadtbus_plugin::{Answer, Context, Decode, Draft, Raw, Stop, drop, export, reject};

const REPORTED: &str = "de.krefeld.swk.outage.reported.v1";
const RESOLVED: &str = "de.krefeld.swk.outage.resolved.v1";

/// What the control room sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meldung {
    stoerung_id: String,
    revision: u32,
    sparte: String,
    beginn: String,
    voraussichtliches_ende: Option<String>,
    ende: Option<String>,
    status: String,
    ursache: Option<String>,
    betroffene_kunden: u64,
    #[serde(default)]
    ortsnetzstationen: Vec<String>,
    gebiet: Option<Value>,
    #[serde(default)]
    stadtteile: Vec<String>,
}

/// Data of both events; what one of them does not have is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outage<'a> {
    outage_id: &'a str,
    revision: u32,
    sector: &'static str,
    begin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_end: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    customers: u64,
    stations: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    area: Option<&'a Value>,
    districts: &'a [String],
}

#[derive(Serialize, Deserialize)]
struct Seen {
    revision: u32,
}

enum Stage {
    Open(&'static str),
    Resolved,
}

struct Plugin;

impl Decode for Plugin {
    fn decode(raw: &Raw, context: &mut Context) -> Answer {
        let meldung: Meldung = read(&raw.bytes)?;
        check_id(&meldung.stoerung_id)?;
        if meldung.revision == 0 {
            return Err(reject("revision-fehlt", "Die Revision zählt ab 1."));
        }
        let sector = sector(&meldung.sparte)?;
        let stage = stage(&meldung.status)?;
        check_times(&meldung)?;

        let seen: Option<Seen> = context.state()?;
        if seen.is_some_and(|seen| meldung.revision < seen.revision) {
            return Err(drop(
                "veraltete-revision",
                "Zu dieser Störung ist schon eine neuere Revision bekannt.",
            ));
        }
        context.put_state(&Seen {
            revision: meldung.revision,
        })?;

        let draft = match stage {
            Stage::Open(status) => Draft::new(REPORTED).json(&open(&meldung, sector, status))?,
            Stage::Resolved => Draft::new(RESOLVED).json(&resolved(&meldung, sector, &raw.received))?,
        };
        Ok(draft
            .key(format!("{}#{}", meldung.stoerung_id, meldung.revision))
            .subject(&meldung.stoerung_id)
            .extension("dataclassification", "confidential")
            .extension("correlationid", &meldung.stoerung_id)
            .into())
    }
}

export!(decode: Plugin);

fn open<'a>(meldung: &'a Meldung, sector: &'static str, status: &'static str) -> Outage<'a> {
    Outage {
        status: Some(status),
        expected_end: meldung.voraussichtliches_ende.as_deref(),
        cause: Some(cause(meldung).unwrap_or("unbekannt")),
        area: meldung.gebiet.as_ref().filter(|area| !area.is_null()),
        ..common(meldung, sector)
    }
}

/// A message that an outage is over need not say when; then it is the moment the message came in.
fn resolved<'a>(meldung: &'a Meldung, sector: &'static str, received: &'a str) -> Outage<'a> {
    Outage {
        end: Some(meldung.ende.as_deref().unwrap_or(received)),
        cause: cause(meldung),
        ..common(meldung, sector)
    }
}

fn common<'a>(meldung: &'a Meldung, sector: &'static str) -> Outage<'a> {
    Outage {
        outage_id: &meldung.stoerung_id,
        revision: meldung.revision,
        sector,
        begin: &meldung.beginn,
        expected_end: None,
        end: None,
        status: None,
        cause: None,
        customers: meldung.betroffene_kunden,
        stations: &meldung.ortsnetzstationen,
        area: None,
        districts: &meldung.stadtteile,
    }
}

fn cause(meldung: &Meldung) -> Option<&str> {
    meldung
        .ursache
        .as_deref()
        .map(str::trim)
        .filter(|cause| !cause.is_empty())
}

fn read(bytes: &[u8]) -> Result<Meldung, Stop> {
    serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "hat nicht die vereinbarten Felder",
            _ => "ist kein lesbares JSON",
        };
        reject(
            "nicht-lesbar",
            format!(
                "Die Meldung {what} (Zeile {}, Spalte {}).",
                error.line(),
                error.column()
            ),
        )
    })
}

/// `NGN-2026-004711`: the number becomes part of ids and subjects, so its form is checked before anything else.
fn check_id(id: &str) -> Result<(), Stop> {
    let parts: Vec<&str> = id.split('-').collect();
    let sound = match parts.as_slice() {
        [prefix, year, number] => {
            (2..=8).contains(&prefix.len())
                && prefix.bytes().all(|b| b.is_ascii_uppercase())
                && year.len() == 4
                && (4..=8).contains(&number.len())
                && year.bytes().chain(number.bytes()).all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if sound {
        return Ok(());
    }
    Err(reject(
        "stoerungsnummer",
        "Die Störungsnummer hat nicht die Form NGN-2026-004711.",
    ))
}

fn sector(sparte: &str) -> Result<&'static str, Stop> {
    match sparte {
        "strom" => Ok("electricity"),
        "gas" => Ok("gas"),
        "wasser" => Ok("water"),
        "fernwaerme" => Ok("district-heating"),
        _ => Err(reject(
            "sparte-unbekannt",
            "Die Sparte ist nicht strom, gas, wasser oder fernwaerme.",
        )),
    }
}

fn stage(status: &str) -> Result<Stage, Stop> {
    match status {
        "gemeldet" => Ok(Stage::Open("reported")),
        "in_bearbeitung" => Ok(Stage::Open("in-progress")),
        "behoben" => Ok(Stage::Resolved),
        _ => Err(reject(
            "status-unbekannt",
            "Der Status ist nicht gemeldet, in_bearbeitung oder behoben.",
        )),
    }
}

fn check_times(meldung: &Meldung) -> Result<(), Stop> {
    let times = [
        Some(&meldung.beginn),
        meldung.voraussichtliches_ende.as_ref(),
        meldung.ende.as_ref(),
    ];
    if times.into_iter().flatten().all(|time| looks_like_a_time(time)) {
        return Ok(());
    }
    Err(reject(
        "zeitangabe",
        "Eine Zeitangabe hat nicht die Form 2026-11-23T14:00:00+01:00.",
    ))
}

/// The shape only; whether the day exists is judged by the contract's schema.
fn looks_like_a_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .take(19)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00" && text.is_ascii() && text.len() >= 20 && text.len() <= 35
}
