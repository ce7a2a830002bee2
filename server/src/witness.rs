//! The witness of this process: opened before anything writes to the broker, ended after everything has.

use std::sync::{Arc, Mutex, PoisonError};

use stadtbus_broker::Broker;
use stadtbus_flow::{
    facts::Facts,
    witness::{Witness, Witnessed},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    StartError,
    config::{BrokerKind, Config},
};

/// The witness at work, and the broker behind it, which it looks at itself.
pub(crate) struct Watch {
    pub(crate) witness: Arc<Witness>,
    pub(crate) broker: Arc<dyn Broker>,
    stop: CancellationToken,
    work: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Writes down the last of it.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work
            && let Err(error) = work.await
        {
            tracing::error!(%error, "The witness ended badly.");
        }
    }
}

/// The broker under the eye of a witness, if the configuration wants one. What lives in memory needs none.
pub(crate) async fn witnessed(
    config: &Config,
    broker: Arc<dyn Broker>,
    facts: &Arc<Facts>,
) -> Result<(Arc<dyn Broker>, Option<Watch>), StartError> {
    let dir = &config.witness.dir;
    if dir.as_os_str().is_empty() || config.broker.kind == BrokerKind::Memory {
        return Ok((broker, None));
    }
    let witness = Witness::open(dir, &config.limits, Arc::clone(facts))
        .map_err(|error| StartError::new("SB-1009", format!("witness.dir {}: {error}", dir.display())))?;
    witness.look(&*broker).await;
    let stop = CancellationToken::new();
    let work = tokio::spawn(Arc::clone(&witness).run(Arc::clone(&broker), stop.clone()));
    let watched: Arc<dyn Broker> = Arc::new(Witnessed::new(Arc::clone(&broker), Arc::clone(&witness)));
    let watch = Watch {
        witness,
        broker,
        stop,
        work: Mutex::new(Some(work)),
    };
    Ok((watched, Some(watch)))
}
