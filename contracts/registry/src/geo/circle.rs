//! Distances on the sphere.

use super::plane::{Envelope, Position, segments};
use super::{Geometry, Polygon};

/// Largest radius of a circle, in metres: half way round the Earth.
pub(crate) const METRES_MAX: f64 = 20_015_115.0;

/// Mean radius of the Earth (IUGG R1), in metres. The real distance differs by 0.5 percent at most.
const EARTH_METRES: f64 = 6_371_008.8;

/// Widens envelopes by a tenth of a millimetre, more than rounding can move anything.
const MARGIN_DEGREES: f64 = 1e-9;

/// The circle of a `near`: everything at most so many metres from a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    pub(crate) metres: f64,
}

/// Its numbers are finite, so everything is equal to itself.
impl Eq for Circle {}

impl Circle {
    fn centre(&self) -> Position {
        [self.lon, self.lat]
    }

    /// Whether any part of `geometry` is near enough. Distances are great circles on a sphere; the nearest place on an
    /// edge is looked for in the plane around the centre.
    #[must_use]
    pub fn touches(&self, geometry: &Geometry) -> bool {
        let near = |position: Position| metres_between(self.centre(), position) <= self.metres;
        let line = |line: &[Position]| segments(line).any(|(a, b)| near(nearest(self.centre(), a, b)));
        let ends = |line: &[Position]| line.iter().any(|position| near(*position));
        let area =
            |area: &Polygon| area.covers(self.centre()) || area.rings().any(|ring| ends(ring) || line(ring));
        geometry.points.iter().any(|position| near(*position))
            || geometry.lines.iter().any(|one| ends(one) || line(one))
            || geometry.areas.iter().any(area)
    }

    /// A rectangle around it; all longitudes where it reaches a pole or the 180th meridian.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let angle = self.metres / EARTH_METRES;
        let high = angle.to_degrees() * (1.0 + 1e-9) + MARGIN_DEGREES;
        let (south, north) = (self.lat - high, self.lat + high);
        let between = |west: f64, east: f64| Envelope {
            min: [west, south.max(-90.0)],
            max: [east, north.min(90.0)],
        };
        let all = between(-180.0, 180.0);
        if south <= -90.0 || north >= 90.0 {
            return all;
        }
        // The meridians that touch the circle do so nearer to the pole than its centre.
        let ratio = angle.sin() / self.lat.to_radians().cos();
        if ratio >= 1.0 {
            return all;
        }
        let wide = ratio.asin().to_degrees() * (1.0 + 1e-9) + MARGIN_DEGREES;
        let (west, east) = (self.lon - wide, self.lon + wide);
        if west <= -180.0 || east >= 180.0 {
            return all;
        }
        between(west, east)
    }
}

/// Haversine.
fn metres_between([lon_a, lat_a]: Position, [lon_b, lat_b]: Position) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin();
    let (lat, lon) = (half(lat_b - lat_a), half(lon_b - lon_a));
    let across = lat_a.to_radians().cos() * lat_b.to_radians().cos();
    let chord = (lat * lat + across * lon * lon).clamp(0.0, 1.0);
    2.0 * EARTH_METRES * chord.sqrt().asin()
}

/// The place on the segment nearest to `centre`, as seen in the plane that touches the sphere there.
fn nearest(centre: Position, a: Position, b: Position) -> Position {
    let [lon, lat] = centre;
    let shrink = lat.to_radians().cos();
    let flat = |[x, y]: Position| [(x - lon) * shrink, y - lat];
    let ([ax, ay], [bx, by]) = (flat(a), flat(b));
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let part = if length > 0.0 {
        (-(ax * dx + ay * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let ([ax, ay], [bx, by]) = (a, b);
    [ax + part * (bx - ax), ay + part * (by - ay)]
}
