//! Receivers that take their time, and events that nobody can take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use stadtbus_harness::Outcome;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

const SLOW_FOR: Duration = Duration::from_secs(30);
const POISON_EACH: u64 = 1_000;
const POISON_ATTEMPTS: u64 = 4;
/// A few more than the attempts of the policy, for those that a restart or a take-over repeats.
const ATTEMPTS_OVER: u64 = 2;

/// Nobody waits for the slow.
pub(super) const SLOW: Row = Row {
    name: "slow-consumer",
    what: "one webhook never answers, and nothing is fetched for 30 s",
    prepare: slow_city,
    fault: |stage| Box::pin(slow(stage)),
    ..PLAIN
};

/// Some events cannot be taken.
pub(super) const POISON: Row = Row {
    name: "poison",
    what: "the webhook answers 400 to one event in 1,000, always",
    events: 40_000,
    prepare: poison_city,
    fault: |stage| Box::pin(poison(stage)),
    ..PLAIN
};

fn slow_city(setup: &mut Setup) -> Outcome<Ready> {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let socket = TcpListener::from_std(socket)?;
    let open = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&open);
    let listener = tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let open = Arc::clone(&counter);
            tokio::spawn(async move {
                open.fetch_add(1, Relaxed);
                let mut buffer = [0; 4096];
                while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
                open.fetch_sub(1, Relaxed);
            });
        }
    });
    setup.guards.push(Box::new(Listening(listener)));
    setup.subscription("probe-slow", &misbehaving("probe-slow", address, 29_000))?;
    Ok(Ready::Yes)
}

/// A receiver of the row's own: dropped, it stops listening.
pub(super) struct Listening(pub(super) tokio::task::JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A subscription whose receiver is not one of those that report.
pub(super) fn misbehaving(name: &str, address: std::net::SocketAddr, timeout_ms: u32) -> String {
    format!(
        "subscription: {name}\npartner: kom\ntitle: Ein Empfänger, der sich schlecht benimmt\npurpose: https://w3id.org/dpv#ServiceMonitoring\ntypes: [de.pruefstand.pub.probe.sent.v1]\nsink:\n  webhook: {{url: \"http://{address}/\", mode: binary}}\ndelivery: {{concurrency: 8, attempts_max: 100, first_delay_ms: 1000, delay_ms_max: 2000, timeout_ms: {timeout_ms}}}\n"
    )
}

async fn slow(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    stage.behaviour.pull_rests.store(true, Relaxed);
    let others = stage.goes_on_at(5_000, &[0, 2, 3], SLOW_FOR).await;
    stage.expect(
        format!("5,000 more events reach the others while two receivers are stuck ({others:?})"),
        others.is_some(),
    );
    stage.behaviour.pull_rests.store(false, Relaxed);
    let caught_up = stage.goes_on_by(5_000, SETTLE).await;
    stage.expect("who fetches again gets what had waited", caught_up.is_some());
    let answers = stage.answered();
    stage.expect("publishers noticed nothing", answers.other_than(&[202]) == 0);
    Ok(())
}

fn poison_city(setup: &mut Setup) -> Outcome<Ready> {
    let file = "subscriptions/kom/probe-webhook.yaml";
    let attempts = format!("attempts_max: {POISON_ATTEMPTS}");
    setup.edit(file, "attempts_max: 100", &attempts)?;
    setup.edit(file, "first_delay_ms: 100", "first_delay_ms: 1000")?;
    Ok(Ready::Yes)
}

async fn poison(stage: &mut Stage) -> Outcome<()> {
    stage.behaviour.poison_each.store(POISON_EACH, Relaxed);
    stage.warm().await?;
    let flows = stage.goes_on_by(10_000, SETTLE).await;
    stage.expect("events pass by the poisoned ones", flows.is_some());
    let tried = stage.behaviour.poisoned();
    let most = tried.iter().map(|tried| tried.times).max().unwrap_or_default();
    stage.expect(
        format!(
            "{} poisoned events were tried at most {most} times each",
            tried.len()
        ),
        !tried.is_empty() && most <= POISON_ATTEMPTS + ATTEMPTS_OVER,
    );
    // One attempt a second, give or take the jitter of a fifth.
    let hot = tried.iter().filter(|tried| {
        let pauses = u32::try_from(tried.times.saturating_sub(1)).unwrap_or(u32::MAX);
        tried.last - tried.first < Duration::from_millis(500) * pauses
    });
    let hot = hot.count();
    stage.expect(format!("none of them in a hot loop ({hot})"), hot == 0);
    Ok(())
}
