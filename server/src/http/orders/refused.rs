//! A refusal that may have several reasons: all of them are told, the first is the problem.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use stadtbus_contracts::order::Fault;
use stadtbus_flow::Refusal;

use crate::http::{Problem, problem};

/// Why an order was not taken.
#[derive(Debug)]
pub(in crate::http) enum Refused {
    /// One reason.
    One(Problem),
    /// What is wrong with the order itself.
    Faults(Vec<Fault>),
}

/// One of several reasons.
#[derive(Serialize)]
pub(in crate::http) struct Reason<'f> {
    code: &'static str,
    pointer: &'f str,
    detail: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'f str>,
}

impl<'f> From<&'f Fault> for Reason<'f> {
    fn from(fault: &'f Fault) -> Self {
        Self {
            code: fault.code,
            pointer: &fault.pointer,
            detail: &fault.detail.en,
            hint: fault.hint.as_ref().map(|hint| &*hint.en),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::One(problem)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::One(Problem(refusal))
    }
}

impl From<Vec<Fault>> for Refused {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Faults(faults)
    }
}

impl Refused {
    /// The same for an order that stood at `pointer` in the body.
    pub(in crate::http) fn below(self, pointer: &str) -> Self {
        match self {
            Self::One(Problem(refusal)) => Self::One(Problem(Refusal {
                pointer: Some(format!("{pointer}{}", refusal.pointer.unwrap_or_default())),
                ..refusal
            })),
            Self::Faults(faults) => Self::Faults(
                faults
                    .into_iter()
                    .map(|fault| Fault {
                        pointer: format!("{pointer}{}", fault.pointer),
                        ..fault
                    })
                    .collect(),
            ),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let faults = match self {
            Self::One(problem) => return problem.into_response(),
            Self::Faults(faults) => faults,
        };
        let Some(first) = faults.first() else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let refusal = Refusal {
            pointer: Some(first.pointer.clone()),
            hint: first.hint.as_ref().map(|hint| hint.en.to_string()),
            ..Refusal::new(first.code, &*first.detail.en)
        };
        let mut document = problem::document(&refusal);
        if let Some(members) = document.as_object_mut() {
            let reasons: Vec<Reason<'_>> = faults.iter().map(Reason::from).collect();
            members.insert("errors".to_owned(), json!(reasons));
        }
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        let mut response = (status, Json(document)).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}
