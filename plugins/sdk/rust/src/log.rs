//! Lines for the owner of the plugin, shown by `stadtbus plugin test` and `stadtbus trace`.
//!
//! At most 64 lines of 1 KiB are kept per call. They must not contain payload or personal data.

use crate::bindings::decoder::stadtbus::plugin::log::{Level, write};

/// Details for the author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Something worth knowing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Something odd that was dealt with.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Something that should not have happened.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}
