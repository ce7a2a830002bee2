//! A table of areas: from a place to what lies there, such as the district of a city.

use serde_json::Value;

use super::plane::Envelope;
use super::{Area, read};
use crate::filter::fault::{Fault, Faulty};
use crate::finding::Text;

/// Areas of one table.
const AREAS_MAX: usize = 1_000;
/// Positions of all areas of one table together. A lookup takes time with those of the few areas around the place.
const POSITIONS_MAX: usize = 100_000;

/// The areas of a GeoJSON FeatureCollection (RFC 7946), each with its properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Areas(Vec<(Area, Value)>);

impl Areas {
    /// Whether a table is meant as one of areas.
    #[must_use]
    pub fn are(table: &Value) -> bool {
        table.get("type").and_then(Value::as_str) == Some("FeatureCollection")
    }

    /// Reads a table of areas; nothing where it is none, or not a sound one.
    #[must_use]
    pub fn of(table: &Value) -> Option<Self> {
        Self::are(table).then(|| Self::read(table).ok()).flatten()
    }

    /// Reads a FeatureCollection whose features are all areas, by the rules for the areas of filters.
    pub(crate) fn read(table: &Value) -> Result<Self, Fault> {
        let features = table.get("features").and_then(Value::as_array);
        let features = features.filter(|features| (1..=AREAS_MAX).contains(&features.len()));
        let features = features.ok_or_else(|| {
            let text = Text::new(
                format!("Eine Tabelle von Gebieten hat unter „features“ 1 bis {AREAS_MAX} Gebiete"),
                format!("a table of areas has 1 to {AREAS_MAX} areas under `features`"),
            );
            Fault::bad(text).under("features")
        })?;
        let mut positions = 0;
        let mut areas = Vec::new();
        for (at, feature) in features.iter().enumerate() {
            let area = read::area(feature.get("geometry").unwrap_or(&Value::Null));
            let area = area.under("geometry").under(at).under("features")?;
            positions += area.positions();
            let properties = feature.get("properties").cloned().unwrap_or(Value::Null);
            areas.push((area, properties));
        }
        if positions > POSITIONS_MAX {
            return Err(Fault::bad(Text::new(
                format!(
                    "Die Gebiete einer Tabelle haben zusammen höchstens {POSITIONS_MAX} Positionen; sie lassen sich vereinfachen"
                ),
                format!(
                    "the areas of a table have at most {POSITIONS_MAX} positions together; they can be simplified"
                ),
            )));
        }
        Ok(Self(areas))
    }

    /// The properties of the first area that covers a place, its boundary included. `place` is `longitude,latitude` in
    /// degrees of WGS 84.
    #[must_use]
    pub fn at(&self, place: &str) -> Option<&Value> {
        let (lon, lat) = place.split_once(',')?;
        let (lon, lat): (f64, f64) = (lon.trim().parse().ok()?, lat.trim().parse().ok()?);
        let here = Envelope {
            min: [lon, lat],
            max: [lon, lat],
        };
        let covers = |area: &Area| {
            area.envelope.touches(&here) && area.polygons.iter().any(|polygon| polygon.covers([lon, lat]))
        };
        self.0
            .iter()
            .find(|(area, _)| covers(area))
            .map(|(_, properties)| properties)
    }
}
