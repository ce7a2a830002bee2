//! All orders compiled together: matching one event costs what matches, not what is subscribed.
//!
//! Orders are found by event type first, and among those by the value of one attribute if the order asks for an
//! exact one. What is left is evaluated filter by filter.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use super::Order;
use crate::log::Logged;

#[derive(Default)]
struct TypeTable {
    /// attribute → value → orders that ask for exactly that.
    exact: HashMap<String, HashMap<String, Vec<u32>>>,
    rest: Vec<u32>,
}

/// The compiled routing table of one city.
#[derive(Default)]
pub struct Matcher {
    orders: Vec<Arc<Order>>,
    types: HashMap<String, TypeTable>,
}

impl Matcher {
    /// Compiles the orders; an order's index is its place in the list.
    #[must_use]
    pub fn new(orders: Vec<Arc<Order>>) -> Self {
        let mut types: HashMap<String, TypeTable> = HashMap::new();
        for (index, order) in (0u32..).zip(&orders) {
            for ty in order.types() {
                let table = types.entry(ty.to_owned()).or_default();
                match order.exact_key() {
                    Some((name, value)) => table
                        .exact
                        .entry(name.to_owned())
                        .or_default()
                        .entry(value.to_owned())
                        .or_default()
                        .push(index),
                    None => table.rest.push(index),
                }
            }
        }
        Self { orders, types }
    }

    /// Calls `hit` with the index of each order that gets this event now.
    pub fn matches(&self, logged: &Logged, now: SystemTime, mut hit: impl FnMut(u32)) {
        let Some(table) = self.types.get(logged.event.ty()) else {
            return;
        };
        let mut test = |indexes: &[u32]| {
            for index in indexes {
                if self.order(*index).is_some_and(|order| order.wants(logged, now)) {
                    hit(*index);
                }
            }
        };
        for (name, values) in &table.exact {
            if let Some(indexes) = logged.event.attribute(name).and_then(|value| values.get(&*value)) {
                test(indexes);
            }
        }
        test(&table.rest);
    }

    /// The orders, in the order of their indexes.
    #[must_use]
    pub fn orders(&self) -> &[Arc<Order>] {
        &self.orders
    }

    fn order(&self, index: u32) -> Option<&Arc<Order>> {
        self.orders.get(usize::try_from(index).ok()?)
    }
}
