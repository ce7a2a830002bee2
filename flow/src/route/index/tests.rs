#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::{Prefixes, Ranges};

proptest! {
    #[test]
    fn all_prefixes_of_a_value_are_found(keys in vec("[ab]{1,5}", 0..24), value in "[ab]{0,7}") {
        let mut table: BTreeMap<Box<[u8]>, Vec<u32>> = BTreeMap::new();
        for (id, key) in (0u32..).zip(&keys) {
            table.entry(key.as_bytes().into()).or_default().push(id);
        }
        let mut found = Vec::new();
        Prefixes::new(table).find(value.as_bytes(), &mut |id| found.push(id));
        found.sort_unstable();
        let expected: Vec<u32> = (0u32..).zip(&keys).filter(|(_, key)| value.starts_with(*key)).map(|(id, _)| id).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn all_intervals_around_a_number_are_found(bounds in vec((-5..6_i32, -5..6_i32, 0..4_u8), 0..40), number in -6..7_i32) {
        let number = f64::from(number);
        let interval = |(least, most, open): &(i32, i32, u8)| {
            let least = if open & 1 == 1 { f64::NEG_INFINITY } else { f64::from(*least) };
            (least, if open & 2 == 2 { f64::INFINITY } else { f64::from(*most) })
        };
        let intervals: Vec<(f64, f64, u32)> = (0u32..).zip(&bounds).map(|(id, bounds)| {
            let (least, most) = interval(bounds);
            (least, most, id)
        }).collect();
        let mut found = Vec::new();
        Ranges::new(intervals.clone()).find(number, &mut |id| found.push(id));
        found.sort_unstable();
        let holding = intervals.into_iter().filter(|(least, most, _)| *least <= number && number <= *most);
        prop_assert_eq!(found, holding.map(|(.., id)| id).collect::<Vec<_>>());
    }
}
