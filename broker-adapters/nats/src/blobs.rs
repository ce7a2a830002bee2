//! Blobs in the object store, which splits them, writes them with a digest and checks it when they are read.

use std::{future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::{
    self,
    object_store::{Config, DeleteErrorKind, GetErrorKind, ObjectStore},
    stream::StorageType,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use stadtbus_broker::{Blobs, BrokerError, check_blob_name};
use tokio::io::AsyncReadExt;

use crate::link::Link;

/// Blobs are megabytes in many messages: they get this many times the deadline of an append.
const DEADLINES: u32 = 4;

pub(crate) struct NatsBlobs {
    link: Arc<Link>,
    bucket: String,
    store: ObjectStore,
}

impl NatsBlobs {
    pub(crate) async fn open(link: Arc<Link>, bucket: &str) -> Result<Self, BrokerError> {
        link.up().map_err(BrokerError::Unavailable)?;
        let timeout = link.options.ack_timeout;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(timeout)
            .ack_timeout(timeout)
            .build(link.client.clone());
        let config = Config {
            bucket: bucket.to_owned(),
            storage: StorageType::File,
            num_replicas: link.options.replicas,
            ..Config::default()
        };
        let created = tokio::time::timeout(timeout * DEADLINES, context.create_object_store(config)).await;
        let store = created
            .map_err(|_| BrokerError::Unavailable(format!("blobs {bucket}: no answer in time")))?
            .map_err(|error| BrokerError::Unavailable(format!("blobs {bucket}: {}", error.kind())))?;
        Ok(Self {
            link,
            bucket: bucket.to_owned(),
            store,
        })
    }

    fn lost(&self) -> BrokerError {
        BrokerError::Unknown(format!("blobs {}: no answer in time", self.bucket))
    }

    fn away(&self, why: impl std::fmt::Display) -> BrokerError {
        BrokerError::Unavailable(format!("blobs {}: {why}", self.bucket))
    }

    async fn in_time<T>(
        &self,
        late: BrokerError,
        call: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let standing = self.link.up().map_err(BrokerError::Unavailable)?;
        let most: Duration = self.link.options.ack_timeout * DEADLINES;
        tokio::select! {
            answer = call => answer,
            () = self.link.fallen(standing) => Err(late),
            () = tokio::time::sleep(most) => Err(late),
        }
    }
}

#[async_trait]
impl Blobs for NatsBlobs {
    async fn put(&self, name: &str, data: Bytes) -> Result<(), BrokerError> {
        check_blob_name(name)?;
        self.in_time(self.lost(), async {
            let mut reader = data.as_ref();
            let put = self.store.put(name, &mut reader).await;
            // The chunks are written under a new name each time and shown by the last message only.
            put.map(|_| ()).map_err(|error| match error.to_string() {
                text if text.contains("maximum bytes") || text.contains("insufficient resources") => {
                    BrokerError::Full(format!("blobs {}", self.bucket))
                }
                _ => self.lost(),
            })
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, BrokerError> {
        check_blob_name(name)?;
        self.in_time(self.away("no answer in time"), async {
            let mut object = match self.store.get(name).await {
                Ok(object) => object,
                Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(self.away(error.kind())),
            };
            let mut data = Vec::with_capacity(object.info().size);
            match object.read_to_end(&mut data).await {
                Ok(_) => Ok(Some(data.into())),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    Err(BrokerError::Refused(format!("blob {name} is damaged")))
                }
                Err(error) => Err(self.away(error.kind())),
            }
        })
        .await
    }

    async fn list(&self) -> Result<Vec<String>, BrokerError> {
        self.in_time(self.away("no answer in time"), async {
            let list = self.store.list().await.map_err(|error| self.away(error))?;
            let infos: Vec<_> = list.try_collect().await.map_err(|error| self.away(error))?;
            let mut names: Vec<String> = infos.into_iter().map(|info| info.name).collect();
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), BrokerError> {
        check_blob_name(name)?;
        self.in_time(self.lost(), async {
            match self.store.delete(name).await {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == DeleteErrorKind::NotFound => Ok(()),
                Err(_) => Err(self.lost()),
            }
        })
        .await
    }
}
