//! SIRI's terms in those of GTFS-Realtime. SIRI has the longer lists; where GTFS has no word, it says so.

use crate::gtfs_realtime::{Cause, Effect, SeverityLevel};

/// Why (`AlertCauseEnumeration`, and the lists of reasons before SIRI 2.1).
pub(crate) fn cause(term: &str) -> Cause {
    match term {
        "unknown" | "undefinedAlertCause" | "undefinedProblem" => Cause::UnknownCause,
        "technicalProblem"
        | "vehicleFailure"
        | "serviceDisruption"
        | "serviceFailure"
        | "doorFailure"
        | "trainDoor"
        | "lightingFailure"
        | "pointsProblem"
        | "pointsFailure"
        | "signalProblem"
        | "signalFailure"
        | "signalAndSwitchFailure"
        | "overheadWireFailure"
        | "levelCrossingFailure"
        | "trafficManagementSystemFailure"
        | "engineFailure"
        | "breakDown"
        | "breakdown"
        | "powerProblem"
        | "trackCircuitProblem"
        | "swingBridgeFailure"
        | "viaductFailure"
        | "escalatorFailure"
        | "liftFailure"
        | "gangwayProblem"
        | "defectiveVehicle"
        | "defectiveTrain"
        | "brokenRail"
        | "wheelProblem"
        | "wheelImpactLoad"
        | "tractionFailure"
        | "trainWarningSystemProblem"
        | "defectiveSecuritySystem"
        | "defectiveFireAlarmEquipment"
        | "defectivePlatformEdgeDoors"
        | "defectiveCctv"
        | "defectivePublicAnnouncementSystem"
        | "ticketingSystemNotAvailable"
        | "leaderBoardFailure"
        | "serviceIndicatorFailure"
        | "lackOfOperationalStock"
        | "fuelProblem"
        | "fuelShortage"
        | "luggageCarouselProblem"
        | "undefinedEquipmentProblem" => Cause::TechnicalProblem,
        "industrialAction" | "unofficialIndustrialAction" | "workToRule" => Cause::Strike,
        "demonstration" | "procession" | "march" | "filterBlockade" | "publicDisturbance" => {
            Cause::Demonstration
        }
        "accident"
        | "nearMiss"
        | "personHitByVehicle"
        | "personHitByTrain"
        | "personUnderTrain"
        | "vehicleStruckObject"
        | "vehicleStruckAnimal"
        | "trainStruckAnimal"
        | "trainStruckObject"
        | "derailment"
        | "collision"
        | "levelCrossingAccident"
        | "levelCrossingIncident"
        | "bridgeStrike"
        | "incident"
        | "fatality" => Cause::Accident,
        "holiday" => Cause::Holiday,
        "poorWeather"
        | "fog"
        | "heavySnowFall"
        | "heavySnowfall"
        | "heavyRain"
        | "strongWinds"
        | "ice"
        | "hail"
        | "highTemperatures"
        | "flooding"
        | "lowWaterLevel"
        | "riskOfFlooding"
        | "highWaterLevel"
        | "fallenLeaves"
        | "landslide"
        | "riskOfLandslide"
        | "driftingSnow"
        | "blizzardConditions"
        | "stormDamage"
        | "stormConditions"
        | "lightningStrike"
        | "roughSea"
        | "highTide"
        | "lowTide"
        | "tidalRestrictions"
        | "iceDrift"
        | "avalanches"
        | "riskOfAvalanches"
        | "flashFloods"
        | "mudslide"
        | "rockfalls"
        | "iceOnRailway"
        | "iceOnCarriages"
        | "slipperiness"
        | "slipperyTrack"
        | "glazedFrost"
        | "frozen"
        | "sleet"
        | "waterlogged"
        | "fallenTree"
        | "fallenTreeOnTheLine"
        | "undefinedEnvironmentalProblem" => Cause::Weather,
        "maintenanceWork"
        | "repairWork"
        | "deicingWork"
        | "sewerageMaintenance"
        | "roadMaintenance"
        | "closedForMaintenance"
        | "emergencyEngineeringWork"
        | "lateFinishToEngineeringWork" => Cause::Maintenance,
        "constructionWork" | "unscheduledConstructionWork" | "roadworks" | "asphalting" | "paving" => {
            Cause::Construction
        }
        "policeActivity" | "policeOrder" | "securityAlert" | "securityIncident" | "bombDisposal"
        | "bombAlert" | "bombExplosion" | "terroristIncident" | "telephonedThreat" | "unattendedBag"
        | "suspectVehicle" | "evacuation" | "explosionHazard" | "attack" | "assault" | "staffAssault"
        | "altercation" | "gunfireOnRoadway" | "sabotage" | "railwayCrime" | "theft" | "cableTheft"
        | "vandalism" | "borderControl" => Cause::PoliceActivity,
        "emergencyMedicalServices" | "illVehicleOccupants" | "personIllOnVehicle" => Cause::MedicalEmergency,
        _ => Cause::OtherCause,
    }
}

/// With what effect (`ServiceConditionEnumeration`).
pub(crate) fn effect(term: &str) -> Effect {
    match term {
        "unknown" | "undefinedStatus" | "undefinedServiceInformation" => Effect::UnknownEffect,
        "lineCancellation"
        | "tripCancellation"
        | "stopCancelled"
        | "cancelled"
        | "noService"
        | "discontinuedOperation"
        | "temporarilyNonStopping" => Effect::NoService,
        "limitedOperation"
        | "intermittentService"
        | "trainShortened"
        | "shortFormedService"
        | "irregularTraffic"
        | "disruption"
        | "disrupted" => Effect::ReducedService,
        "delay" | "minorDelays" | "majorDelays" | "delayed" => Effect::SignificantDelays,
        "diverted" => Effect::Detour,
        "additionalRide"
        | "additionalService"
        | "additionalStop"
        | "extendedService"
        | "operationTimeExtension" => Effect::AdditionalService,
        "altered"
        | "specialService"
        | "replacementRide"
        | "replacementTransport"
        | "replacementService"
        | "shuttleService"
        | "changeOfPlatform"
        | "wagonOrderChanged"
        | "stopOnDemand"
        | "splittingTrain"
        | "arrivesEarly" => Effect::ModifiedService,
        "stopMoved" | "substitutedStop" | "temporaryStopplace" => Effect::StopMoved,
        "onTime" | "disturbanceRectified" | "normalService" | "fullLengthService" => Effect::NoEffect,
        _ => Effect::OtherEffect,
    }
}

/// How grave (`SeverityEnumeration`).
pub(crate) fn severity(term: &str) -> SeverityLevel {
    match term {
        "noImpact" | "verySlight" | "slight" => SeverityLevel::Info,
        "normal" => SeverityLevel::Warning,
        "severe" | "verySevere" => SeverityLevel::Severe,
        _ => SeverityLevel::UnknownSeverity,
    }
}

/// The kind of vehicle (`VehicleModesOfTransportEnumeration`) as the `route_type` of GTFS.
pub(crate) fn route_type(term: &str) -> Option<i32> {
    Some(match term {
        "tram" | "tramService" => 0,
        "metro" | "underground" | "urbanRail" => 1,
        "rail" | "railway" => 2,
        "bus" | "coach" => 3,
        "ferry" | "water" | "ferryService" => 4,
        "telecabin" | "cableway" | "lift" => 6,
        "funicular" => 7,
        "trolleyBus" => 11,
        _ => return None,
    })
}
