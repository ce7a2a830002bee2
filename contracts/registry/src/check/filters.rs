//! Filters against the contracts of the types they filter: can they ever hold, and do they say what they seem to.

use std::rc::Rc;

use cloudevents_sql::{Expression, FindingKind};
use serde_json::Value;
use stadtbus_event::EventType;

use super::{Check, at};
use crate::contract::Contract;
use crate::filter::{Attributes, Comparison, DataFilter, Field, Filter, Scalar};
use crate::finding::{Text, did_you_mean};
use crate::in_order::KeyPath;
use crate::schema::fields::{Fields, Kinds, Possible};
use crate::subscription::Subscription;

/// Context attributes of the specification, and extension attributes the bus or its registered
/// extensions set; contracts add their own.
const ATTRIBUTES: &[&str] = &[
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "specversion",
    "acceptedtime",
    "causationid",
    "correlationid",
    "datacategory",
    "dataclassification",
    "datacontract",
    "dataref",
    "dataregulation",
    "expirytime",
    "hops",
    "partitionkey",
    "partner",
    "recordedtime",
    "sequence",
    "severitynumber",
    "severitytext",
    "traceparent",
    "tracestate",
];

/// Types of GeoJSON objects that are geometry.
const GEOMETRIES: &[&str] = &[
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
];

/// The subscription whose filters are looked at.
struct Filtered<'s, 'c> {
    object: &'s str,
    subscription: &'s Subscription,
    contracts: &'s [&'c Contract],
}

impl<'c> Check<'c> {
    pub(super) fn filters(&mut self, object: &str, subscription: &Subscription, contracts: &[&'c Contract]) {
        let filtered = Filtered {
            object,
            subscription,
            contracts,
        };
        for (i, filter) in subscription.filters.iter().enumerate() {
            for (way, leaf) in filter.leaves() {
                let here = format!("/filters/{i}{way}");
                match leaf {
                    Filter::Exact(pairs) => {
                        self.names(&filtered, &here, pairs);
                        self.exact_type(&filtered, &here, pairs);
                    }
                    Filter::Prefix(pairs) | Filter::Suffix(pairs) => self.names(&filtered, &here, pairs),
                    Filter::Sql(expression) => self.expression(&filtered, &here, expression),
                    Filter::Data(filter) => self.data(&filtered, &here, filter),
                    Filter::All(_) | Filter::Any(_) | Filter::Not(_) => {}
                }
            }
        }
    }

    /// What its events are ordered by: an attribute or a field that they can have, and that can be a key.
    pub(super) fn in_order(&mut self, object: &str, subscription: &Subscription, contracts: &[&'c Contract]) {
        let filtered = Filtered {
            object,
            subscription,
            contracts,
        };
        let pointer = match subscription.order.as_ref().map(|order| &order.by) {
            None => return,
            Some(KeyPath::Attribute(name)) => return self.attribute(&filtered, "/order/by", name),
            Some(KeyPath::Data(pointer)) => pointer,
        };
        let schemas: Vec<Rc<Fields>> = contracts.iter().filter_map(|c| self.schema_fields(c)).collect();
        // Of a type without contract, or a schema that does not compile, that has been said.
        if schemas.len() != subscription.types.len() {
            return;
        }
        let steps: Vec<&str> = pointer.steps().collect();
        let places: Vec<Possible<'_>> = schemas.iter().map(|schema| schema.possible(&steps)).collect();
        let scalar = Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOLEAN);
        if places.iter().all(Possible::is_nowhere) {
            self.no_such_field(&filtered, "/order/by", pointer.as_str());
        } else if places.iter().all(|place| !place.kinds.contains(scalar)) {
            let text = Text::new(
                "Ein Schlüssel ist ein Text, eine Zahl oder ein Wahrheitswert; nach dem Vertrag steht dort etwas anderes.",
                "a key is a text, a number or a truth value; by the contract something else stands there",
            );
            self.error("SB-5005", &at(object, "/order/by"), text, None);
        }
    }

    fn names(&mut self, filtered: &Filtered<'_, 'c>, here: &str, pairs: &Attributes) {
        for name in pairs.keys() {
            self.attribute(filtered, &format!("{here}/{name}"), name);
        }
    }

    /// An attribute that no event of these contracts can have.
    fn attribute(&mut self, filtered: &Filtered<'_, 'c>, here: &str, name: &str) {
        let extensions = filtered.contracts.iter().flat_map(|c| &c.extensions);
        let known: Vec<&str> = ATTRIBUTES
            .iter()
            .copied()
            .chain(extensions.map(String::as_str))
            .collect();
        if !known.contains(&name) {
            let place = at(filtered.object, here);
            self.unknown(&place, ("Ein Attribut", "attribute"), name, known);
        }
    }

    fn exact_type(&mut self, filtered: &Filtered<'_, 'c>, here: &str, pairs: &Attributes) {
        let types = || filtered.subscription.types.iter().map(EventType::as_str);
        let Some(ty) = pairs.get("type").filter(|ty| !types().any(|taken| taken == **ty)) else {
            return;
        };
        self.warn(
            "SB-5006",
            &at(filtered.object, &format!("{here}/type")),
            Text::new(
                "Der Filter nennt einen Ereignistyp, den das Abonnement nicht bezieht.",
                "the filter names an event type the subscription does not take",
            ),
            did_you_mean(ty, types().collect::<Vec<_>>()),
        );
    }

    fn expression(&mut self, filtered: &Filtered<'_, 'c>, here: &str, expression: &Expression) {
        for attribute in expression.attributes() {
            self.attribute(filtered, here, attribute.name);
        }
        for finding in expression.findings() {
            let de = match finding.kind {
                FindingKind::MixedLogic => {
                    "AND, OR und XOR binden hier gleich stark und gelten von links nach rechts, anderswo von rechts nach links."
                }
                FindingKind::NotBindsTighter => "NOT gilt hier nur für das Wort dahinter.",
                _ => continue,
            };
            let part: String = finding.span.of(expression.source()).chars().take(80).collect();
            let hint = Text::new(
                format!("Klammern setzen in: {part}"),
                format!("Write parentheses in: {part}"),
            );
            let place = at(filtered.object, here);
            self.warn("SB-5017", &place, Text::new(de, finding.to_string()), Some(hint));
        }
    }

    fn data(&mut self, filtered: &Filtered<'_, 'c>, here: &str, filter: &DataFilter) {
        let schemas: Option<Vec<Rc<Fields>>> =
            filtered.contracts.iter().map(|c| self.schema_fields(c)).collect();
        // Of a type without contract, or a schema that does not compile, that has been said.
        let Some(schemas) = schemas.filter(|schemas| schemas.len() == filtered.subscription.types.len())
        else {
            return;
        };
        for field in filter.fields() {
            let pointer = field.pointer.as_str();
            let place = format!("{here}/{}", pointer.replace('~', "~0").replace('/', "~1"));
            let can_be = |schema: &&Rc<Fields>| !possible(schema, field, &[]).is_nowhere();
            let schemas: Vec<&Rc<Fields>> = schemas.iter().filter(can_be).collect();
            if schemas.is_empty() {
                self.no_such_field(filtered, &place, pointer);
                continue;
            }
            for comparison in &field.comparisons {
                let wrong = wrong(&schemas, field, comparison);
                if let Some((de, en, hint)) = wrong {
                    let here = format!("{place}/{}", comparison.operator());
                    self.error("SB-5005", &at(filtered.object, &here), Text::new(de, en), hint);
                }
            }
        }
    }

    fn no_such_field(&mut self, filtered: &Filtered<'_, 'c>, place: &str, pointer: &str) {
        let schemas: Vec<_> = filtered
            .contracts
            .iter()
            .filter_map(|contract| self.schema_fields(contract))
            .collect();
        let known: Vec<String> = schemas.iter().flat_map(|schema| schema.pointers()).collect();
        let text = Text::new(
            format!("Ein Feld „{pointer}“ gibt es nach dem Vertrag in den Daten nicht."),
            format!("by the contract the data has no field `{pointer}`"),
        );
        let hint = did_you_mean(pointer, known.iter().map(String::as_str).collect::<Vec<_>>());
        self.error("SB-5006", &at(filtered.object, place), text, hint);
    }

    fn schema_fields(&mut self, contract: &'c Contract) -> Option<Rc<Fields>> {
        let ty = contract.event_type.as_str();
        let known = self.fields.entry(ty);
        known
            .or_insert_with(|| Fields::read(&contract.schema).map(Rc::new))
            .clone()
    }
}

fn possible<'s>(schema: &'s Fields, field: &Field, more: &[&str]) -> Possible<'s> {
    let steps: Vec<&str> = field.pointer.steps().chain(more.iter().copied()).collect();
    schema.possible(&steps)
}

type Sentence = (String, String, Option<Text>);

/// Why the comparison can hold under none of the schemas.
fn wrong(schemas: &[&Rc<Fields>], field: &Field, comparison: &Comparison) -> Option<Sentence> {
    let places: Vec<Possible<'_>> = schemas
        .iter()
        .map(|schema| possible(schema, field, &[]))
        .collect();
    let kind = |kind: Kinds| places.iter().any(|place| place.kinds.contains(kind));
    let can_hold = match comparison {
        Comparison::Equals(scalar) => return no_such_value(&places, field, scalar),
        Comparison::In(scalars) => {
            return scalars
                .iter()
                .find_map(|scalar| no_such_value(&places, field, scalar));
        }
        Comparison::Ordered(_, Scalar::Number(_)) => kind(Kinds::NUMBER),
        Comparison::Ordered(..) | Comparison::Timed(..) | Comparison::Pattern(_) => kind(Kinds::TEXT),
        Comparison::Exists(_) => true,
        Comparison::Near(_) | Comparison::Within(_) => {
            schemas.iter().any(|schema| can_be_geometry(schema, field))
        }
    };
    if can_hold {
        return None;
    }
    let there = words(&places);
    Some((
        format!(
            "Der Vergleich „{}“ kann nie zutreffen: nach dem Vertrag steht dort {}.",
            comparison.operator(),
            there.de
        ),
        format!(
            "the comparison `{}` can never hold: by the contract {} stands there",
            comparison.operator(),
            there.en
        ),
        matches!(comparison, Comparison::Near(_) | Comparison::Within(_)).then(|| {
            Text::new(
                "Gebraucht wird ein GeoJSON-Objekt mit „type“ und „coordinates“.",
                "A GeoJSON object with `type` and `coordinates` is needed.",
            )
        }),
    ))
}

fn words(places: &[Possible<'_>]) -> Text {
    let kinds = places.iter().map(|place| place.kinds);
    kinds
        .reduce(Kinds::or)
        .map_or_else(|| Text::new("nichts", "nothing"), Kinds::words)
}

fn no_such_value(places: &[Possible<'_>], field: &Field, scalar: &Scalar) -> Option<Sentence> {
    let kind = match scalar {
        Scalar::Null => Kinds::NULL,
        Scalar::Boolean(_) => Kinds::BOOLEAN,
        Scalar::Number(_) => Kinds::NUMBER,
        Scalar::Text(_) => Kinds::TEXT,
    };
    let listed = |place: &Possible<'_>| {
        (place.values.as_ref()).is_none_or(|values| values.iter().any(|value| scalar.equals(value)))
    };
    if places
        .iter()
        .any(|place| place.kinds.contains(kind) && listed(place))
    {
        return None;
    }
    let pointer = &field.pointer;
    if places.iter().any(|place| place.kinds.contains(kind)) {
        let values = places.iter().filter_map(|place| place.values.as_ref());
        let known: Vec<&str> = values.flatten().filter_map(|value| value.as_str()).collect();
        let hint = match scalar {
            Scalar::Text(text) => did_you_mean(text, known),
            _ => None,
        };
        return Some((
            format!("Diesen Wert kann „{pointer}“ nach dem Vertrag nicht haben."),
            format!("by the contract `{pointer}` cannot have this value"),
            hint,
        ));
    }
    let there = words(places);
    Some((
        format!(
            "Dieser Wert kann „{pointer}“ nie gleichen: nach dem Vertrag steht dort {}.",
            there.de
        ),
        format!(
            "this value can never be that of `{pointer}`: by the contract {} stands there",
            there.en
        ),
        None,
    ))
}

fn can_be_geometry(schema: &Fields, field: &Field) -> bool {
    let at = |name: &str| possible(schema, field, &[name]);
    let ty = at("type");
    let named = ty.values.as_ref().is_none_or(|values| {
        let names = values.iter().filter_map(|value: &&Value| value.as_str());
        names.into_iter().any(|name| GEOMETRIES.contains(&name))
    });
    let parts = ["coordinates", "geometries"];
    possible(schema, field, &[]).kinds.contains(Kinds::OBJECT)
        && ty.kinds.contains(Kinds::TEXT)
        && named
        && parts.iter().any(|name| at(name).kinds.contains(Kinds::LIST))
}
