//! The raw broker: the same server, the same settings, the client library the bus uses, and nothing else.

use async_nats::jetstream::{self, Context, stream};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use stadtbus_harness::{Failure, NatsServer, Outcome};

use super::args::Durability;
use super::rig::broker_options;

/// What goes wrong in the client library.
pub(crate) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

/// A server of its own for one raw measurement.
pub(crate) struct RawBroker {
    pub(crate) server: NatsServer,
    pub(crate) client: Client,
    pub(crate) context: Context,
    _folder: tempfile::TempDir,
}

impl RawBroker {
    pub(crate) async fn start(durability: Durability) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("stadtbus-raw-").tempdir()?;
        let server = NatsServer::start(folder.path().join("nats"), broker_options(durability)).await?;
        let client = connect(&server).await?;
        Ok(Self {
            context: jetstream::new(client.clone()),
            server,
            client,
            _folder: folder,
        })
    }

    /// A stream as the bus makes them for a partner.
    pub(crate) async fn stream(&self, name: &str) -> Outcome<stream::Stream> {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{}.>", name.to_lowercase())],
            storage: stream::StorageType::File,
            allow_atomic_publish: true,
            duplicate_window: std::time::Duration::from_secs(120),
            ..stream::Config::default()
        };
        self.context.create_stream(config).await.map_err(failed)
    }
}

pub(crate) async fn connect(server: &NatsServer) -> Outcome<Client> {
    async_nats::connect(server.url()).await.map_err(failed)
}

/// Header fields with the id the broker recognises a repeat by.
pub(crate) fn message_id(number: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("messung-{number}"));
    headers
}

/// Publishes messages as one atomic batch and waits for its one acknowledgement.
pub(crate) async fn publish_batch(
    client: Client,
    subject: String,
    id: String,
    messages: Vec<(u64, Bytes)>,
) -> Outcome<()> {
    let messages = messages.into_iter();
    let messages = messages.map(|(number, payload)| (message_id(number), payload));
    publish_all(client, subject, id, messages.collect()).await
}

/// The same for messages with header fields of their own.
pub(crate) async fn publish_all(
    client: Client,
    subject: String,
    id: String,
    messages: Vec<(HeaderMap, Bytes)>,
) -> Outcome<()> {
    let last = messages.len();
    for (sequence, (mut headers, payload)) in (1..).zip(messages) {
        headers.insert("Nats-Batch-Id", id.as_str());
        headers.insert("Nats-Batch-Sequence", sequence.to_string());
        if sequence < last {
            client
                .publish_with_headers(subject.clone(), headers, payload)
                .await
                .map_err(failed)?;
            continue;
        }
        headers.insert("Nats-Batch-Commit", "1");
        let answer = client
            .request_with_headers(subject.clone(), headers, payload)
            .await
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&answer.payload);
        if text.contains("\"error\"") || !text.contains("\"seq\"") {
            return Err(Failure::new(format!("the broker refused a batch: {text}")));
        }
    }
    Ok(())
}
