//! Which of many prefixes a value has.

use std::collections::BTreeMap;

use super::Ids;

#[derive(Debug)]
struct Prefix {
    bytes: Box<[u8]>,
    /// The longest other prefix of this one, by its place.
    shorter: Option<u32>,
    ids: Ids,
}

/// Prefixes in their order, each with the next shorter one.
///
/// Everything between a prefix of a value and the value itself, in order, begins with that prefix. So the last entry not
/// above the value is one of its prefixes, or has all of them among those it leads to.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Box<[Prefix]>);

impl Prefixes {
    pub(super) fn new(keys: BTreeMap<Box<[u8]>, Vec<u32>>) -> Self {
        let mut prefixes: Vec<Prefix> = Vec::with_capacity(keys.len());
        // The prefixes of the entry at hand, longest last.
        let mut open: Vec<u32> = Vec::new();
        for (place, (bytes, ids)) in (0u32..).zip(keys) {
            let leads = |at: &u32| {
                let prefix = usize::try_from(*at).ok().and_then(|at| prefixes.get(at));
                prefix.is_some_and(|prefix| bytes.starts_with(&prefix.bytes))
            };
            while open.last().is_some_and(|at| !leads(at)) {
                open.pop();
            }
            let shorter = open.last().copied();
            open.push(place);
            prefixes.push(Prefix {
                bytes,
                shorter,
                ids: ids.into(),
            });
        }
        Self(prefixes.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, value: &[u8], hit: &mut impl FnMut(u32)) {
        let above = self.0.partition_point(|prefix| *prefix.bytes <= *value);
        let mut next = above.checked_sub(1);
        while let Some(prefix) = next.and_then(|at| self.0.get(at)) {
            if value.starts_with(&prefix.bytes) {
                prefix.ids.as_slice().iter().for_each(|id| hit(*id));
            }
            next = prefix.shorter.and_then(|at| usize::try_from(at).ok());
        }
    }
}
