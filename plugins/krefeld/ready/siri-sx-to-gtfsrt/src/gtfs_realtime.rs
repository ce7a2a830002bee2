//! The part of GTFS-Realtime 2.0 that alerts take. Names, numbers and meanings are those of `gtfs-realtime.proto`.

use prost::alloc::string::String;
use prost::alloc::vec::Vec;
use prost::{Enumeration, Message};

/// The version that the header names.
pub(crate) const VERSION: &str = "2.0";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedMessage {
    #[prost(message, required, tag = "1")]
    pub(crate) header: FeedHeader,
    #[prost(message, repeated, tag = "2")]
    pub(crate) entity: Vec<FeedEntity>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedHeader {
    #[prost(string, required, tag = "1")]
    pub(crate) gtfs_realtime_version: String,
    #[prost(enumeration = "Incrementality", optional, tag = "2")]
    pub(crate) incrementality: Option<i32>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum Incrementality {
    FullDataset = 0,
    Differential = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeedEntity {
    #[prost(string, required, tag = "1")]
    pub(crate) id: String,
    #[prost(bool, optional, tag = "2")]
    pub(crate) is_deleted: Option<bool>,
    #[prost(message, optional, tag = "5")]
    pub(crate) alert: Option<Alert>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Alert {
    #[prost(message, repeated, tag = "1")]
    pub(crate) active_period: Vec<TimeRange>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) informed_entity: Vec<EntitySelector>,
    #[prost(enumeration = "Cause", optional, tag = "6")]
    pub(crate) cause: Option<i32>,
    #[prost(enumeration = "Effect", optional, tag = "7")]
    pub(crate) effect: Option<i32>,
    #[prost(message, optional, tag = "8")]
    pub(crate) url: Option<TranslatedString>,
    #[prost(message, optional, tag = "10")]
    pub(crate) header_text: Option<TranslatedString>,
    #[prost(message, optional, tag = "11")]
    pub(crate) description_text: Option<TranslatedString>,
    #[prost(enumeration = "SeverityLevel", optional, tag = "14")]
    pub(crate) severity_level: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum Cause {
    UnknownCause = 1,
    OtherCause = 2,
    TechnicalProblem = 3,
    Strike = 4,
    Demonstration = 5,
    Accident = 6,
    Holiday = 7,
    Weather = 8,
    Maintenance = 9,
    Construction = 10,
    PoliceActivity = 11,
    MedicalEmergency = 12,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum Effect {
    NoService = 1,
    ReducedService = 2,
    SignificantDelays = 3,
    Detour = 4,
    AdditionalService = 5,
    ModifiedService = 6,
    OtherEffect = 7,
    UnknownEffect = 8,
    StopMoved = 9,
    NoEffect = 10,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum SeverityLevel {
    UnknownSeverity = 1,
    Info = 2,
    Warning = 3,
    Severe = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeRange {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) start: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) end: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntitySelector {
    #[prost(string, optional, tag = "1")]
    pub(crate) agency_id: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) route_id: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) route_type: Option<i32>,
    #[prost(message, optional, tag = "4")]
    pub(crate) trip: Option<TripDescriptor>,
    #[prost(string, optional, tag = "5")]
    pub(crate) stop_id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TripDescriptor {
    #[prost(string, optional, tag = "1")]
    pub(crate) trip_id: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) start_date: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) route_id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TranslatedString {
    #[prost(message, repeated, tag = "1")]
    pub(crate) translation: Vec<Translation>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Translation {
    #[prost(string, required, tag = "1")]
    pub(crate) text: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) language: Option<String>,
}
