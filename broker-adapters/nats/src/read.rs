//! Readers of logs.

use std::{sync::Arc, time::SystemTime};

use futures_util::stream;
use stadtbus_broker::{BrokerError, LogName, ReadFrom, ReadOptions, Record, RecordStream, subject};

use crate::{
    link::Link,
    ordered::{Ordered, Start, Told, Wanted},
    wire,
};

pub(crate) async fn read(
    link: Arc<Link>,
    log: LogName,
    options: ReadOptions,
) -> Result<RecordStream, BrokerError> {
    if let Some(filter) = &options.subject {
        subject::check_filter(filter)?;
    }
    let what = format!("log {log}");
    let start = match options.from {
        // Fixed now, so that what is appended before the consumer exists, or exists again, is not missed.
        ReadFrom::New => Start::Position(link.state(&log).await?.last + 1),
        ReadFrom::Position(position) => Start::Position(position),
        ReadFrom::Time(time) => Start::Time(time.max(SystemTime::UNIX_EPOCH)),
    };
    let from = if let Start::Position(position) = start {
        position
    } else {
        0
    };
    let wanted = Wanted {
        stream: log.to_string(),
        filter: options.subject,
        headers_only: options.headers_only,
    };
    let mut ordered = Ordered::new(link, wanted, start, false);
    ordered.begin().await.map_err(|error| error.of_question(&what))?;
    Ok(Box::pin(stream::unfold(
        (ordered, log),
        move |(mut ordered, log)| async move {
            loop {
                let Told::Message(message, delivery) = ordered.next().await? else {
                    continue;
                };
                // A start beyond the end is moved back to the end by the server.
                if delivery.position < from {
                    continue;
                }
                let record = Record {
                    log: log.clone(),
                    position: delivery.position,
                    subject: message.subject.into_string(),
                    headers: wire::own_headers(message.headers.as_ref()),
                    payload: message.payload,
                    stored_at: delivery.stored_at,
                };
                return Some((record, (ordered, log)));
            }
        },
    )))
}
