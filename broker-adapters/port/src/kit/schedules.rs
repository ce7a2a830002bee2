//! Records that appear later.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    Fixture,
    help::{Failure, Outcome, entry, eventually, log, next, same, silent, spec, text, that},
};
use crate::{Broker, BrokerError, LogName, ReadFrom, ReadOptions};

async fn scheduling(fixture: &Arc<dyn Fixture>, name: &str) -> Result<(Arc<dyn Broker>, LogName), Failure> {
    let mut spec = spec(name)?;
    spec.schedules = true;
    let broker = fixture.broker();
    broker.ensure_log(&spec).await?;
    Ok((broker, spec.name))
}

pub(super) async fn schedules_fire_once_on_their_target(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = scheduling(&fixture, "fire").await?;
    let options = ReadOptions::from(ReadFrom::Position(1)).subject("kit.fire.due.>");
    let mut due = broker.read(&log, options).await?;
    let later = SystemTime::now() + Duration::from_millis(700);
    let past = SystemTime::now() - Duration::from_secs(60);
    let make = |n| {
        entry("ignored", n)
            .with_header("ce-id", n)
            .with_id(format!("id-{n}"))
    };
    let first = broker
        .schedule(&log, later, "kit.fire.wait.a", "kit.fire.due.a", make("a"))
        .await?;
    let again = broker
        .schedule(&log, later, "kit.fire.wait.a", "kit.fire.due.a", make("a"))
        .await?;
    same(
        "the repeat",
        &(again.position, again.duplicate),
        &(first.position, true),
    )?;
    broker
        .schedule(&log, past, "kit.fire.wait.b", "kit.fire.due.b", make("b"))
        .await?;

    let record = next(&mut due).await?;
    same(
        "the past one",
        &(record.subject.as_str(), text(&record).as_str()),
        &("kit.fire.due.b", "b"),
    )?;
    let record = next(&mut due).await?;
    same(
        "the later one",
        &(record.subject.as_str(), text(&record).as_str()),
        &("kit.fire.due.a", "a"),
    )?;
    same(
        "its headers",
        &record.headers,
        &vec![("ce-id".to_owned(), "a".to_owned())],
    )?;
    that(
        record.stored_at + Duration::from_millis(50) >= later,
        "it fired too early",
    )?;
    silent(&mut due).await?;
    eventually("fired schedules are gone", || async {
        broker.state(&log).await.ok().filter(|state| state.count == 2)
    })
    .await?;
    Ok(())
}

pub(super) async fn a_later_schedule_replaces_the_earlier(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = scheduling(&fixture, "replace").await?;
    let options = ReadOptions::from(ReadFrom::Position(1)).subject("kit.replace.due.>");
    let mut due = broker.read(&log, options).await?;
    let at = |ms| SystemTime::now() + Duration::from_millis(ms);
    let (key, target) = ("kit.replace.wait.a", "kit.replace.due.a");
    broker
        .schedule(&log, at(60_000), key, target, entry("", "far"))
        .await?;
    broker
        .schedule(&log, at(900), key, target, entry("", "near"))
        .await?;
    broker
        .schedule(&log, at(600), key, target, entry("", "nearer"))
        .await?;
    same("what fires", &text(&next(&mut due).await?), &"nearer".to_owned())?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    silent(&mut due).await
}

pub(super) async fn schedules_need_a_log_made_for_them(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "plain").await?;
    let answer = broker
        .schedule(
            &log,
            SystemTime::now(),
            "kit.plain.wait",
            "kit.plain.due",
            entry("", "x"),
        )
        .await;
    that(
        matches!(answer, Err(BrokerError::Refused(_))),
        format_args!("{answer:?} on a log without schedules"),
    )?;
    let (broker, log) = scheduling(&fixture, "stray").await?;
    let answer = broker
        .schedule(
            &log,
            SystemTime::now(),
            "kit.stray.wait",
            "elsewhere",
            entry("", "x"),
        )
        .await;
    that(
        matches!(answer, Err(BrokerError::Refused(_))),
        format_args!("{answer:?} for a target of another log"),
    )
}
