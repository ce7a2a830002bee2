//! Reads defect reports in Open311 GeoReport v2 (JSON), one or a list, and publishes each as an event.
//!
//! The interface of the standard carries the reporter's name, telephone, e-mail, account and device. None of these has
//! a field here, so they cannot enter the bus. A report is an event once: its number is its key, so that polling the
//! same list every minute changes nothing. Reports that are closed already are nobody's task and left out.

mod fields;

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Answer, Context, Decode, Draft, Drafts, Raw, Stop, drop, export, reject};

use fields::{Coordinate, Text, clean, point, same_or};

const SUBMITTED: &str = "de.krefeld.kbk.servicerequest.submitted.v1";
/// Reports in one message; the manifest allows as many outputs.
const REQUESTS_MAX: usize = 100;
const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Stands for a category that is none of the catalogue.
const UNKNOWN: &str = "UNBEKANNT";

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Many(Vec<Request>),
    One(Box<Request>),
}

/// The members of a GeoReport v2 request that are used. `null` and absent mean the same there.
#[derive(Deserialize)]
struct Request {
    service_request_id: Text,
    status: Option<String>,
    service_name: Option<String>,
    service_code: Option<Text>,
    description: Option<String>,
    requested_datetime: String,
    updated_datetime: Option<String>,
    expected_datetime: Option<String>,
    address: Option<String>,
    zipcode: Option<Text>,
    lat: Option<Coordinate>,
    long: Option<Coordinate>,
    media_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submitted {
    request_id: String,
    code: String,
    category: String,
    description: String,
    status: &'static str,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zipcode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<fields::Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<String>,
}

struct Plugin;

impl Decode for Plugin {
    fn decode(raw: &Raw, _context: &mut Context) -> Answer {
        let requests = match read(&raw.bytes)? {
            Message::Many(requests) => requests,
            Message::One(request) => vec![*request],
        };
        if requests.len() > REQUESTS_MAX {
            return Err(reject(
                "zu-viele-meldungen",
                format!("Eine Sendung enthält höchstens {REQUESTS_MAX} Meldungen; bitte aufteilen."),
            ));
        }
        let mut drafts = Vec::new();
        for (index, request) in requests.into_iter().enumerate() {
            if request
                .status
                .as_deref()
                .is_some_and(|status| status.eq_ignore_ascii_case("closed"))
            {
                continue;
            }
            drafts.push(draft(request).map_err(|stop| numbered(stop, index))?);
        }
        if drafts.is_empty() {
            return Err(drop(
                "keine-offene-meldung",
                "Die Sendung enthält keine offene Meldung.",
            ));
        }
        Ok(Drafts(drafts))
    }
}

export!(decode: Plugin);

fn read(bytes: &[u8]) -> Result<Message, Stop> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = match error.classify() {
            // An untagged form has no place of its own to point at.
            serde_json::error::Category::Data => {
                "Die Sendung ist keine Meldung nach Open311 GeoReport v2 und keine Liste davon.".to_owned()
            }
            _ => format!(
                "Die Sendung ist kein lesbares JSON (Zeile {}, Spalte {}).",
                error.line(),
                error.column()
            ),
        };
        reject("nicht-lesbar", text)
    })
}

fn draft(request: Request) -> Result<Draft, Stop> {
    let id = request.service_request_id.into_string();
    let sound = (1..=40).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !id.starts_with('-');
    if !sound {
        return Err(reject(
            "vorgangsnummer",
            "Die Vorgangsnummer fehlt oder enthält unerlaubte Zeichen",
        ));
    }
    let submitted = Submitted {
        code: request
            .service_code
            .map(Text::into_string)
            .map_or_else(|| UNKNOWN.to_owned(), |code| category(&code)),
        category: same_or(
            clean(request.service_name.as_deref().unwrap_or_default(), 120),
            "Sonstiges",
        ),
        description: clean(
            request.description.as_deref().unwrap_or_default(),
            DESCRIPTION_CHARS_MAX,
        ),
        status: "open",
        requested_at: request.requested_datetime,
        updated_at: request.updated_datetime,
        expected_at: request.expected_datetime,
        address: request
            .address
            .map(|address| clean(&address, 200))
            .filter(|address| !address.is_empty()),
        zipcode: request
            .zipcode
            .map(Text::into_string)
            .filter(|zip| zip.len() == 5 && zip.bytes().all(|b| b.is_ascii_digit())),
        location: request
            .long
            .zip(request.lat)
            .and_then(|(long, lat)| point(long, lat)),
        photo: request.media_url.as_deref().and_then(fields::photo),
        request_id: id,
    };
    Draft::new(SUBMITTED)
        .key(&submitted.request_id)
        .subject(&submitted.request_id)
        .time(&submitted.requested_at)
        .extension("dataclassification", "internal")
        .extension("correlationid", &submitted.request_id)
        .json(&submitted)
}

/// `ABF-01`, or the word for none.
fn category(code: &str) -> String {
    let code = code.trim().to_ascii_uppercase();
    let sound = match code.split_once('-') {
        Some((group, number)) => {
            group.len() == 3
                && group.bytes().all(|b| b.is_ascii_uppercase())
                && number.len() == 2
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    };
    if sound { code } else { UNKNOWN.to_owned() }
}

fn numbered(stop: Stop, index: usize) -> Stop {
    match stop {
        Stop::Reject(reason) => reject(
            reason.code,
            format!(
                "{} (Meldung {} der Sendung).",
                reason.text.trim_end_matches('.'),
                index + 1
            ),
        ),
        stop => stop,
    }
}
