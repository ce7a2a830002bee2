//! GeoJSON, tolerantly where it comes in an event, strictly where it is a filter's.

use serde_json::Value;

use super::plane::{Envelope, Polygon, Position};
use super::{Area, GEOMETRY_POSITIONS_MAX, Geometry};
use crate::filter::fault::{Fault, Faulty};
use crate::finding::Text;

/// Positions of a ring, its first repeated at its end.
const RING_MIN: usize = 4;

#[derive(Default)]
struct Parts {
    points: Vec<Position>,
    lines: Vec<Vec<Position>>,
    areas: Vec<Polygon>,
    count: usize,
}

pub(super) fn geometry(value: &Value) -> Option<Geometry> {
    let mut parts = Parts::default();
    parts.geometry(value, true)?;
    let corners = |envelope: Envelope| [envelope.min, envelope.max];
    let positions = (parts.points.iter().copied())
        .chain(parts.lines.iter().flatten().copied())
        .chain(parts.areas.iter().flat_map(|area| corners(area.envelope())));
    Some(Geometry {
        envelope: Envelope::around(positions)?,
        points: parts.points,
        lines: parts.lines,
        areas: parts.areas,
    })
}

impl Parts {
    fn geometry(&mut self, value: &Value, collections: bool) -> Option<()> {
        let list = || value.get("coordinates")?.as_array();
        match value.get("type")?.as_str()? {
            "Point" => {
                let point = self.position(value.get("coordinates")?)?;
                self.points.push(point);
            }
            "MultiPoint" => {
                for point in list()? {
                    let point = self.position(point)?;
                    self.points.push(point);
                }
            }
            "LineString" => self.line(value.get("coordinates")?)?,
            "MultiLineString" => list()?.iter().try_for_each(|line| self.line(line))?,
            "Polygon" => self.area(value.get("coordinates")?)?,
            "MultiPolygon" => list()?.iter().try_for_each(|area| self.area(area))?,
            "GeometryCollection" if collections => {
                let geometries = value.get("geometries")?.as_array()?;
                geometries.iter().try_for_each(|one| self.geometry(one, false))?;
            }
            _ => return None,
        }
        Some(())
    }

    fn position(&mut self, value: &Value) -> Option<Position> {
        self.count += 1;
        if self.count > GEOMETRY_POSITIONS_MAX {
            return None;
        }
        position(value)
    }

    fn positions(&mut self, value: &Value) -> Option<Vec<Position>> {
        value.as_array()?.iter().map(|one| self.position(one)).collect()
    }

    fn line(&mut self, value: &Value) -> Option<()> {
        let line = self.positions(value)?;
        (line.len() >= 2).then(|| self.lines.push(line))
    }

    fn area(&mut self, value: &Value) -> Option<()> {
        let mut rings = Vec::new();
        for ring in value.as_array()? {
            let mut ring = self.positions(ring)?;
            if ring.first() != ring.last() {
                ring.extend(ring.first().copied());
            }
            if ring.len() < RING_MIN {
                return None;
            }
            rings.push(ring);
        }
        self.areas.push(Polygon::new(rings)?);
        Some(())
    }
}

/// Longitude and latitude of WGS 84; a height may follow.
fn position(value: &Value) -> Option<Position> {
    let mut numbers = value.as_array()?.iter().map(Value::as_f64);
    let (lon, lat) = (numbers.next()??, numbers.next()??);
    ((-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)).then_some([lon, lat])
}

/// The area of a filter.
pub(crate) fn area(value: &Value) -> Result<Area, Fault> {
    let object = value.as_object().ok_or_else(|| Fault::bad(needed()))?;
    let known = ["type", "coordinates"];
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Fault::unknown(name, &known));
    }
    let multiple = match object.get("type").and_then(Value::as_str) {
        Some("Polygon") => false,
        Some("MultiPolygon") => true,
        _ => return Err(Fault::bad(needed()).under("type")),
    };
    let coordinates = object.get("coordinates").unwrap_or(&Value::Null);
    let mut count = 0;
    let polygons = if multiple {
        let list = items(coordinates).under("coordinates")?;
        let polygons = list.iter().enumerate();
        polygons
            .map(|(at, one)| polygon(one, &mut count).under(at))
            .collect::<Result<_, _>>()
    } else {
        polygon(coordinates, &mut count).map(|one| vec![one])
    };
    let polygons: Vec<Polygon> = polygons.under("coordinates")?;
    let corners = polygons
        .iter()
        .flat_map(|one| [one.envelope().min, one.envelope().max]);
    let envelope = Envelope::around(corners).ok_or_else(|| Fault::bad(needed()))?;
    Ok(Area {
        envelope,
        polygons,
        multiple,
    })
}

fn needed() -> Text {
    Text::new(
        "Ein Gebiet ist ein GeoJSON-Objekt mit „type“ „Polygon“ oder „MultiPolygon“ und „coordinates“",
        "an area is a GeoJSON object with `type` Polygon or MultiPolygon and `coordinates`",
    )
}

/// A list that is not empty.
fn items(value: &Value) -> Result<&Vec<Value>, Fault> {
    let items = value.as_array().filter(|items| !items.is_empty());
    items.ok_or_else(|| {
        Fault::bad(Text::new(
            "Hier wird eine Liste von Koordinaten erwartet",
            "expected a list of coordinates",
        ))
    })
}

fn polygon(value: &Value, count: &mut usize) -> Result<Polygon, Fault> {
    let mut rings = Vec::new();
    for (at, ring) in items(value)?.iter().enumerate() {
        rings.push(closed_ring(ring, count).under(at)?);
    }
    let bad = |de: &str, en: &str| Fault::bad(Text::new(de, en));
    let polygon = Polygon::new(rings).ok_or_else(|| Fault::bad(needed()))?;
    if polygon.is_flat() {
        let fault = bad(
            "Der Ring umschließt keine Fläche",
            "the ring does not enclose an area",
        );
        return Err(fault.under(0));
    }
    if let Some(hole) = polygon.hole_outside() {
        let fault = bad(
            "Das Loch liegt außerhalb des Umrisses",
            "the hole lies outside of the outline",
        );
        return Err(fault.under(hole + 1));
    }
    if polygon.crosses_itself() {
        return Err(bad(
            "Kanten des Polygons kreuzen sich",
            "edges of the polygon cross one another",
        ));
    }
    Ok(polygon)
}

fn closed_ring(value: &Value, count: &mut usize) -> Result<Vec<Position>, Fault> {
    let mut ring = Vec::new();
    for (at, one) in items(value)?.iter().enumerate() {
        *count += 1;
        if *count > GEOMETRY_POSITIONS_MAX {
            return Err(Fault::bad(Text::new(
                format!(
                    "Ein Gebiet hat höchstens {GEOMETRY_POSITIONS_MAX} Positionen; es lässt sich vereinfachen"
                ),
                format!("an area has at most {GEOMETRY_POSITIONS_MAX} positions; it can be simplified"),
            )));
        }
        let flat = one.as_array().is_some_and(|numbers| numbers.len() <= 3);
        let position = position(one).filter(|_| flat).ok_or_else(|| {
            let text = Text::new(
                "Eine Position besteht aus Länge (-180 bis 180) und Breite (-90 bis 90), in dieser Reihenfolge",
                "a position is longitude (-180 to 180) and latitude (-90 to 90), in this order",
            );
            Fault::bad(text).under(at)
        })?;
        ring.push(position);
    }
    if ring.len() < RING_MIN || ring.first() != ring.last() {
        return Err(Fault::bad(Text::new(
            "Ein Ring hat mindestens vier Positionen, und die letzte ist die erste",
            "a ring has at least four positions, and the last is the first",
        )));
    }
    Ok(ring)
}
