//! One error for everything that can go wrong around a test: a sentence with what was tried and what came instead.

use std::fmt;

/// Why the harness could not do what was asked. Its text is meant for the person who reads a failed run.
#[derive(Debug, Clone)]
pub struct Failure(String);

/// The result of everything in the harness.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure with its sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// The same failure, preceded by what was being done when it happened.
    #[must_use]
    pub fn while_(self, doing: impl fmt::Display) -> Self {
        Self(format!("{doing}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

macro_rules! from_error {
    ($($source:ty),+ $(,)?) => {$(
        impl From<$source> for Failure {
            fn from(error: $source) -> Self {
                Self(error.to_string())
            }
        }
    )+};
}

from_error!(
    std::io::Error,
    serde_json::Error,
    http::Error,
    http::uri::InvalidUri,
    hyper::Error,
    hyper_util::client::legacy::Error,
    jsonwebtoken::errors::Error,
    std::num::ParseIntError,
    std::string::FromUtf8Error,
    base64::DecodeError,
);
