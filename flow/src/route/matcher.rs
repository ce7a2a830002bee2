//! All rules compiled together: matching one event costs what matches, not what is subscribed.
//!
//! Orders are found by event type first, and among those by the value of one attribute if the order asks for an
//! exact one. What is left is evaluated filter by filter.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use stadtbus_event::Event;

use super::Rule;

#[derive(Default)]
struct TypeTable {
    /// attribute → value → rules that ask for exactly that.
    exact: HashMap<String, HashMap<String, Vec<u32>>>,
    rest: Vec<u32>,
}

/// The compiled routing table of one city.
#[derive(Default)]
pub struct Matcher {
    rules: Vec<Arc<Rule>>,
    types: HashMap<String, TypeTable>,
}

impl Matcher {
    /// Compiles the rules; a rule's index is its place in the list.
    #[must_use]
    pub fn new(rules: Vec<Arc<Rule>>) -> Self {
        let mut types: HashMap<String, TypeTable> = HashMap::new();
        for (index, rule) in (0u32..).zip(&rules) {
            for ty in rule.types() {
                let table = types.entry(ty.to_owned()).or_default();
                match rule.exact_key() {
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
        Self { rules, types }
    }

    /// Calls `hit` with the index of each rule that gets this event now.
    pub fn matches(&self, event: &Event, now: SystemTime, mut hit: impl FnMut(u32)) {
        let Some(table) = self.types.get(event.ty()) else {
            return;
        };
        let mut test = |indexes: &[u32]| {
            for index in indexes {
                if self.rule(*index).is_some_and(|rule| rule.wants(event, now)) {
                    hit(*index);
                }
            }
        };
        for (name, values) in &table.exact {
            if let Some(indexes) = event.attribute(name).and_then(|value| values.get(&*value)) {
                test(indexes);
            }
        }
        test(&table.rest);
    }

    /// The rules, in the rule of their indexes.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    fn rule(&self, index: u32) -> Option<&Arc<Rule>> {
        self.rules.get(usize::try_from(index).ok()?)
    }
}
