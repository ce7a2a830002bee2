#![allow(clippy::unwrap_used)]

use geo::{Distance, Haversine, Intersects};
use proptest::prelude::*;

use super::*;

fn geometry(value: &Value) -> Geometry {
    Geometry::read(value).unwrap_or_else(|| panic!("{value}"))
}

fn area_of(value: &Value) -> Area {
    area(value).unwrap_or_else(|fault| panic!("{value}: {fault:?}"))
}

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    json!([
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south]
    ])
}

#[test]
fn any_part_within_counts_and_boundaries_belong_to_the_area() {
    let block = area_of(
        &json!({"type": "Polygon", "coordinates": [square(6.0, 51.0, 1.0), square(6.25, 51.25, 0.5)]}),
    );
    for (inside, value) in [
        (true, json!({"type": "Point", "coordinates": [6.1, 51.1]})),
        (true, json!({"type": "Point", "coordinates": [6.1, 51.1, 38.5]})),
        (true, json!({"type": "Point", "coordinates": [6.0, 51.5]})),
        (true, json!({"type": "Point", "coordinates": [7, 52]})),
        (false, json!({"type": "Point", "coordinates": [6.5, 51.5]})),
        (true, json!({"type": "Point", "coordinates": [6.25, 51.5]})),
        (false, json!({"type": "Point", "coordinates": [7.1, 51.5]})),
        (
            true,
            json!({"type": "MultiPoint", "coordinates": [[8, 51], [6.9, 51.5]]}),
        ),
        (
            true,
            json!({"type": "LineString", "coordinates": [[5, 51.1], [8, 51.1]]}),
        ),
        (
            false,
            json!({"type": "LineString", "coordinates": [[6.3, 51.3], [6.7, 51.7]]}),
        ),
        (
            false,
            json!({"type": "LineString", "coordinates": [[5, 51], [5, 53]]}),
        ),
        (
            true,
            json!({"type": "MultiLineString", "coordinates": [[[5, 51], [5, 53]], [[6.4, 51.4], [9, 51.4]]]}),
        ),
        (
            false,
            json!({"type": "Polygon", "coordinates": [square(6.3, 51.3, 0.2)]}),
        ),
        (
            true,
            json!({"type": "Polygon", "coordinates": [square(5.0, 50.0, 9.0)]}),
        ),
        (
            false,
            json!({"type": "Polygon", "coordinates": [square(5.0, 50.0, 9.0), square(5.5, 50.5, 8.0)]}),
        ),
        (
            true,
            json!({"type": "Polygon", "coordinates": [square(7.0, 52.0, 1.0)]}),
        ),
        (
            true,
            json!({"type": "MultiPolygon", "coordinates": [[square(1.0, 1.0, 1.0)], [square(6.8, 51.8, 3.0)]]}),
        ),
        (
            true,
            json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [6.1, 51.1]}]}),
        ),
    ] {
        assert_eq!(block.touches(&geometry(&value)), inside, "{value}");
    }
    let two = area_of(
        &json!({"type": "MultiPolygon", "coordinates": [[square(0.0, 0.0, 1.0)], [square(5.0, 5.0, 1.0)]]}),
    );
    for (inside, position) in [(true, [0.5, 0.5]), (true, [5.5, 5.5]), (false, [3.0, 3.0])] {
        assert_eq!(
            two.touches(&geometry(&json!({"type": "Point", "coordinates": position}))),
            inside
        );
    }
}

#[test]
fn what_is_no_geometry_is_none() {
    let long: Vec<[f64; 2]> = (0..=GEOMETRY_POSITIONS_MAX).map(|_| [1.0, 1.0]).collect();
    for value in [
        json!(null),
        json!([6.5, 51.3]),
        json!({"lat": 51.3, "lon": 6.5}),
        json!({"type": "Point"}),
        json!({"type": "Point", "coordinates": [6.5]}),
        json!({"type": "Point", "coordinates": []}),
        json!({"type": "Point", "coordinates": ["6.5", "51.3"]}),
        json!({"type": "Point", "coordinates": [181, 0]}),
        json!({"type": "Point", "coordinates": [0, 91]}),
        json!({"type": "MultiPoint", "coordinates": []}),
        json!({"type": "MultiPoint", "coordinates": long}),
        json!({"type": "LineString", "coordinates": [[1, 1]]}),
        json!({"type": "Polygon", "coordinates": []}),
        json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}),
        json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}}),
        json!({"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": []}]}),
    ] {
        assert!(Geometry::read(&value).is_none(), "{value}");
    }
}

#[test]
fn bad_areas_are_refused_where_they_are_bad() {
    let polygon = |rings: Value| json!({"type": "Polygon", "coordinates": rings});
    let many: Vec<[f64; 2]> = (0..=GEOMETRY_POSITIONS_MAX).map(|_| [1.0, 1.0]).collect();
    for (value, path, says) in [
        (json!(7), "", "GeoJSON object"),
        (
            json!({"type": "Point", "coordinates": [1, 1]}),
            "type",
            "GeoJSON object",
        ),
        (
            json!({"type": "Polygon", "cordinates": []}),
            "cordinates",
            "no `cordinates`",
        ),
        (json!({"type": "Polygon"}), "coordinates", "list"),
        (polygon(json!([])), "coordinates", "list"),
        (
            polygon(json!([[[0, 0], [1, 0], [1, 1]]])),
            "coordinates/0",
            "four positions",
        ),
        (
            polygon(json!([[[0, 0], [1, 0], [1, 1], [0, 1]]])),
            "coordinates/0",
            "last is the first",
        ),
        (
            polygon(json!([[[0, 0], [200, 0], [1, 1], [0, 0]]])),
            "coordinates/0/1",
            "longitude",
        ),
        (
            polygon(json!([[[0, 0], [1, 0, 0, 0], [1, 1], [0, 0]]])),
            "coordinates/0/1",
            "longitude",
        ),
        (
            polygon(json!([[[0, 0], [1, 1], [2, 2], [0, 0]]])),
            "coordinates/0",
            "enclose",
        ),
        (
            polygon(json!([[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]])),
            "coordinates",
            "cross",
        ),
        (
            polygon(json!([square(0.0, 0.0, 1.0), square(4.0, 4.0, 1.0)])),
            "coordinates/1",
            "hole",
        ),
        (
            polygon(json!([square(0.0, 0.0, 1.0), square(0.5, 0.5, 1.0)])),
            "coordinates",
            "cross",
        ),
        (polygon(json!([many])), "coordinates/0", "at most"),
        (
            json!({"type": "MultiPolygon", "coordinates": [[square(0.0, 0.0, 1.0)], [[[0, 0]]]]}),
            "coordinates/1/0",
            "four",
        ),
    ] {
        let fault = area(&value).unwrap_err();
        assert_eq!(fault.path.join("/"), path, "{fault:?}");
        assert!(fault.text.en.contains(says), "{fault:?}");
    }
}

#[test]
fn a_circle_is_as_wide_as_it_says() {
    // Krefeld's town hall, and places around it by the distance a map shows.
    let rathaus = |metres: f64| Circle {
        lat: 51.3331,
        lon: 6.5623,
        metres,
    };
    for (value, metres) in [
        (json!({"type": "Point", "coordinates": [6.5623, 51.3331]}), 0.0),
        (json!({"type": "Point", "coordinates": [6.5696, 51.3256]}), 976.0),
        (
            json!({"type": "LineString", "coordinates": [[6.55, 51.3421], [6.58, 51.3421]]}),
            1_001.0,
        ),
        (
            json!({"type": "LineString", "coordinates": [[6.5623, 51.3421], [6.5623, 51.5]]}),
            1_001.0,
        ),
        (
            json!({"type": "Polygon", "coordinates": [square(6.5623, 51.3421, 0.1)]}),
            1_001.0,
        ),
        (
            json!({"type": "Polygon", "coordinates": [square(6.0, 51.0, 1.0)]}),
            0.0,
        ),
    ] {
        let place = geometry(&value);
        assert!(rathaus(metres + 5.0).touches(&place), "{value}");
        assert!(metres == 0.0 || !rathaus(metres - 5.0).touches(&place), "{value}");
    }
    let across = Circle {
        lat: 0.0,
        lon: 179.999,
        metres: 500.0,
    };
    assert!(across.touches(&geometry(
        &json!({"type": "Point", "coordinates": [-179.999, 0.0]})
    )));
}

/// Numbers on a small grid, so that things touch often.
fn grid() -> impl Strategy<Value = f64> {
    (0..8_i32).prop_map(f64::from)
}

fn position() -> impl Strategy<Value = [f64; 2]> {
    [grid(), grid()]
}

fn triangle() -> impl Strategy<Value = Vec<[f64; 2]>> {
    (position(), position(), position())
        .prop_filter("flat", |([ax, ay], [bx, by], [cx, cy])| {
            (bx - ax) * (cy - ay) != (cx - ax) * (by - ay)
        })
        .prop_map(|(a, b, c)| vec![a, b, c, a])
}

fn ring(west: f64, south: f64, east: f64, north: f64) -> Vec<[f64; 2]> {
    vec![
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ]
}

/// Rings of a polygon: a triangle, or a rectangle that may have a rectangular hole.
fn rings() -> impl Strategy<Value = Vec<Vec<[f64; 2]>>> {
    let rectangle = (position(), 3..6_i32, 3..6_i32, any::<bool>()).prop_map(|([x, y], w, h, hole)| {
        let (east, north) = (x + f64::from(w), y + f64::from(h));
        let mut rings = vec![ring(x, y, east, north)];
        if hole {
            rings.push(ring(x + 1.0, y + 1.0, east - 1.0, north - 1.0));
        }
        rings
    });
    prop_oneof![triangle().prop_map(|ring| vec![ring]), rectangle]
}

fn any_geometry() -> impl Strategy<Value = Value> {
    let line = proptest::collection::vec(position(), 2..4);
    prop_oneof![
        position().prop_map(|at| json!({"type": "Point", "coordinates": at})),
        line.prop_map(|line| json!({"type": "LineString", "coordinates": line})),
        rings().prop_map(|rings| json!({"type": "Polygon", "coordinates": rings})),
    ]
}

/// The same for the witness.
fn witness(value: &Value) -> geo::Geometry {
    let position = |value: &Value| {
        let numbers: Vec<f64> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_f64().unwrap())
            .collect();
        geo::Coord {
            x: numbers[0],
            y: numbers[1],
        }
    };
    let line = |value: &Value| geo::LineString(value.as_array().unwrap().iter().map(position).collect());
    let coordinates = &value["coordinates"];
    match value["type"].as_str().unwrap() {
        "Point" => geo::Point(position(coordinates)).into(),
        "LineString" => line(coordinates).into(),
        _ => {
            let mut rings: Vec<geo::LineString> = coordinates.as_array().unwrap().iter().map(line).collect();
            geo::Polygon::new(rings.remove(0), rings).into()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_touches_is_what_the_library_says(rings in rings(), value in any_geometry()) {
        let polygon = json!({"type": "Polygon", "coordinates": rings});
        let expected = witness(&polygon).intersects(&witness(&value));
        prop_assert_eq!(area_of(&polygon).touches(&geometry(&value)), expected, "{} {}", polygon, value);
    }

    /// An index asks the envelopes first and must not miss anything.
    #[test]
    fn what_touches_has_envelopes_that_touch(
        lat in -90.0..90.0_f64, lon in -180.0..180.0_f64, metres in prop_oneof![0.0..5000.0_f64, 0.0..METRES_MAX],
        away in [-0.1..0.1_f64, -0.1..0.1_f64], value in any_geometry()
    ) {
        let circle = Circle { lat, lon, metres };
        let close = json!({"type": "Point", "coordinates": [(lon + away[0]).clamp(-180.0, 180.0), (lat + away[1]).clamp(-90.0, 90.0)]});
        for value in [close, value] {
            let place = geometry(&value);
            if circle.touches(&place) {
                prop_assert!(circle.envelope().touches(&place.envelope()), "{:?} {}", circle, value);
            }
        }
    }

    #[test]
    fn distances_are_those_of_the_library(
        lat in -89.0..89.0_f64, lon in -180.0..180.0_f64, other_lat in -90.0..90.0_f64, other_lon in -180.0..180.0_f64
    ) {
        let far = Haversine.distance(geo::Point::new(lon, lat), geo::Point::new(other_lon, other_lat));
        let place = geometry(&json!({"type": "Point", "coordinates": [other_lon, other_lat]}));
        for (metres, near) in [(far * 1.000_001 + 0.01, true), (far * 0.999_999 - 0.01, false)] {
            prop_assert_eq!(Circle { lat, lon, metres }.touches(&place), near, "{} metres", far);
        }
    }
}

#[test]
fn a_place_finds_the_first_area_that_covers_it() {
    let feature = |name: &str, ring: Value| {
        json!({"type": "Feature", "properties": {"name": name},
            "geometry": {"type": "Polygon", "coordinates": [ring]}})
    };
    let table = |features: Vec<Value>| json!({"type": "FeatureCollection", "features": features});
    let districts = table(vec![
        feature("west", square(6.0, 51.0, 1.0)),
        feature("east", square(7.0, 51.0, 1.0)),
    ]);
    let areas = Areas::of(&districts).unwrap();
    for (place, name) in [
        ("6.5,51.5", Some("west")),
        ("7.5, 51.5", Some("east")),
        ("7,51.5", Some("west")),
        ("8.1,51.5", None),
        ("51.5,6.5", None),
        ("6.5", None),
        ("x,y", None),
        ("NaN,51.5", None),
    ] {
        let found = areas.at(place).and_then(|properties| properties["name"].as_str());
        assert_eq!(found, name, "{place}");
    }
    assert!(!Areas::are(&json!({"a": 1})));
    for (bad, path) in [
        (table(Vec::new()), vec!["features"]),
        (
            table(vec![
                json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [6, 51]}}),
            ]),
            vec!["features", "0", "geometry", "type"],
        ),
    ] {
        assert_eq!(Areas::of(&bad), None);
        assert_eq!(Areas::read(&bad).unwrap_err().path, path);
    }
}
