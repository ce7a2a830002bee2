//! An `x-data` filter as it is written, in full and in short.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::{Comparison, DataFilter, Field, Order};
use crate::filter::scalar::Scalar;

/// What [`Comparison::words`] shows of a text or a pattern, in characters.
const SHOWN_CHARS_MAX: usize = 80;

impl Comparison {
    /// Its name in the document.
    #[must_use]
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Equals(_) => "equals",
            Self::In(_) => "in",
            Self::Ordered(Order::Less, _) => "less",
            Self::Ordered(Order::AtMost, _) => "atMost",
            Self::Ordered(Order::Greater, _) => "greater",
            Self::Ordered(Order::AtLeast, _) => "atLeast",
            Self::Timed(Order::Less | Order::AtMost, _) => "before",
            Self::Timed(Order::Greater | Order::AtLeast, _) => "after",
            Self::Exists(_) => "exists",
            Self::Pattern(_) => "pattern",
            Self::Near(_) => "near",
            Self::Within(_) => "within",
        }
    }

    fn value(&self) -> Value {
        let scalar = |scalar: &Scalar| json!(scalar);
        match self {
            Self::Equals(one) | Self::Ordered(_, one) => scalar(one),
            Self::In(list) => list.iter().map(scalar).collect(),
            Self::Timed(_, moment) => json!(moment.text),
            Self::Exists(wanted) => json!(wanted),
            Self::Pattern(pattern) => json!(pattern.0.as_str()),
            Self::Near(circle) => json!({"lat": circle.lat, "lon": circle.lon, "metres": circle.metres}),
            Self::Within(area) => area.to_value(),
        }
    }

    /// In short, for a person: areas by their size, texts by their beginning.
    #[must_use]
    pub fn words(&self) -> String {
        let said = match self {
            Self::Within(area) => format!("{} of {} positions", area.kind(), area.positions()),
            Self::In(list) => format!("{} values", list.len()),
            other => other.value().to_string(),
        };
        let mut shown: String = said.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < said.len() {
            shown.push('…');
        }
        format!("{} {shown}", self.operator())
    }
}

impl Field {
    /// A single value stands for its equality, but `null`, which would be taken for a value that was forgotten.
    fn value(&self) -> Value {
        match &*self.comparisons {
            [Comparison::Equals(scalar)] if *scalar != Scalar::Null => json!(scalar),
            comparisons => comparisons
                .iter()
                .map(|one| (one.operator().to_owned(), one.value()))
                .collect(),
        }
    }

    /// In short, as [`Comparison::words`].
    fn words(&self) -> String {
        let comparisons: Vec<String> = self.comparisons.iter().map(Comparison::words).collect();
        format!("{} {}", self.pointer, comparisons.join(" and "))
    }
}

impl DataFilter {
    /// In short, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let fields: Vec<String> = self.fields.iter().map(Field::words).collect();
        fields.join(", ")
    }
}

impl Serialize for DataFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for field in &self.fields {
            map.serialize_entry(field.pointer.as_str(), &field.value())?;
        }
        map.end()
    }
}
