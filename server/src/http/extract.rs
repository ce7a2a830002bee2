//! Parts of a request, taken so that whatever is wrong with them is answered as a problem document.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use stadtbus_flow::Refusal;

use super::Problem;

/// Parameters of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(parameters)| Self(parameters))
            .map_err(|_| {
                Refusal::new(
                    "SB-1119",
                    "A part of the path is not of the form this call takes.",
                )
                .into()
            })
    }
}

/// Parameters of the query.
pub(super) struct Query<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(parameters)| Self(parameters))
            .map_err(|_| {
                let detail = "A parameter of the query is not of the form this call takes, or occurs twice.";
                Refusal::new("SB-1119", detail).into()
            })
    }
}

/// The body, within the limit of the route.
pub(super) struct Payload(pub(super) Bytes);

impl<S> FromRequest<S> for Payload
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|rejection| {
                Problem(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    Refusal::new("SB-1401", "The body is larger than this bus takes.")
                } else {
                    Refusal::new("SB-1102", "The body could not be read to its end.")
                })
            })
    }
}

/// A parameter of the query, if it lies between `least` and `most`.
pub(super) fn within(name: &str, value: u64, least: u64, most: u64) -> Result<u64, Problem> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Refusal::new("SB-1119", format!("`{name}` must be between {least} and {most}.")).into())
}

/// As [`within`], for a field of the body, whose place is named.
pub(super) fn field_within(name: &str, value: u64, least: u64, most: u64) -> Result<u64, Problem> {
    within(name, value, least, most).map_err(|Problem(refusal)| refusal.at(format!("/{name}")).into())
}

/// A whole number of JSON, which knows no other numbers than numbers: `2.0` is as whole as `2`.
struct Whole(u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Whole;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a whole number that is not negative")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Whole, E> {
                // Beyond 2⁵³ a float no longer says which whole number is meant.
                let fits = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
                let text = fits.then(|| format!("{number:.0}"));
                text.and_then(|text| text.parse().ok())
                    .map(Whole)
                    .ok_or_else(|| E::custom("not a whole number that is not negative"))
            }
        }

        deserializer.deserialize_u64(Visitor)
    }
}

/// For `#[serde(deserialize_with)]`: a whole number.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Whole::deserialize(deserializer).map(|whole| whole.0)
}

/// As [`whole`], or `null`.
pub(super) fn whole_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<Whole>::deserialize(deserializer).map(|whole| whole.map(|whole| whole.0))
}

/// As [`whole`], several of them.
pub(super) fn wholes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    Vec::<Whole>::deserialize(deserializer).map(|list| list.into_iter().map(|whole| whole.0).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        for (text, expected) in [
            ("0", Some(0)),
            ("2", Some(2)),
            ("2.0", Some(2)),
            ("2e3", Some(2000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("9007199254740992.0", Some(1 << 53)),
            ("1e19", None),
            ("2.5", None),
            ("-1", None),
            ("-1.0", None),
            ("\"2\"", None),
            ("true", None),
            ("null", None),
        ] {
            let found = serde_json::from_str::<Whole>(text).ok().map(|whole| whole.0);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn bounds_include_their_ends_and_name_the_place() {
        for (value, good) in [(0, false), (1, true), (10, true), (11, false)] {
            assert_eq!(within("max", value, 1, 10).is_ok(), good, "{value}");
            let found = field_within("max", value, 1, 10);
            assert_eq!(found.is_ok(), good, "{value}");
            if let Err(Problem(refusal)) = found {
                assert_eq!(
                    (refusal.code, refusal.pointer.as_deref()),
                    ("SB-1119", Some("/max"))
                );
            }
        }
    }
}
