//! The data of one event, as filters see it.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use serde_json::Value;
use stadtbus_event::Event;

use crate::filter::Pointer;
use crate::geo::Geometry;

/// A pointer and what geometry it leads to.
type Place = (Box<str>, Option<Rc<Geometry>>);

/// Parses the data when the first filter asks, and once for all that do.
///
/// What is not declared as JSON is not looked at. Depth is bounded by the parser (128), size by what the bus accepts.
pub struct DataView<'e> {
    event: &'e Event,
    root: OnceCell<Option<Value>>,
    /// By pointer. Few, so a list is faster than a map.
    geometries: RefCell<Vec<Place>>,
}

impl<'e> DataView<'e> {
    /// A view of an event. Nothing is parsed yet.
    #[must_use]
    pub fn new(event: &'e Event) -> Self {
        Self {
            event,
            root: OnceCell::new(),
            geometries: RefCell::default(),
        }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &'e Event {
        self.event
    }

    /// The data, where it is JSON.
    pub fn root(&self) -> Option<&Value> {
        self.root.get_or_init(|| self.parse()).as_ref()
    }

    fn parse(&self) -> Option<Value> {
        let data = self.event.data().filter(|_| self.event.has_json_data())?;
        serde_json::from_slice(data).ok()
    }

    /// Whether somebody has asked for the data.
    #[must_use]
    pub fn is_parsed(&self) -> bool {
        self.root.get().is_some()
    }

    /// The value a pointer leads to.
    pub fn find(&self, pointer: &Pointer) -> Option<&Value> {
        pointer.find(self.root()?)
    }

    /// The geometry a pointer leads to, read at most once.
    pub fn geometry(&self, pointer: &Pointer) -> Option<Rc<Geometry>> {
        let known = |(at, _): &&Place| **at == *pointer.as_str();
        if let Some((_, geometry)) = self.geometries.borrow().iter().find(known) {
            return geometry.clone();
        }
        let geometry = self.find(pointer).and_then(Geometry::read).map(Rc::new);
        self.geometries
            .borrow_mut()
            .push((pointer.as_str().into(), geometry.clone()));
        geometry
    }
}
