//! Writing one group: as an atomic batch or singly, and repeating what got no answer.

use std::{sync::Arc, time::Duration};

use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use stadtbus_broker::{Appended, BrokerError, Entry};
use tokio::time::Instant;

use super::{Answer, Job, cost::Way, turn::Turn};
use crate::{
    api::{self, NoResult},
    batch::{Ack, Part},
    link::{Link, Trouble},
    wire,
};

/// Single messages sent without waiting for the first one's answer.
const PIPELINE_MAX: usize = 256;
/// How often an entry whose answer got lost is sent again.
const REPEATS_MAX: usize = 2;
/// Before an entry is sent again to a server that was not ready.
const PAUSE: Duration = Duration::from_millis(50);

/// How a group went.
pub(super) struct Report {
    pub(super) way: Way,
    pub(super) messages: usize,
    pub(super) took: Duration,
    /// Whether it says anything about the price: nothing was refused, lost or repeated.
    pub(super) smooth: bool,
}

#[derive(Clone)]
pub(super) struct Writer {
    link: Arc<Link>,
    what: Arc<str>,
}

/// What became of one message.
enum Fate {
    Answered(Answer),
    /// It was not stored by this attempt.
    NotTaken(BrokerError),
    /// It may be stored.
    Lost,
}

/// One message, made ready.
struct Outgoing {
    subject: Subject,
    headers: Result<Option<HeaderMap>, BrokerError>,
    payload: Bytes,
}

impl Outgoing {
    fn of(entry: &Entry, extra: &wire::Extra) -> Self {
        Self {
            subject: entry.subject.as_str().into(),
            headers: wire::headers(entry, extra),
            payload: entry.payload.clone(),
        }
    }
}

impl Writer {
    pub(super) fn new(link: Arc<Link>, log: &str) -> Self {
        Self {
            link,
            what: format!("log {log}").into(),
        }
    }

    pub(super) async fn write(&self, group: Vec<Job>, way: Way, mut turn: Turn) -> Report {
        let start = Instant::now();
        let messages = group.len();
        let left = match way {
            Way::Singly => group,
            Way::Batch => self.batch(group, &mut turn).await,
        };
        turn.comes().await;
        let alone = way == Way::Singly || left.is_empty();
        let smooth = self.singly(left).await && alone;
        Report {
            way,
            messages,
            took: start.elapsed(),
            smooth,
        }
    }

    /// Writes an atomic batch; answers its jobs, or gives back those that are to be written singly.
    async fn batch(&self, mut group: Vec<Job>, turn: &mut Turn) -> Vec<Job> {
        let until = half_way(&group);
        let answer = self.commit(&group, turn, until).await;
        if let Ok(ack) = &answer
            && let Some(first) = ack.first_of(group.len())
        {
            for (position, job) in (first..).zip(group) {
                job.answer(Ok(Appended {
                    position,
                    duplicate: false,
                }));
            }
            return Vec::new();
        }
        match answer {
            Err(NoResult::Refused(refusal)) => {
                let error = refusal.to_error(&self.what);
                // A limit that refuses the batch would refuse most of it again, one fsync each. Everything else (one
                // duplicate, an incomplete batch, too many batches) concerns the batch and not its messages.
                if matches!(error, BrokerError::Full(_)) {
                    answer_all(group, &Err(error));
                    return Vec::new();
                }
                tracing::debug!(
                    code = refusal.err_code,
                    messages = group.len(),
                    "batch refused, writing singly"
                );
                group
            }
            Err(NoResult::Trouble(Trouble::NotSent(why))) => {
                answer_all(group, &Err(BrokerError::Unavailable(why)));
                Vec::new()
            }
            Err(NoResult::Trouble(Trouble::NobodyThere | Trouble::TooLarge)) => group,
            // Also an acknowledgement that does not fit the batch: what is stored is then open.
            Err(NoResult::Trouble(Trouble::Lost(_)) | NoResult::Unreadable) | Ok(_) => {
                for job in &mut group {
                    job.sent = true;
                }
                self.without_the_unrepeatable(group)
            }
        }
    }

    async fn commit(&self, group: &[Job], turn: &mut Turn, until: Instant) -> Result<Ack, NoResult> {
        let mut parts = Vec::with_capacity(group.len());
        for Job { entry, extra, .. } in group {
            // What cannot be encoded is answered by itself when the group is written singly.
            let headers = wire::headers(entry, extra).map_err(|_| NoResult::Trouble(Trouble::TooLarge))?;
            let (subject, payload) = (entry.subject.as_str(), entry.payload.clone());
            parts.push(Part {
                subject,
                headers: headers.unwrap_or_default(),
                payload,
            });
        }
        self.link.commit(parts, turn.comes(), until).await
    }

    /// Writes each by itself, all on the way at once, and again those whose answer got lost. Says whether all went
    /// well the first time.
    async fn singly(&self, mut jobs: Vec<Job>) -> bool {
        let mut smooth = true;
        let mut losses = 0;
        while !jobs.is_empty() {
            let until = if losses < REPEATS_MAX {
                half_way(&jobs)
            } else {
                last_deadline(&jobs)
            };
            let fates: Vec<Fate> = {
                let messages: Vec<_> = jobs
                    .iter()
                    .map(|job| Outgoing::of(&job.entry, &job.extra))
                    .collect();
                let sends = messages.into_iter().map(|message| self.send(message, until));
                stream::iter(sends).buffered(PIPELINE_MAX).collect().await
            };
            let (mut left, mut lost) = (Vec::new(), false);
            for (mut job, fate) in jobs.into_iter().zip(fates) {
                match fate {
                    Fate::Answered(answer) => {
                        smooth &= answer.is_ok();
                        job.answer(answer);
                    }
                    Fate::NotTaken(error) if !job.sent => job.answer(Err(error)),
                    Fate::NotTaken(_) => left.push(job),
                    Fate::Lost => {
                        lost = true;
                        job.sent = true;
                        left.push(job);
                    }
                }
            }
            losses += usize::from(lost);
            jobs = self.without_the_unrepeatable(left);
            smooth &= jobs.is_empty();
            if !jobs.is_empty() {
                let until = last_deadline(&jobs);
                let late = Instant::now() + PAUSE >= until;
                if losses > REPEATS_MAX || late || !self.link.back(until).await {
                    answer_all(jobs, &Err(self.unknown()));
                    return false;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        smooth
    }

    async fn send(
        &self,
        Outgoing {
            subject,
            headers,
            payload,
        }: Outgoing,
        until: Instant,
    ) -> Fate {
        let headers = match headers {
            Ok(headers) => headers,
            Err(error) => return Fate::Answered(Err(error)),
        };
        let answer = self.link.request(subject, headers, payload, until).await;
        match answer {
            Ok(message) => self.read_ack(&message),
            Err(Trouble::Lost(_)) => Fate::Lost,
            Err(Trouble::TooLarge) => Fate::Answered(Err(BrokerError::TooLarge(self.what.to_string()))),
            Err(trouble) => Fate::NotTaken(trouble.of_question()),
        }
    }

    fn read_ack(&self, message: &Message) -> Fate {
        match api::parse::<Ack>(&message.payload) {
            Ok(Ack { seq, duplicate, .. }) if seq > 0 => Fate::Answered(Ok(Appended {
                position: seq,
                duplicate,
            })),
            Err(NoResult::Refused(refusal)) => match refusal.to_error(&self.what) {
                error @ BrokerError::Unavailable(_) => Fate::NotTaken(error),
                error => Fate::Answered(Err(error)),
            },
            Ok(_) | Err(_) => Fate::Lost,
        }
    }

    fn unknown(&self) -> BrokerError {
        BrokerError::Unknown(format!("{}: no answer in time", self.what))
    }

    /// Only an entry with an identity may be sent twice; the others are answered as unknown.
    fn without_the_unrepeatable(&self, jobs: Vec<Job>) -> Vec<Job> {
        let (left, open): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.entry.message_id.is_some());
        answer_all(open, &Err(self.unknown()));
        left
    }
}

fn answer_all(jobs: Vec<Job>, answer: &Answer) {
    for job in jobs {
        job.answer(answer.clone());
    }
}

fn last_deadline(jobs: &[Job]) -> Instant {
    jobs.iter()
        .map(|job| job.until)
        .max()
        .unwrap_or_else(Instant::now)
}

/// When to stop waiting for a first answer, so that there is time to ask again.
fn half_way(jobs: &[Job]) -> Instant {
    let now = Instant::now();
    now + last_deadline(jobs).saturating_duration_since(now) / 2
}
