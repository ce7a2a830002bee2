//! What data that a schema accepts can look like at some place: whether anything can stand there at all, of which kind, and
//! which values.
//!
//! Errs on the side of "possible": what it does not understand restricts nothing.

use serde_json::{Map, Value};

use crate::filter::pointer::index;
use crate::finding::Text;

/// Subschemas looked at for one question; a schema can refer to itself in many ways at once.
const STEPS_MAX: usize = 10_000;
/// How deep they may lead into one another.
const DEPTH_MAX: usize = 100;
/// Pointers that are collected for suggestions.
const POINTERS_MAX: usize = 500;
/// How deep they go.
const POINTERS_DEPTH_MAX: usize = 6;

/// Kinds of JSON values, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const NUMBER: Self = Self(4);
    pub(crate) const TEXT: Self = Self(8);
    pub(crate) const LIST: Self = Self(16);
    pub(crate) const OBJECT: Self = Self(32);
    const ALL: Self = Self(63);

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::TEXT,
            Value::Array(_) => Self::LIST,
            Value::Object(_) => Self::OBJECT,
        }
    }

    fn named(name: &Value) -> Self {
        match name.as_str() {
            Some("null") => Self::NULL,
            Some("boolean") => Self::BOOLEAN,
            Some("number" | "integer") => Self::NUMBER,
            Some("string") => Self::TEXT,
            Some("array") => Self::LIST,
            Some("object") => Self::OBJECT,
            _ => Self::ALL,
        }
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// In both languages.
    pub(crate) fn words(self) -> Text {
        let words = [
            (Self::NULL, "null", "null"),
            (Self::BOOLEAN, "ein Wahrheitswert", "a boolean"),
            (Self::NUMBER, "eine Zahl", "a number"),
            (Self::TEXT, "ein Text", "a text"),
            (Self::LIST, "eine Liste", "a list"),
            (Self::OBJECT, "ein Objekt", "an object"),
        ];
        let held = || words.iter().filter(|(kind, ..)| self.contains(*kind));
        let de: Vec<&str> = held().map(|(_, de, _)| *de).collect();
        let en: Vec<&str> = held().map(|(.., en)| *en).collect();
        Text::new(de.join(" oder "), en.join(" or "))
    }
}

/// What can stand at a place.
#[derive(Debug, Clone)]
pub(crate) struct Possible<'s> {
    pub(crate) kinds: Kinds,
    /// All values, where the schema lists them.
    pub(crate) values: Option<Vec<&'s Value>>,
}

impl<'s> Possible<'s> {
    const ANYTHING: Self = Self {
        kinds: Kinds::ALL,
        values: None,
    };
    const NOTHING: Self = Self {
        kinds: Kinds::NONE,
        values: None,
    };

    /// Whether the place cannot be.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.kinds == Kinds::NONE
    }

    fn and(self, other: Self) -> Self {
        let values = match (self.values, other.values) {
            (Some(one), Some(other)) => Some(one.into_iter().filter(|value| other.contains(value)).collect()),
            (one, other) => one.or(other),
        };
        Self {
            kinds: self.kinds.and(other.kinds),
            values,
        }
    }

    fn or(self, other: Self) -> Self {
        if self.is_nowhere() {
            return other;
        }
        if other.is_nowhere() {
            return self;
        }
        let values = self.values.zip(other.values);
        Self {
            kinds: self.kinds.or(other.kinds),
            values: values.map(|(mut one, other)| {
                one.extend(other);
                one
            }),
        }
    }
}

/// How far one question may still go. A schema may refer to itself without end.
struct Left {
    steps: usize,
    depth: usize,
}

impl Left {
    /// One level down, if that is allowed; the caller goes up again.
    fn enter(&mut self) -> bool {
        let may = self.steps > 0 && self.depth > 0;
        if may {
            self.steps -= 1;
            self.depth -= 1;
        }
        may
    }
}

/// The schema of a contract, asked about places.
#[derive(Debug)]
pub(crate) struct Fields {
    root: Value,
}

impl Fields {
    /// None where the text is no schema, or one whose references cannot be followed by their text alone.
    pub(crate) fn read(schema: &str) -> Option<Self> {
        let root = crate::strict_json::parse(schema.as_bytes()).ok()?;
        let ids = |value: &Value| usize::from(value.get("$id").is_some());
        (count(&root, &ids) <= ids(&root)).then_some(Self { root })
    }

    /// What can stand where these steps lead.
    pub(crate) fn possible(&self, steps: &[&str]) -> Possible<'_> {
        self.at(
            &self.root,
            steps,
            &mut Left {
                steps: STEPS_MAX,
                depth: DEPTH_MAX,
            },
        )
    }

    fn at<'s>(&'s self, schema: &'s Value, steps: &[&str], left: &mut Left) -> Possible<'s> {
        let map = match schema {
            Value::Bool(false) => return Possible::NOTHING,
            Value::Object(map) if left.enter() => map,
            _ => return Possible::ANYTHING,
        };
        let found = self.inside(map, steps, left);
        left.depth += 1;
        found
    }

    fn inside<'s>(&'s self, map: &'s Map<String, Value>, steps: &[&str], left: &mut Left) -> Possible<'s> {
        let mut found = match steps.split_first() {
            None => own(map),
            Some((step, rest)) => self.member(map, step, rest, left),
        };
        if let Some(target) = self.reference(map) {
            found = found.and(self.at(target, steps, left));
        }
        for part in list(map, "allOf") {
            found = found.and(self.at(part, steps, left));
        }
        for name in ["anyOf", "oneOf"] {
            if map.contains_key(name) {
                let parts = list(map, name).iter();
                let either = parts.fold(Possible::NOTHING, |either, part| {
                    either.or(self.at(part, steps, left))
                });
                found = found.and(either);
            }
        }
        found
    }

    fn member<'s>(
        &'s self,
        map: &'s Map<String, Value>,
        step: &str,
        rest: &[&str],
        left: &mut Left,
    ) -> Possible<'s> {
        let kinds = own(map).kinds;
        let mut found = Possible::NOTHING;
        if kinds.contains(Kinds::OBJECT) {
            found = self.property(map, step, rest, left);
        }
        if let Some(index) = index(step).filter(|_| kinds.contains(Kinds::LIST)) {
            let full = map.get("maxItems").and_then(Value::as_u64);
            if full.is_none_or(|full| u64::try_from(index).is_ok_and(|index| index < full)) {
                let item = list(map, "prefixItems").get(index).or_else(|| map.get("items"));
                found = found.or(item.map_or(Possible::ANYTHING, |item| self.at(item, rest, left)));
            }
        }
        found
    }

    fn property<'s>(
        &'s self,
        map: &'s Map<String, Value>,
        step: &str,
        rest: &[&str],
        left: &mut Left,
    ) -> Possible<'s> {
        let named = map.get("properties").and_then(|properties| properties.get(step));
        let patterns = map.get("patternProperties").and_then(Value::as_object);
        let matching: Vec<&Value> = patterns
            .into_iter()
            .flatten()
            .filter(|(pattern, _)| regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(step)))
            .map(|(_, schema)| schema)
            .collect();
        let known = named.into_iter().chain(matching).collect::<Vec<_>>();
        if !known.is_empty() {
            return known.into_iter().fold(Possible::ANYTHING, |found, schema| {
                found.and(self.at(schema, rest, left))
            });
        }
        if let Some(additional) = map.get("additionalProperties") {
            return self.at(additional, rest, left);
        }
        let closed = map.get("unevaluatedProperties") == Some(&Value::Bool(false));
        if closed && !self.evaluates(map, step, left) {
            return Possible::NOTHING;
        }
        Possible::ANYTHING
    }

    /// Whether a schema that applies to the same object says something of this property.
    fn evaluates(&self, map: &Map<String, Value>, step: &str, left: &mut Left) -> bool {
        self.beside(map).into_iter().any(|schema| {
            let Some(map) = schema.as_object().filter(|_| left.enter()) else {
                return true;
            };
            let named = map
                .get("properties")
                .is_some_and(|named| named.get(step).is_some());
            let evaluates = named
                || map.contains_key("patternProperties")
                || map.contains_key("additionalProperties")
                || self.evaluates(map, step, left);
            left.depth += 1;
            evaluates
        })
    }

    /// The schemas that apply, or may apply, to the same value.
    fn beside<'s>(&'s self, map: &'s Map<String, Value>) -> Vec<&'s Value> {
        let lists = ["allOf", "anyOf", "oneOf"]
            .into_iter()
            .flat_map(|name| list(map, name));
        let singles = ["then", "else"].into_iter().filter_map(|name| map.get(name));
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        lists
            .chain(singles)
            .chain(dependent.into_iter().flat_map(Map::values))
            .chain(self.reference(map))
            .collect()
    }

    fn reference<'s>(&'s self, map: &Map<String, Value>) -> Option<&'s Value> {
        let target = map.get("$ref")?.as_str()?;
        let own = self.root.get("$id").and_then(Value::as_str).unwrap_or_default();
        let fragment = target.strip_prefix(own).unwrap_or(target);
        self.root.pointer(fragment.strip_prefix('#').unwrap_or(fragment))
    }

    /// The pointers the schema names, for suggestions.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(&self.root, "", POINTERS_DEPTH_MAX, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn collect(&self, schema: &Value, way: &str, depth: usize, found: &mut Vec<String>) {
        let Some(map) = schema.as_object().filter(|_| depth > 0) else {
            return;
        };
        let properties = map.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if found.len() >= POINTERS_MAX {
                return;
            }
            let here = format!("{way}/{}", name.replace('~', "~0").replace('/', "~1"));
            found.push(here.clone());
            self.collect(schema, &here, depth - 1, found);
        }
        for schema in self.beside(map) {
            self.collect(schema, way, depth - 1, found);
        }
    }
}

fn list<'s>(map: &'s Map<String, Value>, name: &str) -> &'s [Value] {
    map.get(name)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn own(map: &Map<String, Value>) -> Possible<'_> {
    let kinds = match map.get("type") {
        None => Kinds::ALL,
        Some(Value::Array(names)) => names
            .iter()
            .fold(Kinds::NONE, |kinds, name| kinds.or(Kinds::named(name))),
        Some(name) => Kinds::named(name),
    };
    let one = map.get("const").map(|value| vec![value]);
    let listed = map.get("enum").and_then(Value::as_array);
    let values = one.or_else(|| listed.map(|values| values.iter().collect()));
    let of_values = values.iter().flatten();
    let held = of_values.fold(Kinds::NONE, |kinds, value| kinds.or(Kinds::of(value)));
    Possible {
        kinds: if values.is_some() { kinds.and(held) } else { kinds },
        values,
    }
}

/// How often something is counted in a tree.
fn count(value: &Value, of: &impl Fn(&Value) -> usize) -> usize {
    let below: usize = match value {
        Value::Object(map) => map.values().map(|value| count(value, of)).sum(),
        Value::Array(items) => items.iter().map(|value| count(value, of)).sum(),
        _ => 0,
    };
    below + of(value)
}

#[cfg(test)]
mod tests;
