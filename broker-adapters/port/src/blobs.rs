//! Blobs: a few large, immutable things such as plugin components, by name.

use async_trait::async_trait;
use bytes::Bytes;

use crate::BrokerError;

/// A bucket of blobs. Names: 1 to 200 of `A-Z a-z 0-9 _ . = / -`. A blob is read whole or not at all.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a blob, replacing one of the same name.
    ///
    /// # Errors
    /// As for a write: [`BrokerError::Full`], [`BrokerError::Unavailable`], [`BrokerError::Unknown`].
    async fn put(&self, name: &str, data: Bytes) -> Result<(), BrokerError>;
    /// The blob, checked against the digest it was stored with, or `None`.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when what is stored is damaged.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, BrokerError>;
    /// All names, sorted.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn list(&self) -> Result<Vec<String>, BrokerError>;
    /// Deletes a blob; deleting what is not there is no error.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`], [`BrokerError::Unknown`].
    async fn delete(&self, name: &str) -> Result<(), BrokerError>;
}

/// Whether this is a blob name: 1 to 200 of `A-Z a-z 0-9 _ . = / -`.
///
/// # Errors
/// [`BrokerError::Refused`] when not.
pub fn check_blob_name(name: &str) -> Result<(), BrokerError> {
    let chars = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'=' | b'/' | b'-'));
    if chars && (1..=200).contains(&name.len()) {
        Ok(())
    } else {
        Err(BrokerError::Refused(
            "a blob name is 1 to 200 of A-Z a-z 0-9 _ . = / -".into(),
        ))
    }
}
