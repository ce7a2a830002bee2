//! JSON in which every name is said once (RFC 7493, I-JSON).
//!
//! A repeated name is refused, because the payload is passed on byte for byte: validation would see
//! one of the two values, and a receiver's parser might see the other.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses one JSON document; numbers, nesting and text as serde_json bounds them.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(value)) => Ok(value),
        Err(error) if error.is_data() => Err(Fault::NameTwice),
        Err(_) => Err(Fault::NotJson),
    }
}

/// Why not; never with a piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotJson,
    NameTwice,
}

/// A value in which no name is said twice, from any format.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Number::from_f64(v).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a name appears twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_repeated_names_at_any_depth() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"[{"b":{"a":1,"a":1}}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Fault::NameTwice), "{text}");
        }
        for text in ["", "{", "nul", "1 2", "{\"a\":1,}", "\u{feff}{}", "1e999"] {
            assert_eq!(parse(text.as_bytes()), Err(Fault::NotJson), "{text}");
        }
        assert_eq!(parse(b"\"\xff\""), Err(Fault::NotJson));
        assert_eq!(parse("[".repeat(10_000).as_bytes()), Err(Fault::NotJson));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_where_names_differ(text in r#"[\[\]{}:,"a-c0-9. ]{0,24}"#) {
            match parse(text.as_bytes()) {
                Ok(value) => prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap()),
                Err(Fault::NotJson) => prop_assert!(serde_json::from_str::<Value>(&text).is_err()),
                Err(Fault::NameTwice) => {}
            }
        }
    }
}
