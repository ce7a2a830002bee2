//! All rules compiled together: matching one event costs what matches, not what is subscribed.
//!
//! Equal lists of filters are kept once, with the rules that share them. Each list is filed under what is true of the fewest
//! events for which it holds ([`super::choose`]), and only the lists that an event's own values lead to are evaluated, by
//! the evaluator that explains ([`super::decide`]). Lists for which nothing is known (`not`, a pattern on an attribute) are
//! evaluated for every event of their type, once each however many rules have them.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use stadtbus_contracts::{DataView, Filter, Permit};
use stadtbus_event::Event;

use super::{Rule, choose::Spread, cover::Cover, filter::all_hold, index::Index};

/// One rule under a list of filters, and when its partner may have what it asks for.
struct Member {
    rule: u32,
    permit: u32,
}

/// One list of filters.
struct Group {
    /// A rule that has it.
    sample: u32,
    members: Box<[Member]>,
}

/// All rules that ask for one event type.
struct TypeTable {
    groups: Box<[Group]>,
    permits: Box<[Permit]>,
    index: Index,
    /// Groups that every event may concern.
    rest: Box<[u32]>,
}

/// The compiled routing table of one city.
#[derive(Default)]
pub struct Matcher {
    rules: Vec<Arc<Rule>>,
    types: HashMap<Box<str>, TypeTable>,
}

impl Matcher {
    /// Compiles the rules; a rule's index is its place in the list.
    #[must_use]
    pub fn new(rules: Vec<Arc<Rule>>) -> Self {
        let mut lists: HashMap<String, u32> = HashMap::new();
        let mut types: HashMap<&str, TypeRules<'_>> = HashMap::new();
        for (index, rule) in (0u32..).zip(&rules) {
            let words = serde_json::to_string(&rule.subscription().filters).unwrap_or_default();
            let list = *lists.entry(words).or_insert(index);
            let mut asked: Vec<&str> = rule.types().collect();
            asked.sort_unstable();
            asked.dedup();
            for ty in asked {
                types.entry(ty).or_default().add(list, index, rule, ty);
            }
        }
        let table = |ty: TypeRules<'_>| ty.compile(&rules);
        let types = types.into_iter().map(|(ty, of)| (ty.into(), table(of))).collect();
        Self { rules, types }
    }

    /// Calls `hit` with the index of each rule that gets this event now, once, in no order.
    pub fn matches(&self, event: &Event, now: SystemTime, mut hit: impl FnMut(u32)) {
        self.decide(event, now, |rule, may| {
            if may {
                hit(rule);
            }
        });
    }

    /// Calls `hit` with the index of each rule whose filters let this event through, once, in no order, and whether its
    /// partner may have it now.
    pub fn decide(&self, event: &Event, now: SystemTime, mut hit: impl FnMut(u32, bool)) {
        let Some(table) = self.types.get(event.ty()) else {
            return;
        };
        let view = DataView::new(event);
        let mut found = Vec::new();
        table.index.find(&view, &mut |group| found.push(group));
        // A list of filters may have been found by several of its keys.
        found.sort_unstable();
        found.dedup();
        for group in found.iter().chain(&table.rest) {
            let Some(group) = at(&table.groups, *group) else {
                continue;
            };
            if !all_hold(filters(&self.rules, group.sample), &view) {
                continue;
            }
            for member in &group.members {
                let permit = at(&table.permits, member.permit);
                hit(member.rule, permit.is_some_and(|permit| permit.is_valid_at(now)));
            }
        }
    }

    /// The rules, in the rule of their indexes.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }
}

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}

fn filters(rules: &[Arc<Rule>], rule: u32) -> &[Filter] {
    at(rules, rule).map_or(&[], |rule| &rule.subscription().filters)
}

/// The rules of one type, as they are collected.
#[derive(Default)]
struct TypeRules<'r> {
    /// By the first rule with the same list.
    groups: HashMap<u32, Vec<Member>>,
    permits: Vec<Permit>,
    /// Partners have many orders for the same purpose, and time is decided when an event comes.
    known: HashMap<(&'r str, &'r str), u32>,
}

impl<'r> TypeRules<'r> {
    fn add(&mut self, list: u32, index: u32, rule: &'r Rule, ty: &str) {
        let whose = (rule.partner().as_str(), rule.subscription().purpose.as_str());
        let permit = *self.known.entry(whose).or_insert_with(|| {
            self.permits.push(rule.permit(ty));
            u32::try_from(self.permits.len() - 1).unwrap_or(u32::MAX)
        });
        let members = self.groups.entry(list).or_default();
        members.push(Member { rule: index, permit });
    }

    fn compile(self, rules: &[Arc<Rule>]) -> TypeTable {
        let mut groups: Vec<Group> = self
            .groups
            .into_iter()
            .map(|(sample, members)| Group {
                sample,
                members: members.into(),
            })
            .collect();
        groups.sort_unstable_by_key(|group| group.sample);
        let covers: Vec<Cover<'_>> = groups
            .iter()
            .map(|group| Cover::of(filters(rules, group.sample)))
            .collect();
        let mut spread = Spread::default();
        covers.iter().for_each(|cover| spread.see(cover));
        let mut filed = Vec::new();
        let mut rest = Vec::new();
        for (place, cover) in (0u32..).zip(&covers) {
            match spread.choose(cover) {
                Some(keys) => filed.push((place, keys)),
                None => rest.push(place),
            }
        }
        TypeTable {
            index: Index::new(filed),
            rest: rest.into(),
            permits: self.permits.into(),
            groups: groups.into(),
        }
    }
}

#[cfg(test)]
mod tests;
