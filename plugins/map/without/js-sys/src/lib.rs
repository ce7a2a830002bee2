//! A guest has no clock. chrono asks JavaScript for the time on this target; here it is always 1970-01-01, in UTC. The
//! plugin refuses `$now` and `$millis` before anything runs; what remains is the day that `$toMillis` takes for a time of
//! day without one.

use wasm_bindgen::JsValue;

/// 1970-01-01T00:00:00Z.
#[derive(Debug)]
pub struct Date;

impl Date {
    /// The only date there is.
    pub fn new_0() -> Self {
        Self
    }

    /// The only date there is.
    pub fn new(_: &JsValue) -> Self {
        Self
    }

    /// The only date there is.
    pub fn new_with_year_month_day_hr_min_sec(_: u32, _: i32, _: i32, _: i32, _: i32, _: i32) -> Self {
        Self
    }

    /// Zero.
    pub fn get_time(&self) -> f64 {
        0.0
    }

    /// Zero: UTC.
    pub fn get_timezone_offset(&self) -> f64 {
        0.0
    }
}
