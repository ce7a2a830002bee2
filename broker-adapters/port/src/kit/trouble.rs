//! A full disk, lost answers, outages, the end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;

use super::{
    Fixture,
    help::{
        Failure, Outcome, PATIENCE, append_at_last, entry, eventually, log, same, silent, spec, take, text,
        that, within,
    },
    watching,
};
use crate::{BrokerError, CellChange, CellWrite, Entry, Expect, Health, LogName, ReadFrom, ReadOptions};

pub(super) async fn a_full_log_says_so_and_recovers(fixture: Arc<dyn Fixture>) -> Outcome {
    let broker = fixture.broker();
    for (name, schedules) in [("full", false), ("full2", true)] {
        let mut spec = spec(name)?;
        spec.bytes_max = Some(256 << 10);
        spec.schedules = schedules;
        broker.ensure_log(&spec).await?;
        fill_and_make_room(&fixture, &spec.name, &format!("kit.{name}.a")).await?;
    }
    Ok(())
}

async fn fill_and_make_room(fixture: &Arc<dyn Fixture>, log: &LogName, subject: &str) -> Outcome {
    let broker = fixture.broker();
    let heavy = || Entry::new(subject, vec![1; 32 << 10]);
    let mut stored = 0;
    loop {
        match within(fixture, broker.append(log, heavy())).await? {
            Ok(appended) => stored = appended.position,
            Err(BrokerError::Full(_)) => break,
            Err(other) => return Err(other.into()),
        }
        that(stored < 20, "the limit is not kept")?;
    }
    // Together, too: some may still fit, none may vanish.
    let answers = within(
        fixture,
        broker.append_all(log, (0..20).map(|_| heavy()).collect()),
    )
    .await?;
    for answer in answers {
        that(
            matches!(answer, Err(BrokerError::Full(_))),
            format_args!("{answer:?} from a full log"),
        )?;
    }
    same("what is stored", &broker.state(log).await?.count, &stored)?;
    broker.remove(log, 1).await?;
    broker.remove(log, 2).await?;
    let again = append_at_last(&broker, log, &heavy()).await?;
    that(again.position > stored, "the position was given before")
}

pub(super) async fn a_lost_answer_is_unknown_and_its_repeat_harmless(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "lost").await?;
    broker.append(&log, entry("kit.lost.a", 0)).await?;
    let cells = broker.cells("kit-lost").await?;
    fixture.lose_answers(true).await;
    let make = |n| entry("kit.lost.a", n).with_id(format!("id-{n}"));
    let appends = broker.append_all(&log, (1..=50).map(make).collect());
    let write = cells.write(CellWrite::put("k", "v").expect(Expect::Absent));
    let (answers, written) = within(&fixture, async { futures_util::join!(appends, write) }).await?;
    fixture.lose_answers(false).await;
    for answer in answers {
        that(
            matches!(answer, Err(BrokerError::Unknown(_))),
            format_args!("{answer:?} when answers are lost"),
        )?;
    }
    that(
        matches!(written, Err(BrokerError::Unknown(_))),
        format_args!("{written:?} when answers are lost"),
    )?;
    for n in 1..=50 {
        append_at_last(&broker, &log, &make(n)).await?;
    }
    same("what is stored", &broker.state(&log).await?.count, &51)?;
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let read: std::collections::BTreeSet<_> = take(&mut reader, 51).await?.iter().map(text).collect();
    same("the different ones", &read.len(), &51)
}

pub(super) async fn an_outage_fails_fast_and_ends(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "outage").await?;
    let cells = broker.cells("kit-outage").await?;
    let mut health = broker.health();
    broker
        .append(&log, entry("kit.outage.a", "before").with_id("before"))
        .await?;
    // An earlier case may have shown it as down; it is this outage that is to be seen.
    wait_for(&mut health, true).await?;
    fixture.stop().await;
    wait_for(&mut health, false).await?;
    let appended = within(
        &fixture,
        broker.append(&log, entry("kit.outage.a", "x").with_id("x")),
    )
    .await?;
    let state = within(&fixture, broker.state(&log)).await?;
    let cell = within(&fixture, cells.write(CellWrite::put("k", "v"))).await?;
    let proof = within(&fixture, broker.proof()).await?;
    let many = within(
        &fixture,
        broker.append_all(&log, vec![entry("kit.outage.a", "y"); 500]),
    )
    .await?;
    let errors = [appended.err(), state.err(), cell.err(), proof.err()]
        .into_iter()
        .chain(many.into_iter().map(Result::err));
    for error in errors {
        that(
            matches!(error, Some(BrokerError::Unavailable(_))),
            format_args!("{error:?} in an outage"),
        )?;
    }
    fixture.start().await;
    wait_for(&mut health, true).await?;
    append_at_last(&broker, &log, &entry("kit.outage.a", "after").with_id("after")).await?;
    same("what is stored", &broker.state(&log).await?.count, &2)?;
    cells.write(CellWrite::put("k", "v")).await?;
    Ok(())
}

async fn wait_for(health: &mut tokio::sync::watch::Receiver<Health>, up: bool) -> Outcome {
    let wait = health.wait_for(|health| health.is_up() == up);
    let seen = tokio::time::timeout(PATIENCE, wait).await;
    that(
        matches!(seen, Ok(Ok(_))),
        format_args!("health did not become up = {up}"),
    )
}

pub(super) async fn readers_and_watchers_survive_a_restart(fixture: Arc<dyn Fixture>) -> Outcome {
    const EACH: usize = 400;
    let (broker, log) = log(&fixture, "restart").await?;
    let cells = broker.cells("kit-restart").await?;
    cells.write(CellWrite::put("a", "0")).await?;
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let mut idle = broker
        .read(&log, ReadOptions::from(ReadFrom::New).subject("kit.restart.rare"))
        .await?;
    let mut changes = cells.watch("").await?;
    let mut picture = BTreeMap::from([("a".to_owned(), "0".to_owned())]);
    watching::next(&mut changes).await?;
    same("level", &watching::next(&mut changes).await?, &CellChange::Level)?;

    for round in 1..=3_u64 {
        let make = |n: usize| entry("kit.restart.a", format!("{round}-{n}")).with_id(format!("{round}-{n}"));
        let feed = async {
            let appends = (0..EACH).map(|n| {
                let (broker, log, entry) = (Arc::clone(&broker), log.clone(), make(n));
                async move { append_at_last(&broker, &log, &entry).await }
            });
            let answers: Vec<_> = futures_util::stream::iter(appends)
                .buffer_unordered(20)
                .collect()
                .await;
            answers.into_iter().collect::<Result<Vec<_>, Failure>>()
        };
        let restart = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            fixture.stop().await;
            fixture.start().await;
        };
        let (fed, (), read) = futures_util::join!(feed, restart, take(&mut reader, EACH));
        let (mut fed, read) = (fed?, read?);
        fed.sort_unstable_by_key(|appended| appended.position);
        let answered: Vec<u64> = fed.iter().map(|appended| appended.position).collect();
        let seen: Vec<u64> = read.iter().map(|record| record.position).collect();
        that(
            seen == answered,
            "the reader saw other positions than were answered, or in another order",
        )?;

        let value = round.to_string();
        eventually("a cell is written", || async {
            cells.write(CellWrite::put("a", value.clone())).await.ok()
        })
        .await?;
        watching::until(&mut changes, &mut picture, &[("a", &value)]).await?;
    }
    append_at_last(&broker, &log, &entry("kit.restart.rare", "x").with_id("rare")).await?;
    same(
        "what the idle reader gets",
        &take(&mut idle, 1).await?.first().map(text),
        &Some("x".to_owned()),
    )?;
    silent(&mut idle).await
}

pub(super) async fn closing_ends_readers_and_refuses_calls(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "close").await?;
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let cells = broker.cells("kit-close").await?;
    let mut changes = cells.watch("").await?;
    within(&fixture, broker.close()).await?;
    let ended = tokio::time::timeout(PATIENCE, reader.next()).await;
    that(matches!(ended, Ok(None)), "the reader did not end")?;
    let ended = tokio::time::timeout(PATIENCE, async { while changes.next().await.is_some() {} }).await;
    that(ended.is_ok(), "the watcher did not end")?;
    let answer = within(&fixture, broker.append(&log, entry("kit.close.a", "x"))).await?;
    that(
        matches!(answer, Err(BrokerError::Unavailable(_))),
        format_args!("{answer:?} after closing"),
    )?;
    that(!broker.health().borrow().is_up(), "health is up after closing")
}
