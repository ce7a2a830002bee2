//! Whom an alert concerns: lines, stops, journeys, operators, by their names in the timetable.

use stadtbus_plugin::{Context, Stop};

use crate::gtfs_realtime::{EntitySelector, TripDescriptor};
use crate::siri::Situation;
use crate::terms;
use crate::xml::{Node, all, value, values};

/// Where a situation says what it affects.
const AFFECTS: &[&[&str]] = &[&["Affects"], &["Consequences", "Consequence", "Affects"]];
/// Where a line says which of its stops.
const STOPS_OF_LINE: &[&[&str]] = &[
    &["StopPoints", "AffectedStopPoint", "StopPointRef"],
    &["StopPlaces", "AffectedStopPlace", "StopPlaceRef"],
    &[
        "Routes",
        "AffectedRoute",
        "StopPoints",
        "AffectedStopPoint",
        "StopPointRef",
    ],
];

/// Everything that is affected, each once; the whole agency where nothing is named.
///
/// # Errors
/// `table-unreadable` when a table holds something else than a name.
pub(crate) fn entities(situation: &Situation<'_>, context: &Context) -> Result<Vec<EntitySelector>, Stop> {
    let mut found = Found {
        context,
        selectors: Vec::new(),
    };
    for affects in AFFECTS.iter().flat_map(|path| all(situation.element, path)) {
        found.operators(affects)?;
        for network in all(affects, &["Networks", "AffectedNetwork"]) {
            found.network(network)?;
        }
        for path in [
            ["StopPoints", "AffectedStopPoint", "StopPointRef"],
            ["StopPlaces", "AffectedStopPlace", "StopPlaceRef"],
        ] {
            for stop in values(affects, &path) {
                found.stop(None, stop)?;
            }
        }
        for journey in all(affects, &["VehicleJourneys", "AffectedVehicleJourney"]) {
            found.journey(journey)?;
        }
    }
    if let (true, Some(participant)) = (found.selectors.is_empty(), situation.participant) {
        found.agency(participant)?;
    }
    Ok(found.selectors)
}

struct Found<'c> {
    context: &'c Context,
    selectors: Vec<EntitySelector>,
}

impl Found<'_> {
    /// The name in the timetable, where a table knows another one.
    fn named(&self, table: &str, reference: &str) -> Result<Option<String>, Stop> {
        let known: Option<String> = self.context.lookup(table, reference)?;
        Ok(Some(known.unwrap_or_else(|| reference.to_owned())))
    }

    fn add(&mut self, selector: EntitySelector) {
        if selector != EntitySelector::default() && !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
    }

    fn agency(&mut self, operator: &str) -> Result<(), Stop> {
        let agency_id = self.named("betreiber", operator)?;
        self.add(EntitySelector {
            agency_id,
            ..EntitySelector::default()
        });
        Ok(())
    }

    fn operators(&mut self, affects: Node<'_>) -> Result<(), Stop> {
        for operator in values(affects, &["Operators", "AffectedOperator", "OperatorRef"]) {
            self.agency(operator)?;
        }
        Ok(())
    }

    /// Its lines; where it names none, its operators and its kind of vehicle.
    fn network(&mut self, network: Node<'_>) -> Result<(), Stop> {
        let lines = all(network, &["AffectedLine"]);
        for line in &lines {
            self.line(*line)?;
        }
        if !lines.is_empty() {
            return Ok(());
        }
        let route_type = value(network, &["VehicleMode"]).and_then(terms::route_type);
        let operators = values(network, &["AffectedOperator", "OperatorRef"]);
        for operator in &operators {
            let agency_id = self.named("betreiber", operator)?;
            self.add(EntitySelector {
                agency_id,
                route_type,
                ..EntitySelector::default()
            });
        }
        if operators.is_empty() {
            self.add(EntitySelector {
                route_type,
                ..EntitySelector::default()
            });
        }
        Ok(())
    }

    fn line(&mut self, line: Node<'_>) -> Result<(), Stop> {
        let Some(reference) = value(line, &["LineRef"]) else {
            return Ok(());
        };
        let route_id = self.named("linien", reference)?;
        let stops: Vec<&str> = STOPS_OF_LINE.iter().flat_map(|path| values(line, path)).collect();
        for stop in &stops {
            self.stop(route_id.clone(), stop)?;
        }
        if stops.is_empty() {
            self.add(EntitySelector {
                route_id,
                ..EntitySelector::default()
            });
        }
        Ok(())
    }

    /// A stop, of one line or of all.
    fn stop(&mut self, route_id: Option<String>, stop: &str) -> Result<(), Stop> {
        let stop_id = self.named("haltestellen", stop)?;
        self.add(EntitySelector {
            route_id,
            stop_id,
            ..EntitySelector::default()
        });
        Ok(())
    }

    fn journey(&mut self, journey: Node<'_>) -> Result<(), Stop> {
        let framed = &["FramedVehicleJourneyRef", "DatedVehicleJourneyRef"];
        let mut references = values(journey, framed);
        references.extend(values(journey, &["VehicleJourneyRef"]));
        references.extend(values(journey, &["DatedVehicleJourneyRef"]));
        let route_id = match value(journey, &["LineRef"]) {
            Some(line) => self.named("linien", line)?,
            None => None,
        };
        let start_date = value(journey, &["FramedVehicleJourneyRef", "DataFrameRef"]).and_then(date);
        for reference in &references {
            let trip = TripDescriptor {
                trip_id: self.named("fahrten", reference)?,
                start_date: start_date.clone(),
                route_id: route_id.clone(),
            };
            self.add(EntitySelector {
                trip: Some(trip),
                ..EntitySelector::default()
            });
        }
        if references.is_empty() {
            self.add(EntitySelector {
                route_id,
                ..EntitySelector::default()
            });
        }
        Ok(())
    }
}

/// A day of operation as GTFS writes it. A data frame may have any other name; then the day is not known.
fn date(frame: &str) -> Option<String> {
    let day: jiff::civil::Date = frame.parse().ok()?;
    Some(day.strftime("%Y%m%d").to_string())
}
