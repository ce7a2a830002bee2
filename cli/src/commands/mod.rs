//! The commands, one file each: its arguments, what it does, what it says.

pub(crate) mod dlq;
pub(crate) mod explain;
pub(crate) mod pause;
pub(crate) mod pull;
pub(crate) mod send;
pub(crate) mod status;
pub(crate) mod tap;
pub(crate) mod trace;
