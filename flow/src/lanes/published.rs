//! What a derivation has published and the state of its plugin does not know.
//!
//! Outputs are written before the state. A process that dies in between leaves outputs of inputs that are run again; for
//! a while the broker knows them as repeats, later only their log does. So the lane remembers up to where in that log all
//! outputs are of inputs that the state includes, and what stands behind that is looked up before an input is run again:
//! it is neither published a second time nor taken back by an `expirytime` that has passed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use stadtbus_broker::{LogName, Position};

use super::{item::Item, lane::Lane};

/// The outputs of a lane, as far as its plugin's state may not know them.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Up to here all are of inputs that the state includes.
    pub(super) upto: Option<Position>,
    /// Whether it was looked up what stands behind that.
    known: bool,
    /// Ids of outputs, by the place of their input.
    outputs: BTreeMap<(LogName, Position), BTreeSet<String>>,
}

impl Published {
    pub(super) fn resume(upto: Option<Position>) -> Self {
        Self {
            upto,
            ..Self::default()
        }
    }

    /// An input has come to its end.
    pub(super) fn end(&mut self, item: &Item) {
        if !self.outputs.is_empty() {
            let place = (item.logged.log.clone(), item.logged.position);
            self.outputs.remove(&place);
        }
    }
}

/// An output that stands in its log.
pub(crate) struct Output {
    pub(crate) id: String,
    /// The place of its input.
    pub(crate) of: (LogName, Position),
}

impl Lane {
    /// From where on its outputs must be looked up, if that is known.
    pub(crate) fn published_upto(&self) -> Option<Position> {
        self.state().published.upto
    }

    /// Whether it was looked up in this life.
    pub(crate) fn knows_its_outputs(&self) -> bool {
        self.state().published.known
    }

    /// What stands behind `from`. Outputs of inputs that have come to their end need not be remembered.
    pub(crate) fn set_outputs(&self, from: Position, found: Vec<Output>) {
        let mut state = self.state();
        let mut outputs: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for Output { id, of } in found {
            let waits = state
                .hangs
                .get(&of.0)
                .is_some_and(|(cursor, _)| cursor.is_open(of.1) || of.1 > cursor.seen());
            if waits {
                outputs.entry(of).or_default().insert(id);
            }
        }
        state.dirty |= state.published.upto != Some(from);
        state.published = Published {
            upto: Some(from),
            known: true,
            outputs,
        };
    }

    /// The ids of the outputs of this input that stand in their log already.
    pub(crate) fn outputs_of(&self, item: &Item) -> BTreeSet<String> {
        let place = (item.logged.log.clone(), item.logged.position);
        let state = self.state();
        state.published.outputs.get(&place).cloned().unwrap_or_default()
    }

    /// All outputs up to here are of inputs that the state includes, unless some are left of others.
    pub(crate) fn published(&self, upto: Position) {
        let mut state = self.state();
        if state.published.outputs.is_empty() && state.published.upto.is_none_or(|before| before < upto) {
            state.published.upto = Some(upto);
            state.dirty = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits,
        lanes::{Outcome, cursor::Marks, testing},
    };

    fn output(id: &str, of: Position) -> Output {
        Output {
            id: id.to_owned(),
            of: (testing::log(), of),
        }
    }

    #[test]
    fn outputs_are_known_until_their_inputs_have_ended_and_the_next_life_looks_behind_the_last_of_them() {
        let lane = testing::lane(Marks::default(), &Limits::default(), serde_json::json!({}));
        for position in 1..=3 {
            testing::offer(&lane, &testing::logged(position, "urn:a", "k"));
        }
        let mut items: Vec<Item> = std::iter::from_fn(|| lane.take_ready()).collect();
        lane.settle(items.remove(0), Outcome::Delivered, None, None);
        assert!(!lane.knows_its_outputs());
        lane.set_outputs(4, vec![output("a", 1), output("b", 2), output("c", 9)]);
        assert!(lane.knows_its_outputs());
        let of = |item: &Item| lane.outputs_of(item).into_iter().collect::<Vec<_>>();
        assert_eq!(
            items.iter().map(of).collect::<Vec<_>>(),
            [vec!["b".to_owned()], vec![]]
        );

        lane.published(7);
        assert_eq!(lane.published_upto(), Some(4), "some are left of others");
        for item in items {
            lane.settle(item, Outcome::Delivered, None, None);
        }
        testing::offer(&lane, &testing::logged(9, "urn:a", "k"));
        let last = lane.take_ready().unwrap();
        assert_eq!(of(&last), ["c"]);
        lane.settle(last, Outcome::Delivered, None, None);
        lane.published(8);
        lane.published(5);
        let next = testing::lane(testing::marks(&lane), &Limits::default(), serde_json::json!({}));
        assert_eq!(
            (next.published_upto(), next.knows_its_outputs()),
            (Some(8), false)
        );
    }
}
