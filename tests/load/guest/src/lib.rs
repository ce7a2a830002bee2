//! The mapping of the measurements: a meter reading in the utility's words becomes one in the platform's.
//!
//! It does what such a mapping does in a city: every member is read and checked for its kind, renamed, two are nested
//! (an address, a GeoJSON point), three are added. It borrows what it reads, as a plugin that is to be fast does.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, export, reject};

#[derive(Deserialize)]
struct Reading<'a> {
    nr: &'a str,
    zaehlernummer: &'a str,
    marktlokation: &'a str,
    obis: &'a str,
    // Kept as it is spelled: a meter reading is a legal figure and must not pass through a float.
    #[serde(borrow)]
    stand: &'a RawValue,
    einheit: &'a str,
    #[serde(rename = "abgelesenAm")]
    abgelesen_am: &'a str,
    art: Method,
    #[serde(borrow)]
    anschrift: Address<'a>,
    #[serde(borrow)]
    lage: Place<'a>,
    bemerkung: Option<&'a str>,
}

#[derive(Deserialize)]
struct Address<'a> {
    strasse: &'a str,
    hausnummer: &'a str,
    plz: &'a str,
    ort: &'a str,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    lon: &'a RawValue,
    #[serde(borrow)]
    lat: &'a RawValue,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
enum Method {
    #[serde(rename(deserialize = "fernauslesung", serialize = "remote"))]
    Remote,
    #[serde(rename(deserialize = "ablesung", serialize = "manual"))]
    Manual,
    #[serde(rename(deserialize = "schaetzung", serialize = "estimated"))]
    Estimated,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mapped<'a> {
    nr: &'a str,
    meter_id: &'a str,
    market_location: &'a str,
    register: &'a str,
    reading: &'a RawValue,
    unit: &'a str,
    read_at: &'a str,
    method: Method,
    address: MappedAddress<'a>,
    location: Point<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    mandant: &'static str,
    timestamp: &'a str,
    schema: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MappedAddress<'a> {
    street: &'a str,
    house_number: &'a str,
    postal_code: &'a str,
    town: &'a str,
}

#[derive(Serialize)]
struct Point<'a> {
    r#type: &'static str,
    coordinates: [&'a RawValue; 2],
}

struct MeterMap;

impl Transform for MeterMap {
    fn transform(event: &Event, _context: &mut Context) -> Answer {
        let data = event
            .data
            .as_deref()
            .ok_or_else(|| reject("no-data", "the event has no data"))?;
        let reading: Reading<'_> = serde_json::from_slice(data)
            .map_err(|_| reject("data-unreadable", "the data is not a meter reading"))?;
        let mapped = Mapped {
            nr: reading.nr,
            meter_id: reading.zaehlernummer,
            market_location: reading.marktlokation,
            register: reading.obis,
            reading: reading.stand,
            unit: reading.einheit,
            read_at: reading.abgelesen_am,
            method: reading.art,
            address: MappedAddress {
                street: reading.anschrift.strasse,
                house_number: reading.anschrift.hausnummer,
                postal_code: reading.anschrift.plz,
                town: reading.anschrift.ort,
            },
            location: Point {
                r#type: "Point",
                coordinates: [reading.lage.lon, reading.lage.lat],
            },
            note: reading.bemerkung,
            mandant: "map",
            timestamp: event.time.as_deref().unwrap_or(reading.abgelesen_am),
            schema: "urn:messstand:schema:map.meter.mapped.v1",
        };
        let mut draft = Draft::new("de.messstand.map.meter.mapped.v1").json(&mapped)?;
        if let Some(subject) = &event.subject {
            draft = draft.subject(subject);
        }
        Ok(draft.into())
    }
}

export!(transform: MeterMap);
