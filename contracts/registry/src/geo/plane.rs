//! What touches what in the plane of longitude and latitude. Signs of areas are exact, so a point on an edge is on it.

use robust::{Coord, orient2d};

/// Longitude and latitude, in degrees.
pub(crate) type Position = [f64; 2];

/// A rectangle of longitude and latitude, its edges included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Envelope {
    /// The south-western corner.
    pub min: [f64; 2],
    /// The north-eastern corner.
    pub max: [f64; 2],
}

impl Envelope {
    /// The smallest around all positions; none where there are none.
    pub(super) fn around(positions: impl IntoIterator<Item = Position>) -> Option<Self> {
        let mut positions = positions.into_iter();
        let first = positions.next()?;
        let start = Self {
            min: first,
            max: first,
        };
        Some(positions.fold(start, |mut around, [lon, lat]| {
            let ([west, south], [east, north]) = (around.min, around.max);
            around.min = [west.min(lon), south.min(lat)];
            around.max = [east.max(lon), north.max(lat)];
            around
        }))
    }

    /// Whether the two have a point in common.
    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        let axes = self
            .min
            .iter()
            .zip(&self.max)
            .zip(other.min.iter().zip(&other.max));
        axes.into_iter().all(|((a, b), (c, d))| a <= d && c <= b)
    }
}

/// Twice the area of the triangle: positive where `c` lies to the left of the way from `a` to `b`.
fn turn([ax, ay]: Position, [bx, by]: Position, [cx, cy]: Position) -> f64 {
    orient2d(
        Coord { x: ax, y: ay },
        Coord { x: bx, y: by },
        Coord { x: cx, y: cy },
    )
}

fn boxes_touch(a: Position, b: Position, c: Position, d: Position) -> bool {
    let spans = a.iter().zip(&b).zip(c.iter().zip(&d));
    spans
        .into_iter()
        .all(|((a, b), (c, d))| a.min(*b) <= c.max(*d) && c.min(*d) <= a.max(*b))
}

fn same_side(one: f64, other: f64) -> bool {
    one > 0.0 && other > 0.0 || one < 0.0 && other < 0.0
}

/// Whether two segments, their ends included, have a point in common.
fn segments_touch(a: Position, b: Position, c: Position, d: Position) -> bool {
    boxes_touch(a, b, c, d)
        && !same_side(turn(a, b, c), turn(a, b, d))
        && !same_side(turn(c, d, a), turn(c, d, b))
}

/// Whether two segments go through one another, not only meet.
fn segments_cross(a: Position, b: Position, c: Position, d: Position) -> bool {
    let parts = |one: f64, other: f64| one > 0.0 && other < 0.0 || one < 0.0 && other > 0.0;
    boxes_touch(a, b, c, d) && parts(turn(a, b, c), turn(a, b, d)) && parts(turn(c, d, a), turn(c, d, b))
}

/// The segments between positions that follow one another.
pub(super) fn segments(line: &[Position]) -> impl Iterator<Item = (Position, Position)> + Clone {
    line.iter().zip(line.iter().skip(1)).map(|(a, b)| (*a, *b))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Boundary,
    Outside,
}

/// Where `point` lies: how often a ray to the east leaves the ring.
fn side(point: Position, ring: &[Position]) -> Side {
    let [_, y] = point;
    let mut inside = false;
    for (a, b) in segments(ring) {
        let turned = turn(a, b, point);
        if turned == 0.0 && boxes_touch(a, b, point, point) {
            return Side::Boundary;
        }
        let ([_, from], [_, to]) = (a, b);
        if (from > y) != (to > y) && (turned > 0.0) == (to > from) {
            inside = !inside;
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}

/// A ring and the holes in it. Each ring is closed: its last position is its first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Polygon {
    outline: Vec<Position>,
    holes: Vec<Vec<Position>>,
    envelope: Envelope,
}

impl Polygon {
    /// None where there is no ring, or an empty one.
    pub(super) fn new(rings: Vec<Vec<Position>>) -> Option<Self> {
        let mut rings = rings.into_iter();
        let outline = rings.next()?;
        Some(Self {
            envelope: Envelope::around(outline.iter().copied())?,
            holes: rings.collect(),
            outline,
        })
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// The outline, then the holes.
    pub(super) fn rings(&self) -> impl Iterator<Item = &[Position]> {
        std::iter::once(&self.outline)
            .chain(&self.holes)
            .map(Vec::as_slice)
    }

    fn edges(&self) -> impl Iterator<Item = (Position, Position)> {
        self.rings().flat_map(segments)
    }

    /// Whether the point lies in the polygon or on its boundary, that of holes included.
    pub(super) fn covers(&self, point: Position) -> bool {
        let here = Envelope {
            min: point,
            max: point,
        };
        self.envelope.touches(&here)
            && side(point, &self.outline) != Side::Outside
            && !self.holes.iter().any(|hole| side(point, hole) == Side::Inside)
    }

    fn boundary_touches(&self, line: impl Iterator<Item = (Position, Position)>) -> bool {
        let (a, b) = (self.envelope.min, self.envelope.max);
        line.filter(|(c, d)| boxes_touch(a, b, *c, *d))
            .any(|(c, d)| self.edges().any(|(a, b)| segments_touch(a, b, c, d)))
    }

    /// A line that does not touch the boundary lies on one side of it, all of it.
    pub(super) fn touches_line(&self, line: &[Position]) -> bool {
        line.first().is_some_and(|first| self.covers(*first)) || self.boundary_touches(segments(line))
    }

    /// Two areas whose boundaries do not touch are apart, or one holds the whole of the other.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let holds = |one: &Self, other: &Self| other.outline.first().is_some_and(|first| one.covers(*first));
        self.envelope.touches(&other.envelope)
            && (holds(self, other) || holds(other, self) || self.boundary_touches(other.edges()))
    }

    /// Whether its outline bounds an area at all.
    pub(super) fn is_flat(&self) -> bool {
        let Some(first) = self.outline.first() else {
            return true;
        };
        segments(&self.outline).all(|(a, b)| turn(*first, a, b) == 0.0)
    }

    /// The hole, by its number from zero, that begins outside of the outline.
    pub(super) fn hole_outside(&self) -> Option<usize> {
        self.holes.iter().position(|hole| {
            hole.first()
                .is_some_and(|first| side(*first, &self.outline) == Side::Outside)
        })
    }

    /// Whether two of its edges go through one another.
    pub(super) fn crosses_itself(&self) -> bool {
        let west = |(a, b): &(Position, Position)| {
            let ([a, _], [b, _]) = (a, b);
            a.min(*b)
        };
        let mut edges: Vec<_> = self.edges().collect();
        edges.sort_by(|one, other| west(one).total_cmp(&west(other)));
        edges.iter().enumerate().any(|(at, (a, b))| {
            let ([ax, _], [bx, _]) = (a, b);
            let east = ax.max(*bx);
            (edges.iter().skip(at + 1))
                .take_while(|other| west(other) <= east)
                .any(|(c, d)| segments_cross(*a, *b, *c, *d))
        })
    }
}
