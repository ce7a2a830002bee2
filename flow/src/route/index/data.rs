//! Keys in the data: pointers as a tree that is walked along with the data, and what is asked at each.

use std::collections::{BTreeMap, HashMap};

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use serde_json::Value;
use stadtbus_contracts::{DataView, NumberKey, Pointer, Scalar};

use super::super::cover::There;
use super::{Ids, Ranges, table};

type Boxed = GeomWithData<Rectangle<[f64; 2]>, u32>;

#[derive(Debug, PartialEq, Eq, Hash)]
enum Plain {
    Null,
    Boolean(bool),
    Number(NumberKey),
}

/// What is asked at one place.
#[derive(Debug)]
struct PlaceIndex {
    pointer: Pointer,
    texts: HashMap<Box<str>, Ids>,
    plain: HashMap<Plain, Ids>,
    numbers: Ranges,
    areas: Option<RTree<Boxed>>,
    something: Box<[u32]>,
}

impl PlaceIndex {
    fn find(&self, value: &Value, view: &DataView<'_>, hit: &mut impl FnMut(u32)) {
        self.something.iter().for_each(|id| hit(*id));
        let equal = match value {
            Value::Null => self.plain.get(&Plain::Null),
            Value::Bool(truth) => self.plain.get(&Plain::Boolean(*truth)),
            Value::Number(number) => {
                number
                    .as_f64()
                    .into_iter()
                    .for_each(|number| self.numbers.find(number, hit));
                self.plain.get(&Plain::Number(NumberKey::of(number)))
            }
            Value::String(text) => self.texts.get(text.as_str()),
            Value::Object(_) => {
                let areas = self.areas.as_ref();
                if let Some((areas, geometry)) = areas.zip(view.geometry(&self.pointer)) {
                    let envelope = geometry.envelope();
                    let envelope = AABB::from_corners(envelope.min, envelope.max);
                    let touching = areas.locate_in_envelope_intersecting(envelope);
                    touching.for_each(|area| hit(area.data));
                }
                None
            }
            Value::Array(_) => None,
        };
        equal.into_iter().flat_map(Ids::as_slice).for_each(|id| hit(*id));
    }
}

#[derive(Debug, Default)]
struct Node {
    below: HashMap<Box<str>, Node>,
    here: Option<Box<PlaceIndex>>,
}

impl Node {
    /// Looks at what both the data and the tree have, whichever has less to look at.
    fn find(&self, value: &Value, view: &DataView<'_>, hit: &mut impl FnMut(u32)) {
        if let Some(here) = &self.here {
            here.find(value, view, hit);
        }
        match value {
            Value::Object(members) if members.len() < self.below.len() => {
                for (name, value) in members {
                    if let Some(node) = self.below.get(name.as_str()) {
                        node.find(value, view, hit);
                    }
                }
            }
            Value::Object(members) => {
                for (name, node) in &self.below {
                    if let Some(value) = members.get(&**name) {
                        node.find(value, view, hit);
                    }
                }
            }
            Value::Array(items) if items.len() < self.below.len() => {
                for (at, value) in items.iter().enumerate() {
                    if let Some(node) = self.below.get(at.to_string().as_str()) {
                        node.find(value, view, hit);
                    }
                }
            }
            Value::Array(items) => {
                for (name, node) in &self.below {
                    if let Some(value) = Pointer::index(name).and_then(|at| items.get(at)) {
                        node.find(value, view, hit);
                    }
                }
            }
            _ => {}
        }
    }
}

/// All keys in the data.
#[derive(Debug, Default)]
pub(super) struct DataIndex {
    root: Node,
    filed: bool,
}

impl DataIndex {
    pub(super) fn is_empty(&self) -> bool {
        !self.filed
    }

    pub(super) fn find(&self, view: &DataView<'_>, hit: &mut impl FnMut(u32)) {
        if let Some(root) = view.root() {
            self.root.find(root, view, hit);
        }
    }
}

#[derive(Default)]
struct PlaceKeys<'k> {
    texts: HashMap<&'k str, Vec<u32>>,
    plain: HashMap<Plain, Vec<u32>>,
    numbers: Vec<(f64, f64, u32)>,
    areas: Vec<Boxed>,
    something: Vec<u32>,
}

/// Keys in the data, as they are collected.
#[derive(Default)]
pub(super) struct DataKeys<'k>(BTreeMap<&'k str, (Option<&'k Pointer>, PlaceKeys<'k>)>);

impl<'k> DataKeys<'k> {
    pub(super) fn add(&mut self, pointer: &'k Pointer, is: &There<'k>, id: u32) {
        let (at, keys) = self.0.entry(pointer.as_str()).or_default();
        *at = Some(pointer);
        let plain = match is {
            There::Equal(Scalar::Text(text)) => return keys.texts.entry(text).or_default().push(id),
            There::Equal(Scalar::Null) => Plain::Null,
            There::Equal(Scalar::Boolean(truth)) => Plain::Boolean(*truth),
            There::Equal(Scalar::Number(number)) => Plain::Number(NumberKey::of(number)),
            There::Between(least, most) => return keys.numbers.push((*least, *most, id)),
            There::Touching(around) => {
                let rectangle = Rectangle::from_corners(around.min, around.max);
                return keys.areas.push(GeomWithData::new(rectangle, id));
            }
            There::Something => return keys.something.push(id),
        };
        keys.plain.entry(plain).or_default().push(id);
    }
}

impl From<DataKeys<'_>> for DataIndex {
    fn from(keys: DataKeys<'_>) -> Self {
        let mut root = Node::default();
        let filed = !keys.0.is_empty();
        for (pointer, keys) in keys.0.into_values() {
            let Some(pointer) = pointer else { continue };
            let node = pointer
                .steps()
                .fold(&mut root, |node, step| node.below.entry(step.into()).or_default());
            node.here = Some(Box::new(PlaceIndex {
                pointer: pointer.clone(),
                texts: table(keys.texts),
                plain: table(keys.plain),
                numbers: Ranges::new(keys.numbers),
                areas: (!keys.areas.is_empty()).then(|| RTree::bulk_load(keys.areas)),
                something: keys.something.into(),
            }));
        }
        Self { root, filed }
    }
}
