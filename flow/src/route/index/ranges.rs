//! Which of many intervals hold a number.

#[derive(Debug)]
struct Range {
    least: f64,
    most: f64,
    /// The greatest `most` in the part of the list of which this is the middle.
    reach: f64,
    id: u32,
}

/// Intervals ordered by where they begin; read as a balanced tree whose root is the middle.
///
/// A part whose reach is below the number is passed over, and so is everything that begins above it: what is looked at is
/// found, but for a logarithmic rest.
#[derive(Debug, Default)]
pub(super) struct Ranges(Box<[Range]>);

impl Ranges {
    pub(super) fn new(mut ranges: Vec<(f64, f64, u32)>) -> Self {
        ranges.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
        let range = |(least, most, id)| Range {
            least,
            most,
            reach: most,
            id,
        };
        let mut ranges: Box<[Range]> = ranges.into_iter().map(range).collect();
        reach(&mut ranges);
        Self(ranges)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, number: f64, hit: &mut impl FnMut(u32)) {
        find(&self.0, number, hit);
    }
}

fn reach(ranges: &mut [Range]) -> f64 {
    let (before, rest) = ranges.split_at_mut(ranges.len() / 2);
    let Some((middle, after)) = rest.split_first_mut() else {
        return f64::NEG_INFINITY;
    };
    middle.reach = middle.most.max(reach(before)).max(reach(after));
    middle.reach
}

fn find(ranges: &[Range], number: f64, hit: &mut impl FnMut(u32)) {
    let Some((before, rest)) = ranges.split_at_checked(ranges.len() / 2) else {
        return;
    };
    let Some((middle, after)) = rest.split_first() else {
        return;
    };
    if middle.reach < number {
        return;
    }
    find(before, number, hit);
    if middle.least <= number {
        if number <= middle.most {
            hit(middle.id);
        }
        find(after, number, hit);
    }
}
