//! Appending, and what can be done with single records.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{
    Fixture,
    help::{Failure, Outcome, entry, log, same, spec, take, text, that},
};
use crate::{Appended, BrokerError, Entry, LogName, LogSpec, LogState, ReadFrom, ReadOptions};

pub(super) async fn appends_are_placed_in_order(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "order").await?;
    for n in 1..=20 {
        let appended = broker.append(&log, entry("kit.order.a", n)).await?;
        same(
            "the answer",
            &appended,
            &Appended {
                position: n,
                duplicate: false,
            },
        )?;
    }
    let many = (21..=1020).map(|n| entry("kit.order.a", n)).collect();
    for (n, appended) in (21..).zip(broker.append_all(&log, many).await) {
        same(
            "the answer",
            &appended?,
            &Appended {
                position: n,
                duplicate: false,
            },
        )?;
    }
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    for (n, record) in (1..).zip(take(&mut reader, 1020).await?) {
        same(
            "the place",
            &(record.position, text(&record)),
            &(n, n.to_string()),
        )?;
    }
    Ok(())
}

pub(super) async fn what_is_appended_comes_back_unchanged(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "back").await?;
    let odd = Entry::new("kit.back.a", Bytes::from_static(&[0, 255, 13, 10, 0]))
        .with_header("ce-id", "a%20b")
        .with_header("ce-ext", "")
        .with_header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .with_header("Content-Type", "application/json; charset=utf-8")
        .with_id("0123456789abcdef:n/1");
    let large = Entry::new("kit.back.b", vec![7; 256 * 1024]);
    let empty = Entry::new("kit.back.c", Bytes::new());
    for entry in [odd, large, empty] {
        let at = broker.append(&log, entry.clone()).await?.position;
        let mut reader = broker
            .read(&log, ReadOptions::from(ReadFrom::Position(at)))
            .await?;
        let read = take(&mut reader, 1).await?;
        let got = broker.get(&log, at).await?;
        for mut record in read.into_iter().chain(got) {
            // Order between headers of different names is not promised.
            record.headers.sort();
            let mut headers = entry.headers.clone();
            headers.sort();
            same("the headers", &record.headers, &headers)?;
            that(record.payload == entry.payload, "the payload has changed")?;
            same("the subject", &record.subject, &entry.subject)?;
            same("the log", &record.log, &log)?;
        }
    }
    Ok(())
}

pub(super) async fn what_would_break_a_protocol_is_refused(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "refuse").await?;
    let good = || entry("kit.refuse.a", "x");
    for bad in [
        good().with_header("nats-msg-id", "x"),
        good().with_header("a", "x\r\nb: y"),
        good().with_header("a b", "x"),
        good().with_header("", "x"),
        good().with_id(""),
        good().with_id("a b"),
        entry("kit.refuse.*", "x"),
        entry("kit.refuse", "x"),
        entry("elsewhere", "x"),
        entry("kit.refuse.a b", "x"),
        entry("", "x"),
    ] {
        let answer = broker.append(&log, bad.clone()).await;
        that(
            matches!(answer, Err(BrokerError::Refused(_))),
            format_args!("{answer:?} for {bad:?}"),
        )?;
    }
    same("what is stored", &broker.state(&log).await?.count, &0)
}

pub(super) async fn a_repeat_has_the_first_position(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "repeat").await?;
    let first = broker
        .append(&log, entry("kit.repeat.a", "one").with_id("id-1"))
        .await?;
    broker
        .append(&log, entry("kit.repeat.a", "two").with_id("id-2"))
        .await?;
    for _ in 0..3 {
        let again = broker
            .append(&log, entry("kit.repeat.a", "one").with_id("id-1"))
            .await?;
        same(
            "the answer",
            &again,
            &Appended {
                position: first.position,
                duplicate: true,
            },
        )?;
    }
    same("what is stored", &broker.state(&log).await?.count, &2)
}

pub(super) async fn a_batch_with_duplicates_answers_each_by_itself(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "batch").await?;
    let make = |n: usize| entry("kit.batch.a", n).with_id(format!("n-{n}"));
    // Twice, so that an adapter that chooses between ways of writing has reason to try more than one.
    for round in 0..2 {
        let base = round * 1000;
        let known = broker.append(&log, make(base + 7)).await?;
        let numbers: Vec<usize> = (0..400).chain([5, 7]).map(|n| base + n).collect();
        let answers = broker
            .append_all(&log, numbers.iter().map(|n| make(*n)).collect())
            .await;
        same("the number of answers", &answers.len(), &numbers.len())?;
        let mut five = None;
        for (n, answer) in numbers.iter().map(|n| n - base).zip(answers) {
            let answer = answer?;
            let repeated = n == 7 || (n == 5 && five.is_some());
            same(
                &format!("whether {n} is a duplicate"),
                &answer.duplicate,
                &repeated,
            )?;
            if n == 7 {
                same("the position of 7", &answer.position, &known.position)?;
            }
            if n == 5 {
                same(
                    "the position of 5",
                    &answer.position,
                    five.get_or_insert(answer.position),
                )?;
            }
            let stored = broker
                .get(&log, answer.position)
                .await?
                .map(|record| text(&record));
            same("what is there", &stored, &Some((base + n).to_string()))?;
        }
        same(
            "what is stored",
            &broker.state(&log).await?.count,
            &(400 * (round as u64 + 1)),
        )?;
    }
    Ok(())
}

pub(super) async fn concurrent_appends_have_distinct_positions(fixture: Arc<dyn Fixture>) -> Outcome {
    const TASKS: usize = 200;
    const EACH: usize = 25;
    let (broker, log) = log(&fixture, "many").await?;
    let tasks = (0..TASKS).map(|task| {
        let (broker, log) = (Arc::clone(&broker), log.clone());
        async move {
            let mut positions = Vec::new();
            for n in 0..EACH {
                let id = format!("{task}-{n}");
                let appended = broker.append(&log, entry("kit.many.a", &id).with_id(&id)).await?;
                positions.push((appended.position, id));
            }
            Ok::<_, BrokerError>(positions)
        }
    });
    let answers: Vec<_> = stream::iter(tasks).buffer_unordered(TASKS).collect().await;
    let mut seen = BTreeSet::new();
    for answer in answers {
        let mut last = 0;
        for (position, id) in answer? {
            that(
                position > last,
                "appends one after the other were not stored in that order",
            )?;
            last = position;
            seen.insert((position, id));
        }
    }
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let read: BTreeSet<_> = take(&mut reader, TASKS * EACH)
        .await?
        .iter()
        .map(|record| (record.position, text(record)))
        .collect();
    that(read == seen, "what was answered and what is read differ")
}

pub(super) async fn logs_are_made_once_and_their_limits_changed(fixture: Arc<dyn Fixture>) -> Outcome {
    let broker = fixture.broker();
    let mut spec = spec("limits")?;
    spec.bytes_max = Some(4 << 20);
    spec.age_max = Some(Duration::from_secs(3600));
    broker.ensure_log(&spec).await?;
    broker.append(&spec.name, entry("kit.limits.a", "kept")).await?;
    broker.ensure_log(&spec).await?;
    spec.bytes_max = Some(8 << 20);
    spec.age_max = None;
    spec.subjects.push("kit.limits2.>".to_owned());
    broker.ensure_log(&spec).await?;
    broker.append(&spec.name, entry("kit.limits2.a", "new")).await?;
    same("what is stored", &broker.state(&spec.name).await?.count, &2)?;

    let rival = LogSpec::new(LogName::new("KIT_RIVAL")?, vec!["kit.limits.a".to_owned()]);
    let answer = broker.ensure_log(&rival).await;
    that(
        matches!(answer, Err(BrokerError::Refused(_))),
        format_args!("{answer:?} for overlapping subjects"),
    )?;

    let absent = LogName::new("KIT_ABSENT")?;
    let appended = broker.append(&absent, entry("kit.absent.a", "x")).await.err();
    let state = broker.state(&absent).await.err();
    let read = broker.read(&absent, ReadOptions::from(ReadFrom::New)).await.err();
    let got = broker.get(&absent, 1).await.err();
    for error in [appended, state, read, got] {
        that(
            matches!(error, Some(BrokerError::NotFound(_))),
            format_args!("{error:?} for an absent log"),
        )?;
    }
    Ok(())
}

pub(super) async fn get_remove_and_state_agree(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "remove").await?;
    let state = broker.state(&log).await?;
    same(
        "an empty log",
        &state,
        &LogState {
            first: 1,
            last: 0,
            count: 0,
            bytes: 0,
        },
    )?;
    for n in 1..=5 {
        broker.append(&log, entry("kit.remove.a", n)).await?;
    }
    for gone in [1, 3, 5] {
        broker.remove(&log, gone).await?;
        same("the removed", &broker.get(&log, gone).await?, &None)?;
        broker.remove(&log, gone).await?;
    }
    same(
        "the kept",
        &broker.get(&log, 2).await?.map(|r| text(&r)),
        &Some("2".to_owned()),
    )?;
    for absent in [0, 6, 1_000_000] {
        broker.remove(&log, absent).await?;
        same("one that never was", &broker.get(&log, absent).await?, &None)?;
    }
    let state = broker.state(&log).await?;
    same(
        "first, last, count",
        &(state.first, state.last, state.count),
        &(2, 5, 2),
    )?;
    that(state.bytes > 0, "two records weigh nothing")?;
    let next = broker.append(&log, entry("kit.remove.a", 6)).await?;
    same("the next position", &next.position, &6)
}

pub(super) async fn what_is_too_large_is_said_to_be(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "large").await?;
    let huge = Entry::new("kit.large.a", vec![0; 65 << 20]);
    let answer = broker.append(&log, huge).await;
    that(
        matches!(answer, Err(BrokerError::TooLarge(_))),
        format_args!("{answer:?} for 65 MiB"),
    )?;
    let after: Result<Appended, Failure> = Ok(broker.append(&log, entry("kit.large.a", "small")).await?);
    same("the next position", &after?.position, &1)
}
