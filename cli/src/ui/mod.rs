//! Everything a person reads goes through here: language, channels, colours, errors.
//!
//! Promise: data on stdout, everything else on stderr; understandable without colour; the same facts as
//! JSON with `--output json`; a reader that goes away (`| head`) is never answered with a panic.

pub(crate) mod failure;
pub(crate) mod shell;
pub(crate) mod text;

pub(crate) use failure::{Exit, Failure, Outcome};
pub(crate) use shell::{Format, Shell, Style};
pub(crate) use text::t;
