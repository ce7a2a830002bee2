//! The connection: whether it stands, and requests that end when it falls.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, Request, RequestErrorKind, Subject};
use bytes::Bytes;
use stadtbus_broker::{BrokerError, Health};
use tokio::{sync::watch, time::Instant};

use crate::options::Options;

/// How often the server is asked whether JetStream still answers.
const HEALTH_EVERY: Duration = Duration::from_secs(2);
/// How soon a silent connection is noticed: two unanswered pings.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Between attempts to reconnect.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(1);
/// Requests and publishes waiting to be written to the socket.
const CLIENT_CAPACITY: usize = 4096;

/// One life of the connection: a new epoch after every reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) epoch: u64,
    pub(crate) up: bool,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It never left.
    NotSent(String),
    /// It left, and nobody on the server took it.
    NobodyThere,
    /// It may have been done.
    Lost(&'static str),
    /// It is too large to be sent.
    TooLarge,
}

impl Trouble {
    /// What this means for a question: ask again later.
    pub(crate) fn of_question(self) -> BrokerError {
        match self {
            Self::NotSent(why) => BrokerError::Unavailable(why),
            Self::NobodyThere => BrokerError::Unavailable("JetStream does not answer".to_owned()),
            Self::Lost(why) => BrokerError::Unavailable(why.to_owned()),
            Self::TooLarge => BrokerError::TooLarge("the request".to_owned()),
        }
    }

    /// What this means for a change: it may have happened.
    pub(crate) fn of_change(self, what: &str) -> BrokerError {
        match self {
            Self::Lost(why) => BrokerError::Unknown(format!("{what}: {why}")),
            Self::TooLarge => BrokerError::TooLarge(what.to_owned()),
            other => other.of_question(),
        }
    }
}

/// The connection and what everybody needs to know of it.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) options: Options,
    standing: Arc<watch::Sender<Standing>>,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) closed: watch::Sender<bool>,
}

impl Link {
    pub(crate) async fn connect(options: Options) -> Result<Arc<Self>, BrokerError> {
        if !matches!(options.replicas, 1 | 3) {
            return Err(BrokerError::Refused("replicas must be 1 or 3".to_owned()));
        }
        let standing = Arc::new(watch::Sender::new(Standing { epoch: 0, up: true }));
        let told = Arc::clone(&standing);
        let mut connect = ConnectOptions::new()
            .name(&options.name)
            .ping_interval(PING_EVERY)
            .client_capacity(CLIENT_CAPACITY)
            .connection_timeout(options.ack_timeout)
            .request_timeout(Some(options.ack_timeout))
            .reconnect_delay_callback(|attempts| {
                let shift = u32::try_from(attempts).unwrap_or(u32::MAX).min(6);
                (Duration::from_millis(10) * 2_u32.pow(shift)).min(RECONNECT_DELAY_MAX)
            })
            .event_callback(move |event| {
                heard(&told, &event);
                std::future::ready(())
            });
        if let Some(file) = &options.credentials {
            let read = connect.credentials_file(file).await;
            connect = read.map_err(|e| {
                BrokerError::Refused(format!("the credentials file is not usable: {}", e.kind()))
            })?;
        }
        if let Some(file) = &options.root_certificates {
            connect = connect.add_root_certificates(file.clone());
        }
        let servers: Vec<&str> = options.url.split(',').map(str::trim).collect();
        let client = connect
            .connect(servers)
            .await
            .map_err(|e| BrokerError::Unavailable(e.kind().to_string()))?;
        let link = Arc::new(Self {
            client,
            options,
            standing,
            health: watch::Sender::new(Health::Up),
            closed: watch::Sender::new(false),
        });
        link.check_health().await;
        tokio::spawn(watch_health(Arc::clone(&link)));
        Ok(link)
    }

    /// The deadline of a call that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.ack_timeout
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Whether a call has any prospect now.
    pub(crate) fn up(&self) -> Result<Standing, String> {
        if self.is_closed() {
            return Err("closed".to_owned());
        }
        let standing = *self.standing.borrow();
        if standing.up {
            Ok(standing)
        } else {
            Err("not connected".to_owned())
        }
    }

    /// Until this life of the connection is over.
    pub(crate) async fn fallen(&self, standing: Standing) {
        let mut changes = self.standing.subscribe();
        // An error would mean that the link itself is gone, and then nobody waits here.
        let _ = changes.wait_for(|now| *now != standing).await;
    }

    /// Until there is a connection again; `false` when not in time, or closed.
    pub(crate) async fn back(&self, until: Instant) -> bool {
        let mut changes = self.standing.subscribe();
        let back = tokio::time::timeout_at(until, changes.wait_for(|now| now.up)).await;
        matches!(back, Ok(Ok(_))) && !self.is_closed()
    }

    /// Sends a request and waits for its answer, until the deadline or the end of the connection.
    pub(crate) async fn request(
        &self,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
        until: Instant,
    ) -> Result<Message, Trouble> {
        let standing = self.up().map_err(Trouble::NotSent)?;
        let mut request = Request::new().payload(payload).timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        tokio::select! {
            biased;
            answer = self.client.send_request(subject, request) => answer.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => Trouble::NobodyThere,
                RequestErrorKind::MaxPayloadExceeded => Trouble::TooLarge,
                RequestErrorKind::InvalidSubject => Trouble::NotSent("not a subject".to_owned()),
                RequestErrorKind::TimedOut | RequestErrorKind::Other => Trouble::Lost("no answer"),
            }),
            () = self.fallen(standing) => Err(Trouble::Lost("the connection broke")),
            () = tokio::time::sleep_until(until) => Err(Trouble::Lost("no answer in time")),
        }
    }

    async fn check_health(&self) {
        let health = match self.up() {
            Err(why) => Health::Down(why),
            Ok(_) => {
                let until = Instant::now() + self.options.ack_timeout.min(HEALTH_EVERY);
                match self
                    .request("$JS.API.INFO".into(), None, Bytes::new(), until)
                    .await
                {
                    Ok(_) => Health::Up,
                    Err(_) if self.is_closed() => Health::Down("closed".to_owned()),
                    Err(_) => Health::Down("JetStream does not answer".to_owned()),
                }
            }
        };
        self.health.send_if_modified(|now| {
            let changes = *now != health;
            if changes {
                tracing::info!(health = ?health, "broker");
                *now = health;
            }
            changes
        });
    }
}

fn heard(standing: &watch::Sender<Standing>, event: &Event) {
    match event {
        Event::Connected => {
            standing.send_if_modified(|now| {
                let news = !now.up;
                if news {
                    *now = Standing {
                        epoch: now.epoch + 1,
                        up: true,
                    };
                }
                news
            });
        }
        Event::Disconnected | Event::Closed => {
            standing.send_if_modified(|now| std::mem::replace(&mut now.up, false));
        }
        Event::SlowConsumer(_) => tracing::warn!("a reader's buffer overflowed; it starts anew"),
        Event::ServerError(error) => tracing::warn!(%error, "broker"),
        Event::ClientError(error) => tracing::debug!(%error, "broker client"),
        Event::LameDuckMode | Event::Draining => tracing::info!("the broker is about to stop"),
    }
}

async fn watch_health(link: Arc<Link>) {
    let mut changes = link.standing.subscribe();
    let mut closed = link.closed.subscribe();
    loop {
        let again = tokio::time::sleep(HEALTH_EVERY);
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => break,
            _ = changes.changed() => {}
            () = again => {}
        }
        link.check_health().await;
    }
    link.health.send_replace(Health::Down("closed".to_owned()));
}
