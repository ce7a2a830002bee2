//! Gives a defect report to the company that must act, as a task of its own.
//!
//! Who is responsible is a lookup table of the city and not code: the longest entry that fits the category wins, and
//! `*` catches the rest, so that no report ends nowhere. Companies get what they need to go there and do it; contact
//! data that reporters write into the text is masked on the way.

mod mask;

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Answer, Context, Draft, Event, Stop, Transform, export, reject};

const BACK_OFFICE: &str = "de.krefeld.kbk.backoffice.task.requested.v1";
const TABLE: &str = "categories";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    request_id: String,
    code: String,
    category: String,
    description: String,
    requested_at: String,
    expected_at: Option<String>,
    address: Option<String>,
    zipcode: Option<String>,
    location: Option<serde_json::Value>,
    photo: Option<String>,
}

/// An entry of the table.
#[derive(Deserialize)]
struct Responsible {
    company: String,
    r#type: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Task<'a> {
    task_id: &'a str,
    company: &'a str,
    code: &'a str,
    category: String,
    text: String,
    requested_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zipcode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<&'a str>,
}

struct Plugin;

impl Transform for Plugin {
    fn transform(event: &Event, context: &mut Context) -> Answer {
        let request: Request = read(event)?;
        let responsible = responsible(&request.code, context)?;
        let task = Task {
            task_id: &request.request_id,
            company: &responsible.company,
            code: &request.code,
            category: mask::contacts(&request.category, 120),
            text: mask::contacts(&request.description, 4_000),
            requested_at: &request.requested_at,
            due_at: request.expected_at.as_deref(),
            address: request
                .address
                .as_deref()
                .map(|address| mask::contacts(address, 200)),
            zipcode: request.zipcode.as_deref(),
            location: request.location.as_ref(),
            photo: request.photo.as_deref(),
        };
        Ok(Draft::new(&responsible.r#type)
            .key(&request.request_id)
            .subject(&request.request_id)
            .extension("dataclassification", "internal")
            .extension("correlationid", &request.request_id)
            .json(&task)?
            .into())
    }
}

export!(transform: Plugin);

fn read(event: &Event) -> Result<Request, Stop> {
    let unreadable = || {
        reject(
            "nicht-lesbar",
            "Die Mängelmeldung hat nicht die Felder ihres Vertrags.",
        )
    };
    serde_json::from_slice(event.data.as_deref().ok_or_else(unreadable)?).map_err(|_| unreadable())
}

/// `ABF-01`, `ABF-0*`, `ABF-*`, … `*`; if the table has none of these, the back office.
fn responsible(code: &str, context: &Context) -> Result<Responsible, Stop> {
    if let Some(exact) = context.lookup(TABLE, code)? {
        return Ok(exact);
    }
    let mut prefix = code;
    loop {
        if let Some(found) = context.lookup(TABLE, &format!("{prefix}*"))? {
            return Ok(found);
        }
        match prefix.char_indices().next_back() {
            Some((last, _)) => prefix = prefix.get(..last).unwrap_or_default(),
            None => {
                return Ok(Responsible {
                    company: "kbk".to_owned(),
                    r#type: BACK_OFFICE.to_owned(),
                });
            }
        }
    }
}
