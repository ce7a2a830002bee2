//! The commands, one file each: its arguments, what it does, what it says.

pub(crate) mod apply;
pub(crate) mod completeness;
pub(crate) mod conformance;
pub(crate) mod dev;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod lint;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod parked;
pub(crate) mod pause;
pub(crate) mod plugin;
pub(crate) mod print_config;
pub(crate) mod pull;
pub(crate) mod replay;
pub(crate) mod route;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod subscription;
pub(crate) mod tap;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod trace;
