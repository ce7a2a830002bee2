//! The way to a subscription: of all that must be true of its events, what is true of the fewest.
//!
//! Nobody knows what the events will be, so the other subscriptions are asked: where many values of an attribute are ordered,
//! one of them is rare; a small area is rarer than a large one.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use stadtbus_contracts::Envelope;

use super::cover::{Cover, Is, Key, There};

/// Keys under which one list of filters is filed; with more it is looked at for every event of its type.
const KEYS_MAX: usize = 1_024;

/// Shares of events that are guessed where nothing is known. Every key costs at least a little.
const ONE_SIDED: f64 = 0.5;
const TWO_SIDED: f64 = 0.25;
const ANYTHING: f64 = 0.95;
const AREA_MIN: f64 = 0.001;
/// What parsing the data adds, so that of two equal ways the one over attributes is taken.
const DATA: f64 = 1.05;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Equal,
    Starting,
    Ending,
    DataEqual,
}

/// How many different values the subscriptions of a type ask for, and in what area.
#[derive(Default)]
pub(super) struct Spread<'f> {
    values: HashMap<(Kind, &'f str), HashSet<u64>>,
    areas: HashMap<&'f str, Envelope>,
    hasher: RandomState,
}

impl<'f> Spread<'f> {
    /// Takes note of everything in a cover.
    pub(super) fn see(&mut self, cover: &Cover<'f>) {
        match cover {
            Cover::Key(key) => self.key(key),
            Cover::All(list) | Cover::Any(list) => list.iter().for_each(|cover| self.see(cover)),
            Cover::Unknown => {}
        }
    }

    fn key(&mut self, key: &Key<'f>) {
        let (place, hash) = match key {
            Key::Text { name, is } => match is {
                Is::Equal(text) => ((Kind::Equal, *name), self.hasher.hash_one(text)),
                Is::Starting(text) => ((Kind::Starting, *name), self.hasher.hash_one(text)),
                Is::Ending(text) => ((Kind::Ending, *name), self.hasher.hash_one(text)),
            },
            Key::Data { pointer, is } => match is {
                There::Equal(scalar) => {
                    let hash = self.hasher.hash_one(format!("{scalar:?}"));
                    ((Kind::DataEqual, pointer.as_str()), hash)
                }
                There::Touching(envelope) => return self.area(pointer.as_str(), envelope),
                There::Between(..) | There::Something => return,
            },
            Key::Integer { .. } => return,
        };
        self.values.entry(place).or_default().insert(hash);
    }

    fn area(&mut self, pointer: &'f str, envelope: &Envelope) {
        let all = self.areas.entry(pointer).or_insert(*envelope);
        let ([west, south], [east, north]) = (all.min, all.max);
        let ([w, s], [e, n]) = (envelope.min, envelope.max);
        all.min = [west.min(w), south.min(s)];
        all.max = [east.max(e), north.max(n)];
    }

    /// The share of events of which this is probably true.
    fn share(&self, key: &Key<'f>) -> f64 {
        let one_of = |kind: Kind, place: &'f str| {
            let different = self.values.get(&(kind, place)).map_or(1, HashSet::len);
            1.0 / (1.0 + different as f64)
        };
        match key {
            Key::Text { name, is } => match is {
                Is::Equal(_) => one_of(Kind::Equal, name),
                Is::Starting(_) => (2.0 * one_of(Kind::Starting, name)).min(ONE_SIDED),
                Is::Ending(_) => (2.0 * one_of(Kind::Ending, name)).min(ONE_SIDED),
            },
            Key::Integer { least, most, .. } => {
                // CloudEvents SQL bounds both sides by 32 bits.
                let bounds = [*least > f64::from(i32::MIN), *most < f64::from(i32::MAX)];
                between(bounds)
            }
            Key::Data { pointer, is } => {
                let share = match is {
                    There::Equal(_) => one_of(Kind::DataEqual, pointer.as_str()),
                    There::Between(least, most) => between([least.is_finite(), most.is_finite()]),
                    There::Touching(envelope) => {
                        let all = self.areas.get(pointer.as_str()).map_or(0.0, size);
                        if all > 0.0 {
                            (size(envelope) / all).clamp(AREA_MIN, ONE_SIDED)
                        } else {
                            ONE_SIDED
                        }
                    }
                    There::Something => ANYTHING,
                };
                (share * DATA).min(1.0)
            }
        }
    }

    /// The keys of which at least one is true of every event for which the cover's filters hold, fewest events first. None
    /// where every event must be looked at.
    pub(super) fn choose<'c>(&self, cover: &'c Cover<'f>) -> Option<Vec<&'c Key<'f>>> {
        self.best(cover).map(|(_, keys)| keys)
    }

    fn best<'c>(&self, cover: &'c Cover<'f>) -> Option<(f64, Vec<&'c Key<'f>>)> {
        match cover {
            Cover::Unknown => None,
            Cover::Key(key) => Some((self.share(key), vec![key])),
            Cover::All(list) => list
                .iter()
                .filter_map(|cover| self.best(cover))
                .min_by(|(one, _), (other, _)| one.total_cmp(other)),
            Cover::Any(list) => {
                let mut all = (0.0, Vec::new());
                for cover in list {
                    let (share, keys) = self.best(cover)?;
                    all.0 += share;
                    all.1.extend(keys);
                    if all.1.len() > KEYS_MAX {
                        return None;
                    }
                }
                Some(all)
            }
        }
    }
}

fn between(bounds: [bool; 2]) -> f64 {
    if bounds == [true, true] {
        TWO_SIDED
    } else {
        ONE_SIDED
    }
}

fn size(envelope: &Envelope) -> f64 {
    let ([west, south], [east, north]) = (envelope.min, envelope.max);
    (east - west) * (north - south)
}
