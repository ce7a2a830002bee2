//! Reads an `x-data` filter, strictly: what is misspelt, empty or cannot hold for any value is refused.

use regex::RegexBuilder;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{
    Comparison, DATA_FIELDS_MAX, DataFilter, Field, IN_VALUES_MAX, Moment, Order, PATTERN_BYTES_MAX,
    PATTERN_COMPILED_BYTES_MAX, Pattern,
};
use crate::filter::fault::{Fault, Faulty};
use crate::filter::pointer::Pointer;
use crate::filter::scalar::Scalar;
use crate::finding::Text;
use crate::geo::{self, Circle, METRES_MAX};
use crate::strict_json::Strict;

/// Comparisons by their name in the document.
const OPERATORS: &[&str] = &[
    "equals", "in", "less", "atMost", "greater", "atLeast", "before", "after", "exists", "pattern", "near",
    "within",
];

fn bad(de: &str, en: &str) -> Fault {
    Fault::bad(Text::new(de, en))
}

impl DataFilter {
    /// Reads what stands beside `x-data`.
    pub(crate) fn read(value: &Value) -> Result<Self, Fault> {
        let map = value.as_object().filter(|map| !map.is_empty()).ok_or_else(|| {
            bad(
                "„x-data“ ordnet JSON-Zeigern Bedingungen zu, mindestens einem",
                "`x-data` maps JSON pointers to conditions, at least one",
            )
        })?;
        let mut count = 0;
        let mut fields = Vec::with_capacity(map.len());
        for (name, value) in map {
            let field = field(name, value).under(name)?;
            count += field.comparisons.len();
            if count > DATA_FIELDS_MAX {
                return Err(Fault::bad(Text::new(
                    format!("Ein Filter hat höchstens {DATA_FIELDS_MAX} Vergleiche"),
                    format!("a filter has at most {DATA_FIELDS_MAX} comparisons"),
                )));
            }
            fields.push(field);
        }
        fields.sort_by(|one, other| one.pointer.as_str().cmp(other.pointer.as_str()));
        Ok(Self {
            fields: fields.into(),
        })
    }
}

impl<'de> Deserialize<'de> for DataFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::read(&value).map_err(|fault| serde::de::Error::custom(fault.under("x-data").sentence()))
    }
}

fn field(name: &str, value: &Value) -> Result<Field, Fault> {
    let pointer = Pointer::parse(name)?;
    let comparisons = match value {
        Value::Object(map) if map.is_empty() => {
            return Err(bad("Hier fehlt ein Vergleich", "a comparison is missing here"));
        }
        Value::Object(map) => comparisons(map)?,
        Value::Null => {
            let fault = bad("Hier fehlt ein Wert", "a value is missing here");
            return Err(fault.with_hint(Some(Text::new(
                "Für null selbst: {equals: null}.",
                "For null itself: {equals: null}.",
            ))));
        }
        Value::Array(_) => {
            let fault = bad("Hier steht eine Liste", "a list stands here");
            return Err(fault.with_hint(Some(Text::new(
                "Für einen von mehreren Werten: {in: […]}.",
                "For one of several values: {in: […]}.",
            ))));
        }
        plain => vec![Comparison::Equals(scalar(plain)?)],
    };
    Ok(Field {
        pointer,
        comparisons: comparisons.into(),
    })
}

fn comparisons(map: &Map<String, Value>) -> Result<Vec<Comparison>, Fault> {
    if let Some(name) = map.keys().find(|name| !OPERATORS.contains(&name.as_str())) {
        return Err(Fault::unknown(name, OPERATORS));
    }
    let written = OPERATORS
        .iter()
        .filter_map(|name| map.get(*name).map(|value| (*name, value)));
    written
        .map(|(name, value)| comparison(name, value).under(name))
        .collect()
}

fn comparison(name: &str, value: &Value) -> Result<Comparison, Fault> {
    Ok(match name {
        "equals" => Comparison::Equals(scalar(value)?),
        "in" => one_of(value)?,
        "less" => Comparison::Ordered(Order::Less, bound(value)?),
        "atMost" => Comparison::Ordered(Order::AtMost, bound(value)?),
        "greater" => Comparison::Ordered(Order::Greater, bound(value)?),
        "atLeast" => Comparison::Ordered(Order::AtLeast, bound(value)?),
        "before" => Comparison::Timed(Order::Less, moment(value)?),
        "after" => Comparison::Timed(Order::Greater, moment(value)?),
        "exists" => Comparison::Exists(
            value
                .as_bool()
                .ok_or_else(|| bad("Hier wird true oder false erwartet", "expected true or false"))?,
        ),
        "pattern" => Comparison::Pattern(pattern(value)?),
        "near" => Comparison::Near(circle(value)?),
        _ => Comparison::Within(geo::area(value)?),
    })
}

fn scalar(value: &Value) -> Result<Scalar, Fault> {
    Scalar::read(value).ok_or_else(|| {
        bad(
            "Verglichen wird mit einem Text, einer Zahl, true, false oder null",
            "it is compared with a text, a number, true, false or null",
        )
    })
}

fn one_of(value: &Value) -> Result<Comparison, Fault> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| {
        bad(
            "Hier wird eine Liste von Werten erwartet",
            "expected a list of values",
        )
    })?;
    if items.len() > IN_VALUES_MAX {
        return Err(Fault::bad(Text::new(
            format!("Die Liste hat höchstens {IN_VALUES_MAX} Werte"),
            format!("the list has at most {IN_VALUES_MAX} values"),
        )));
    }
    let scalars = items.iter().enumerate();
    let scalars: Vec<Scalar> = scalars
        .map(|(at, item)| scalar(item).under(at))
        .collect::<Result<_, _>>()?;
    Ok(Comparison::In(scalars.into()))
}

fn bound(value: &Value) -> Result<Scalar, Fault> {
    match Scalar::read(value) {
        Some(bound @ (Scalar::Number(_) | Scalar::Text(_))) => Ok(bound),
        _ => Err(bad(
            "Eine Grenze ist eine Zahl oder ein Text",
            "a bound is a number or a text",
        )),
    }
}

fn moment(value: &Value) -> Result<Moment, Fault> {
    let moment = value.as_str().and_then(|text| {
        Some(Moment {
            instant: text.parse().ok()?,
            text: text.into(),
        })
    });
    moment.ok_or_else(|| {
        bad(
            "Hier wird eine Zeit mit Zone erwartet, etwa 2026-01-31T08:00:00+01:00",
            "expected a time with its zone such as 2026-01-31T08:00:00+01:00",
        )
    })
}

fn pattern(value: &Value) -> Result<Pattern, Fault> {
    let text = value.as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| bad("Hier wird ein Muster erwartet", "expected a pattern"))?;
    if text.len() > PATTERN_BYTES_MAX {
        return Err(Fault::bad(Text::new(
            format!("Ein Muster hat höchstens {PATTERN_BYTES_MAX} Bytes"),
            format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"),
        )));
    }
    let regex = RegexBuilder::new(text)
        .size_limit(PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(PATTERN_COMPILED_BYTES_MAX)
        .build();
    regex.map(Pattern).map_err(|error| {
        // The last line says what; those before draw it.
        let error = error.to_string();
        let why: String = error
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .chars()
            .take(160)
            .collect();
        Fault::bad(Text::new(
            format!("Das ist kein regulärer Ausdruck, den der Bus versteht: {why}"),
            format!("this is not a regular expression the bus understands: {why}"),
        ))
    })
}

fn circle(value: &Value) -> Result<Circle, Fault> {
    let names = ["lat", "lon", "metres"];
    let map = value.as_object().ok_or_else(|| {
        bad(
            "Hier werden „lat“, „lon“ und „metres“ erwartet",
            "expected `lat`, `lon` and `metres`",
        )
    })?;
    if let Some(name) = map.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(Fault::unknown(name, &names));
    }
    let number = |name: &str, bounds: std::ops::RangeInclusive<f64>| {
        let number = map.get(name).and_then(Value::as_f64);
        number.filter(|number| bounds.contains(number)).ok_or_else(|| {
            let (min, max) = (bounds.start(), bounds.end());
            Fault::bad(Text::new(
                format!("„{name}“ ist eine Zahl von {min} bis {max}"),
                format!("`{name}` is a number from {min} to {max}"),
            ))
            .under(name)
        })
    };
    Ok(Circle {
        lat: number("lat", -90.0..=90.0)?,
        lon: number("lon", -180.0..=180.0)?,
        metres: number("metres", 0.0..=METRES_MAX)?,
    })
}
