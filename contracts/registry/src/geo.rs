//! Geometry of filters and of events: GeoJSON (RFC 7946), the areas and circles it is compared with, and whether they touch.
//!
//! Positions are longitude and latitude in WGS 84, in degrees. As RFC 7946 says, an edge is the straight line between two
//! positions in that plane; only distances are measured on the sphere. Boundaries belong to what they bound.
//!
//! Own code over one library of exact predicates, because those two questions are all that is asked here: the libraries that
//! also answer them bring overlays, geodesics and random numbers along, more than twenty crates. One of them is the witness
//! in the tests.

mod areas;
mod circle;
mod plane;
mod read;

pub use areas::Areas;
pub use circle::Circle;
pub(crate) use circle::METRES_MAX;
pub use plane::Envelope;
use plane::{Polygon, Position};
pub(crate) use read::area;
use serde_json::{Value, json};

/// Positions that one area of a filter, or one geometry in the data of an event, may have. Whether two touch takes time
/// with the product of both.
pub const GEOMETRY_POSITIONS_MAX: usize = 2_000;

/// What GeoJSON stands at some place in the data of an event, taken apart into points, lines and areas.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    points: Vec<Position>,
    lines: Vec<Vec<Position>>,
    areas: Vec<Polygon>,
    envelope: Envelope,
}

impl Geometry {
    /// Reads any geometry of GeoJSON. None where `value` is none, has a position outside the world, no position at all
    /// or more than [`GEOMETRY_POSITIONS_MAX`]. Heights are left out of account; rings that are not closed are closed.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        read::geometry(value)
    }

    /// The rectangle around it.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }
}

/// The area of a `within`: a GeoJSON Polygon or MultiPolygon, holes included.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    polygons: Vec<Polygon>,
    multiple: bool,
    envelope: Envelope,
}

/// Positions are finite, so everything is equal to itself.
impl Eq for Area {}

impl Area {
    /// The rectangle around it.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Whether any part of `geometry` lies in the area or on its boundary.
    #[must_use]
    pub fn touches(&self, geometry: &Geometry) -> bool {
        self.envelope.touches(&geometry.envelope)
            && self.polygons.iter().any(|polygon| {
                let point = |point: &Position| polygon.covers(*point);
                geometry.points.iter().any(point)
                    || geometry.lines.iter().any(|line| polygon.touches_line(line))
                    || geometry.areas.iter().any(|area| polygon.touches(area))
            })
    }

    /// How many positions it has.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.polygons
            .iter()
            .flat_map(Polygon::rings)
            .map(<[Position]>::len)
            .sum()
    }

    /// Its GeoJSON type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.multiple { "MultiPolygon" } else { "Polygon" }
    }

    /// The GeoJSON it was read from.
    pub(crate) fn to_value(&self) -> Value {
        let polygons = || {
            self.polygons
                .iter()
                .map(|polygon| polygon.rings().collect::<Vec<_>>())
        };
        let coordinates = if self.multiple {
            json!(polygons().collect::<Vec<_>>())
        } else {
            json!(polygons().next().unwrap_or_default())
        };
        json!({"type": self.kind(), "coordinates": coordinates})
    }
}

#[cfg(test)]
mod tests;
