//! The members of a ChirpStack v4 uplink that are used, and checks on each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Stop, reject};

use crate::{refuse, time};

const LONGITUDE: std::ops::RangeInclusive<f64> = 6.0..=7.2;
const LATITUDE: std::ops::RangeInclusive<f64> = 51.0..=51.6;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    deduplication_id: Option<String>,
    time: Option<String>,
    device_info: DeviceInfo,
    f_cnt: Option<u32>,
    object: Option<Object>,
}

/// Of the device only what the operator wrote on it: its tags.
#[derive(Deserialize)]
struct DeviceInfo {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// What the codec of the device profile made of the payload.
#[derive(Deserialize)]
struct Object {
    fill_percent: Option<f64>,
    temperature_c: Option<f64>,
}

/// A GeoJSON point.
#[derive(Serialize)]
pub(crate) struct Point {
    r#type: &'static str,
    coordinates: [f64; 2],
}

/// What one uplink says about one container.
pub(crate) struct Measurement {
    pub(crate) id: String,
    pub(crate) container: String,
    pub(crate) time: String,
    /// `time` in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) frame: u32,
    pub(crate) percent: Option<f64>,
    pub(crate) celsius: Option<f64>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) location: Option<Point>,
}

impl Measurement {
    /// Enough of the id to recognise it.
    pub(crate) fn short_id(&self) -> String {
        self.id.chars().take(18).collect()
    }
}

/// `None` for what is no uplink with a measurement (join, status, acknowledgement, another port).
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Measurement>, Stop> {
    let message: Message = serde_json::from_slice(bytes).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "hat nicht die Felder von ChirpStack v4",
            _ => "ist kein lesbares JSON",
        };
        reject(
            "nicht-lesbar",
            format!(
                "Die Nachricht {what} (Zeile {}, Spalte {}).",
                error.line(),
                error.column()
            ),
        )
    })?;
    let (Some(frame), Some(object)) = (message.f_cnt, message.object) else {
        return Ok(None);
    };
    if object.fill_percent.is_none() && object.temperature_c.is_none() {
        return Ok(None);
    }
    let Some(container) = message
        .device_info
        .tags
        .get("containerId")
        .filter(|id| is_container(id))
    else {
        return refuse(
            "containernummer",
            "Dem Sensor fehlt das Merkmal containerId in der Form HUE-AK-017.",
        );
    };
    let Some(id) = message.deduplication_id.filter(|id| is_id(id)) else {
        return refuse("kennung", "Der Nachricht fehlt eine deduplicationId.");
    };
    let Some((time, at)) = message
        .time
        .and_then(|time| time::seconds(&time).map(|at| (time, at)))
    else {
        return refuse(
            "zeitangabe",
            "Der Nachricht fehlt eine Zeit in der Form 2026-11-23T06:41:12Z.",
        );
    };
    let percent = within(
        object.fill_percent,
        0.0,
        100.0,
        "fuellstand",
        "Der Füllstand liegt nicht zwischen 0 und 100 Prozent.",
    )?;
    let celsius = within(
        object.temperature_c,
        -40.0,
        200.0,
        "temperatur",
        "Die Temperatur liegt nicht zwischen -40 und 200 Grad.",
    )?;
    Ok(Some(Measurement {
        kind: message
            .device_info
            .tags
            .get("fraction")
            .map(|fraction| kind(fraction)),
        location: location(&message.device_info.tags),
        container: container.clone(),
        id,
        time,
        at,
        frame,
        percent,
        celsius,
    }))
}

/// A sensor that is broken reports nonsense; nonsense must not send a lorry or the fire brigade.
fn within(value: Option<f64>, min: f64, max: f64, code: &str, text: &str) -> Result<Option<f64>, Stop> {
    match value {
        Some(value) if !(min..=max).contains(&value) => refuse(code, text),
        value => Ok(value),
    }
}

fn is_container(id: &str) -> bool {
    let shape: String = id
        .chars()
        .map(|c| match c {
            'A'..='Z' => 'A',
            '0'..='9' => '0',
            c => c,
        })
        .collect();
    shape == "AAA-AA-000"
}

fn is_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Fraction on the container → `storedWasteKind` of the Smart Data Models, which know no textiles.
fn kind(fraction: &str) -> &'static str {
    match fraction {
        "Altpapier" => "paper",
        "Altglas" => "glass",
        "Leichtverpackungen" => "lightPackaging",
        "Bioabfall" => "organic",
        "Restabfall" => "residual",
        _ => "other",
    }
}

fn location(tags: &BTreeMap<String, String>) -> Option<Point> {
    let degrees = |name: &str| tags.get(name)?.trim().parse::<f64>().ok();
    let (long, lat) = (degrees("lon")?, degrees("lat")?);
    (LONGITUDE.contains(&long) && LATITUDE.contains(&lat)).then_some(Point {
        r#type: "Point",
        coordinates: [long, lat],
    })
}
