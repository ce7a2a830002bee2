//! Whether the bus noticed, and if not, whether there was anything to notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stadtbus_harness::{Client, Outcome};

use super::stage::{REST, Stage, logs};
use crate::payload;

/// A damage must be noticed within this time of the start.
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Reading everything back takes no longer.
const READ_WITHIN: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(120);
const AT_ONCE: u32 = 500;

/// What came of a case.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nothing is accepted, and the bus says why.
    Detected(String),
    /// So many events were read back, and all are as they were.
    Harmless(usize),
    /// Something is wrong, and the bus goes on.
    Missed(String),
}

/// Starts both on the damaged store and watches; ends with both stopped. Also the seconds from the start to the answer.
pub(crate) async fn judge(stage: &mut Stage) -> Outcome<(Verdict, f64)> {
    let began = Instant::now();
    let verdict = match started(stage).await {
        Err(why) => Verdict::Detected(why),
        Ok(()) => watched(stage, began).await?,
    };
    let seconds = began.elapsed().as_secs_f64();
    stage.world.bus.kill_hard().await?;
    stage.world.nats.kill_hard().await?;
    Ok((verdict, seconds))
}

async fn started(stage: &mut Stage) -> Result<(), String> {
    let line = |text: String| -> String {
        text.lines()
            .last()
            .unwrap_or_default()
            .chars()
            .take(100)
            .collect()
    };
    let broker = stage.world.nats.start_again().await;
    broker.map_err(|failure| format!("nats-server does not start: {}", line(failure.to_string())))?;
    let bus = stage.world.bus.start_again().await;
    bus.map_err(|failure| format!("the bus does not start: {}", line(failure.to_string())))
}

async fn watched(stage: &mut Stage, began: Instant) -> Outcome<Verdict> {
    let operator = stage.world.operator().await?;
    let nobody = stage.world.bus.client("");
    while began.elapsed() < WITHIN {
        let ready = nobody.get("/readyz").await?.text();
        if ready.contains("SB-1508") {
            return stopped(stage, &ready).await;
        }
        let found = logs(&operator).await?;
        let list = found.get("logs").and_then(Value::as_array).cloned();
        let whole = |log: &Value| log.get("state") == Some(&json!("whole"));
        if list.is_some_and(|list| !list.is_empty() && list.iter().all(whole)) {
            return harmless(stage).await;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(Verdict::Missed(format!("no answer in {} s", WITHIN.as_secs())))
}

/// The alarm is worth something if nothing is accepted.
async fn stopped(stage: &Stage, ready: &str) -> Outcome<Verdict> {
    let answer = fresh(stage).await?;
    let why = ready.split("SB-1508: ").nth(1).unwrap_or(ready);
    let why = why.split("; see").next().unwrap_or(why).trim();
    Ok(if answer == 503 {
        Verdict::Detected(why.to_owned())
    } else {
        Verdict::Missed(format!("an alarm, and {answer} for an event: {why}"))
    })
}

async fn harmless(stage: &Stage) -> Outcome<Verdict> {
    let subscriber = stage.world.client("kom", "empfang", "subscribe").await?;
    let mut missing: BTreeMap<&String, &u64> = stage.expected().collect();
    let count = missing.len();
    let until = Instant::now() + READ_WITHIN;
    while !missing.is_empty() && Instant::now() < until {
        let answer = subscriber
            .receive_raw(REST, AT_ONCE, Duration::from_secs(2), LEASE)
            .await?;
        let (text, body) = (answer.text(), answer.json());
        let events = body.get("events").and_then(Value::as_array).cloned();
        let events = events.unwrap_or_default();
        for event in &events {
            let id = event
                .pointer("/event/id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(number) = missing.remove(&id.to_owned())
                && !text.contains(&payload::data(stage.seed, *number))
            {
                return Ok(Verdict::Missed(format!("{id} is not what was sent")));
            }
        }
        acknowledge(&subscriber, &events).await?;
    }
    if let Some((id, _)) = missing.first_key_value() {
        return Ok(Verdict::Missed(format!(
            "{} events are gone, {id} first",
            missing.len()
        )));
    }
    let answer = fresh(stage).await?;
    Ok(if answer == 202 {
        Verdict::Harmless(count)
    } else {
        Verdict::Detected(format!("events are refused with {answer}"))
    })
}

async fn acknowledge(subscriber: &Client, events: &[Value]) -> Outcome<()> {
    if !events.is_empty() {
        subscriber.settle(REST, "acknowledge", events, json!({})).await?;
    }
    Ok(())
}

/// The status that a new event is answered with.
async fn fresh(stage: &Stage) -> Outcome<u16> {
    let sender = stage.world.client("pub", "sender", "publish").await?;
    let event = payload::event(stage.seed, u64::from(u32::MAX));
    let kind = [("content-type", "application/cloudevents+json")];
    let answer = sender.send("POST", "/v1/events", &kind, event.into()).await?;
    Ok(answer.status)
}
