//! The conformance suite: what CloudEvents demands of an HTTP endpoint, asked of any of them from outside.
//!
//! The cases are data (`cases/*.yaml`), the runner is small: [`message`] makes the request of a case and what it means,
//! [`run`] sends it, [`judge`] compares the answer with what was to be expected, [`readback`] fetches what came out at
//! the other end. Promise: every case gets one verdict with a reason, every run ends, and an endpoint that refuses
//! everything is not praised for refusing what is wrong.

pub(crate) mod cases;
pub(crate) mod judge;
pub(crate) mod message;
pub(crate) mod readback;
pub(crate) mod report;
pub(crate) mod run;

#[cfg(test)]
mod tests;
