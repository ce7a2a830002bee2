//! How to reach the broker and how long to wait for it.

use std::{path::PathBuf, time::Duration};

/// What a connection is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the servers are: one or more `nats://host:port` (or `tls://`), separated by commas.
    pub url: String,
    /// Where the server's monitor answers, `http://host:port`; without it, durability cannot be proven on one server.
    pub monitor: Option<String>,
    /// A `.creds` file with the account's credentials.
    pub credentials: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's.
    pub root_certificates: Option<PathBuf>,
    /// How many servers keep each log, cell and blob: 1 or 3.
    pub replicas: usize,
    /// The longest any call may take (blobs: four times as long).
    pub ack_timeout: Duration,
    /// The name the server's connection list shows.
    pub name: String,
}

impl Options {
    /// One server, one replica, five seconds.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            monitor: None,
            credentials: None,
            root_certificates: None,
            replicas: 1,
            ack_timeout: Duration::from_secs(5),
            name: "stadtbus".to_owned(),
        }
    }
}
