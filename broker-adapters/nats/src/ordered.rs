//! An ordered reader of one stream that goes on after anything.
//!
//! It is an ephemeral pull consumer without acknowledgements, kept in the server's memory. Pull, not push: the reader
//! asks for so many messages and so many bytes, and asks for more when it has *given out* half of them, so that a slow
//! reader is slow at the server and nothing is dropped or piled up here. A request waits at the server while there is
//! nothing to read, so a new message is sent the moment it is stored, as with push.
//!
//! Every delivery carries the consumer's own count. When that is not the next one, when the connection was lost, when
//! the consumer is gone or silent, a new consumer starts after the last message given out. Nothing depends on the
//! consumer surviving, so nothing of it is persisted.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    api::{Done, NoResult},
    link::{Link, Standing},
    wire::{self, Delivery},
};

/// Messages asked for at once.
const PULL_MESSAGES: usize = 1000;
/// Bytes asked for at once; two such requests can be under way.
const PULL_BYTES: usize = 3 << 20;
/// How long one request waits at the server.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it is still there while a request waits.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a consumer that nobody reads is kept.
const INACTIVE: Duration = Duration::from_secs(60);
/// Before a reader that cannot be started is tried again, growing to the second.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Where a reader begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    Position(u64),
    Time(SystemTime),
}

/// What is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) stream: String,
    pub(crate) filter: Option<String>,
    pub(crate) headers_only: bool,
}

/// What a reader has to tell. Almost always a message, so boxing it would only cost.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Told {
    /// It begins, or begins anew; so many messages are there to read.
    Began { pending: u64 },
    /// The next message.
    Message(Message, Delivery),
    /// Nothing came for the time of a heartbeat.
    Quiet,
}

struct Consumer {
    messages: Subscriber,
    inbox: String,
    pull: String,
    standing: Standing,
    /// Asked for and not yet given out.
    asked: usize,
    count: u64,
}

pub(crate) struct Ordered {
    link: Arc<Link>,
    wanted: Wanted,
    start: Start,
    /// Whether a new consumer begins at the start again instead of after the last message.
    anew: bool,
    last: u64,
    consumer: Option<Consumer>,
    pause: Duration,
}

#[derive(Serialize)]
struct Create<'a> {
    stream_name: &'a str,
    config: Config<'a>,
    action: &'static str,
}

#[derive(Serialize)]
struct Config<'a> {
    name: &'a str,
    deliver_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_start_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_start_time: Option<String>,
    ack_policy: &'static str,
    replay_policy: &'static str,
    max_deliver: i64,
    mem_storage: bool,
    num_replicas: usize,
    inactive_threshold: u64,
    headers_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_subject: Option<&'a str>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
}

#[derive(Serialize)]
struct Pull {
    batch: usize,
    max_bytes: usize,
    expires: u64,
    idle_heartbeat: u64,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Ordered {
    pub(crate) fn new(link: Arc<Link>, wanted: Wanted, start: Start, anew: bool) -> Self {
        Self {
            link,
            wanted,
            start,
            anew,
            last: 0,
            consumer: None,
            pause: PAUSE_MIN,
        }
    }

    /// Starts the first consumer, so that a call that cannot work fails at once.
    pub(crate) async fn begin(&mut self) -> Result<u64, NoResult> {
        self.create().await
    }

    /// What comes next; `None` when the broker was closed.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            if self.link.is_closed() {
                return None;
            }
            if self.consumer.is_none() {
                if let Some(pending) = self.restart().await {
                    return Some(Told::Began { pending });
                }
                continue;
            }
            match self.receive().await {
                Received::Tell(told) => return Some(told),
                Received::Again => {}
                Received::Broken => self.consumer = None,
            }
        }
    }

    async fn restart(&mut self) -> Option<u64> {
        let far = Instant::now() + Duration::from_secs(3600);
        let mut closed = self.link.closed.subscribe();
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => return None,
            _ = self.link.back(far) => {}
        }
        match self.create().await {
            Ok(pending) => {
                self.pause = PAUSE_MIN;
                Some(pending)
            }
            Err(error) => {
                tracing::debug!(stream = self.wanted.stream, ?error, "a reader cannot start yet");
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                None
            }
        }
    }

    async fn create(&mut self) -> Result<u64, NoResult> {
        let link = Arc::clone(&self.link);
        let not_sent = |why: String| NoResult::Trouble(crate::link::Trouble::NotSent(why));
        let standing = link.up().map_err(not_sent)?;
        let inbox = link.client.new_inbox();
        let name = format!("stadtbus-{}", inbox.rsplit('.').next().unwrap_or_default());
        let start = if self.last > 0 && !self.anew {
            Start::Position(self.last + 1)
        } else {
            self.start
        };
        let (policy, sequence, time) = match start {
            Start::Position(position) => ("by_start_sequence", Some(position.max(1)), None),
            Start::Time(time) => match wire::rfc3339(time) {
                Ok(time) => ("by_start_time", None, Some(time)),
                Err(_) => return Err(NoResult::Unreadable),
            },
        };
        let config = Config {
            name: &name,
            deliver_policy: policy,
            opt_start_seq: sequence,
            opt_start_time: time,
            ack_policy: "none",
            replay_policy: "instant",
            max_deliver: 1,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: nanos(INACTIVE),
            headers_only: self.wanted.headers_only,
            filter_subject: self.wanted.filter.as_deref(),
        };
        let stream = &self.wanted.stream;
        let create = Create {
            stream_name: stream,
            config,
            action: "create",
        };
        let created: Created = link
            .ask(&format!("CONSUMER.CREATE.{stream}.{name}"), &create)
            .await?;
        let subscribed = link.client.subscribe(inbox.clone()).await;
        let messages = subscribed.map_err(|_| not_sent("not connected".to_owned()))?;
        let pull = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        self.consumer = Some(Consumer {
            messages,
            inbox,
            pull,
            standing,
            asked: 0,
            count: 0,
        });
        Ok(created.num_pending)
    }

    async fn receive(&mut self) -> Received {
        let Some(consumer) = &mut self.consumer else {
            return Received::Broken;
        };
        let link = Arc::clone(&self.link);
        if consumer.asked <= PULL_MESSAGES / 2 && !consumer.ask(&link).await {
            return Received::Broken;
        }
        // What is already here is taken before anything else is looked at: the fast path.
        let message = match futures_util::FutureExt::now_or_never(consumer.messages.next()) {
            Some(message) => message,
            None => {
                let mut closed = link.closed.subscribe();
                tokio::select! {
                    biased;
                    message = consumer.messages.next() => message,
                    _ = closed.wait_for(|closed| *closed) => return Received::Again,
                    () = link.fallen(consumer.standing) => return Received::Broken,
                    () = tokio::time::sleep(HEARTBEAT * 2 + Duration::from_secs(1)) => return Received::Broken,
                }
            }
        };
        let Some(message) = message else {
            return Received::Broken;
        };
        match message.status {
            Some(status) => consumer.status(status.as_u16(), &message),
            None => self.message(message),
        }
    }

    fn message(&mut self, message: Message) -> Received {
        let Some(consumer) = &mut self.consumer else {
            return Received::Broken;
        };
        let Some(delivery) = message.reply.as_ref().and_then(|reply| wire::delivery(reply)) else {
            return Received::Broken;
        };
        if delivery.count != consumer.count + 1 {
            tracing::debug!(
                stream = self.wanted.stream,
                "a delivery is missing; the reader starts anew"
            );
            return Received::Broken;
        }
        consumer.count = delivery.count;
        consumer.asked = consumer.asked.saturating_sub(1);
        if delivery.position <= self.last && !self.anew {
            return Received::Again;
        }
        self.last = delivery.position;
        Received::Tell(Told::Message(message, delivery))
    }

    /// How many messages the server would still send, asked explicitly.
    pub(crate) async fn pending(&self) -> Option<u64> {
        let consumer = self.consumer.as_ref()?;
        let name = consumer.pull.rsplit('.').next()?;
        let operation = format!("CONSUMER.INFO.{}.{name}", self.wanted.stream);
        let info: Created = self.link.ask(&operation, &crate::api::Nothing {}).await.ok()?;
        Some(info.num_pending)
    }
}

#[allow(clippy::large_enum_variant)]
enum Received {
    Tell(Told),
    Again,
    Broken,
}

impl Consumer {
    /// Asks for more. `false` when the client no longer takes anything.
    async fn ask(&mut self, link: &Link) -> bool {
        let pull = Pull {
            batch: PULL_MESSAGES,
            // A message larger than the limit would never come.
            max_bytes: PULL_BYTES.max(link.client.max_payload() * 2),
            expires: nanos(PULL_EXPIRES),
            idle_heartbeat: nanos(HEARTBEAT),
        };
        let Ok(body) = serde_json::to_vec(&pull) else {
            return false;
        };
        let sent = link
            .client
            .publish_with_reply(self.pull.clone(), self.inbox.clone(), body.into());
        let sent = tokio::time::timeout(link.options.ack_timeout, sent).await;
        self.asked += PULL_MESSAGES;
        matches!(sent, Ok(Ok(())))
    }

    /// A request ended without being filled, or a sign of life.
    fn status(&mut self, status: u16, message: &Message) -> Received {
        let unfilled = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get("Nats-Pending-Messages"));
        let unfilled = unfilled.and_then(|count| count.as_str().parse::<usize>().ok());
        match (status, unfilled) {
            (100, _) => Received::Tell(Told::Quiet),
            // Expired, or its limit of bytes reached.
            (404 | 408 | 409, Some(unfilled)) => {
                self.asked = self.asked.saturating_sub(unfilled);
                Received::Again
            }
            _ => Received::Broken,
        }
    }
}

impl Drop for Ordered {
    /// The server would forget the consumer by itself after a minute; telling it is kinder.
    fn drop(&mut self) {
        let (Some(consumer), Ok(runtime)) = (self.consumer.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let Some(name) = consumer.pull.rsplit('.').next().map(str::to_owned) else {
            return;
        };
        let operation = format!("CONSUMER.DELETE.{}.{name}", self.wanted.stream);
        let link = Arc::clone(&self.link);
        if link.up().is_ok() {
            runtime.spawn(async move {
                let _: Result<Done, _> = link.ask(&operation, &crate::api::Nothing {}).await;
            });
        }
    }
}
