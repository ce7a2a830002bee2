//! The broker: connected, and asked for its proof before anything relies on it.

use std::sync::Arc;

use stadtbus_broker::Broker;
use stadtbus_broker_memory::MemoryBroker;
use stadtbus_broker_nats::NatsBroker;

use crate::{
    StartError,
    config::{BrokerConfig, BrokerKind, Durability},
};

/// The oldest nats-server that has what the bus needs: atomic batches, schedules, TTL, and the fixes of 2026.
const NATS_MIN: (u64, u64) = (2, 14);

/// Connects to the broker that the configuration names.
pub(crate) async fn connect(config: &BrokerConfig) -> Result<Arc<dyn Broker>, StartError> {
    match config.kind {
        BrokerKind::Memory => Ok(Arc::new(MemoryBroker::default())),
        BrokerKind::Nats => {
            let credentials =
                (!config.credentials_file.as_os_str().is_empty()).then(|| config.credentials_file.clone());
            let options = stadtbus_broker_nats::Options {
                monitor: (!config.monitor.is_empty()).then(|| config.monitor.clone()),
                credentials,
                replicas: config.replicas,
                ..stadtbus_broker_nats::Options::new(&config.url)
            };
            Ok(Arc::new(NatsBroker::connect(options).await?))
        }
    }
}

/// Checks version and durability. `Some` says why the bus runs degraded, which only an operator may allow.
pub(crate) async fn prove(broker: &dyn Broker, config: &BrokerConfig) -> Result<Option<String>, StartError> {
    if config.kind == BrokerKind::Memory {
        return Ok(Some(
            "the log is in memory and gone when this process ends".to_owned(),
        ));
    }
    let proof = broker.proof().await?;
    if !is_new_enough(&proof.version) {
        let (major, minor) = NATS_MIN;
        return Err(StartError::new(
            "SB-1005",
            format!(
                "{} {} is too old; the bus needs {major}.{minor} or newer",
                proof.broker, proof.version
            ),
        ));
    }
    if proof.durable {
        return Ok(None);
    }
    match config.durability {
        Durability::Require => Err(StartError::new(
            "SB-1004",
            format!(
                "{} does not prove that it syncs before it acknowledges ({}); set `sync_interval: always` in nats.conf",
                proof.broker, proof.detail
            ),
        )),
        Durability::Degraded => {
            tracing::warn!(
                detail = proof.detail,
                "DEGRADED: the broker may acknowledge before the disk has the event."
            );
            Ok(Some(proof.detail))
        }
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NATS_MIN
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_are_numbers() {
        for (version, enough) in [
            ("2.15.1", true),
            ("2.14.0", true),
            ("2.9.10", false),
            ("3.0.0", true),
            ("", false),
            ("2.14.0-RC.1", true),
        ] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
