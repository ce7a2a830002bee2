//! Values as the many implementations of the standard really write them.

use serde::{Deserialize, Serialize};

/// Krefeld and its surroundings in WGS 84; a point outside (0/0 is common) is none.
const LONGITUDE: std::ops::RangeInclusive<f64> = 6.0..=7.2;
const LATITUDE: std::ops::RangeInclusive<f64> = 51.0..=51.6;

/// A text that some write as a number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Text(String),
    Number(u64),
}

impl Text {
    pub(crate) fn into_string(self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A coordinate that some write as a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Coordinate {
    Number(f64),
    Text(String),
}

impl Coordinate {
    fn degrees(self) -> Option<f64> {
        match self {
            Self::Number(degrees) => Some(degrees),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// A GeoJSON point.
#[derive(Serialize)]
pub(crate) struct Point {
    r#type: &'static str,
    coordinates: [f64; 2],
}

pub(crate) fn point(long: Coordinate, lat: Coordinate) -> Option<Point> {
    let (long, lat) = (long.degrees()?, lat.degrees()?);
    (LONGITUDE.contains(&long) && LATITUDE.contains(&lat)).then_some(Point {
        r#type: "Point",
        coordinates: [long, lat],
    })
}

/// Text without control characters, at most `chars_max` characters; what is cut off ends with `…`.
pub(crate) fn clean(text: &str, chars_max: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c == '\r' || c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control() || *c == '\n')
        .collect();
    let text = text.trim();
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    // Half a telephone number could not be recognised as one later: cut before the last word and what is no word.
    let kept = kept
        .rsplit_once(char::is_whitespace)
        .map_or("", |(before, _)| before);
    let kept = kept.trim_end_matches(|c: char| !c.is_alphabetic());
    format!("{kept}…")
}

pub(crate) fn same_or(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// The address of a photo: https, and without query, fragment and user, where others hide what identifies people.
pub(crate) fn photo(url: &str) -> Option<String> {
    let url = url.trim();
    let rest = url.strip_prefix("https://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let plain = !rest.is_empty()
        && rest.is_ascii()
        && !rest.contains(['@', ' ', '"', '<', '>', '\\'])
        && rest.len() <= 480;
    plain.then(|| format!("https://{rest}"))
}
