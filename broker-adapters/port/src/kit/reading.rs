//! Readers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{
    Fixture,
    help::{Failure, Outcome, entry, log, next, same, silent, take, text, that},
};
use crate::{Entry, ReadFrom, ReadOptions};

pub(super) async fn readers_begin_where_told(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "begin").await?;
    for n in 1..=10 {
        broker.append(&log, entry("kit.begin.a", n)).await?;
    }
    for (from, first) in [(0, 1), (1, 1), (7, 7), (10, 10)] {
        let mut reader = broker
            .read(&log, ReadOptions::from(ReadFrom::Position(from)))
            .await?;
        same("the first record", &next(&mut reader).await?.position, &first)?;
    }
    let mut beyond = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(12)))
        .await?;
    let mut new = broker.read(&log, ReadOptions::from(ReadFrom::New)).await?;
    silent(&mut new).await?;

    let all = take(
        &mut broker
            .read(&log, ReadOptions::from(ReadFrom::Position(1)))
            .await?,
        10,
    )
    .await?;
    let Some(time) = all.get(5).map(|record| record.stored_at) else {
        return Err(Failure::new("no sixth record"));
    };
    let due = all
        .iter()
        .find(|record| record.stored_at >= time)
        .map(|record| record.position);
    let mut timed = broker.read(&log, ReadOptions::from(ReadFrom::Time(time))).await?;
    same(
        "the first record in time",
        &Some(next(&mut timed).await?.position),
        &due,
    )?;
    let early = time - Duration::from_secs(3600);
    let mut timed = broker
        .read(&log, ReadOptions::from(ReadFrom::Time(early)))
        .await?;
    same("the first record in time", &next(&mut timed).await?.position, &1)?;

    broker.append(&log, entry("kit.begin.a", 11)).await?;
    same("the first new record", &next(&mut new).await?.position, &11)?;
    broker.append(&log, entry("kit.begin.a", 12)).await?;
    let first = next(&mut beyond).await?.position;
    same("the first record of a reader that began ahead", &first, &12)?;
    silent(&mut beyond).await
}

pub(super) async fn readers_see_each_record_once_in_order(fixture: Arc<dyn Fixture>) -> Outcome {
    const COUNT: usize = 6000;
    let (broker, log) = log(&fixture, "once").await?;
    let mut all = broker.read(&log, ReadOptions::from(ReadFrom::New)).await?;
    let mut odd = broker
        .read(&log, ReadOptions::from(ReadFrom::New).subject("kit.once.*.1"))
        .await?;
    let appends = (0..COUNT).map(|n| {
        let (broker, log) = (Arc::clone(&broker), log.clone());
        async move {
            broker
                .append(&log, entry(&format!("kit.once.x.{}", n % 2), n))
                .await
        }
    });
    let append = stream::iter(appends).buffer_unordered(300).collect::<Vec<_>>();
    let (appended, all_read, odd_read) =
        futures_util::join!(append, take(&mut all, COUNT), take(&mut odd, COUNT / 2));
    let mut answered: Vec<u64> = Vec::with_capacity(COUNT);
    for appended in appended {
        answered.push(appended?.position);
    }
    answered.sort_unstable();
    let read: Vec<u64> = all_read?.iter().map(|record| record.position).collect();
    that(
        read == answered,
        "the reader saw other positions than were answered, or in another order",
    )?;
    let odd_read = odd_read?;
    that(
        odd_read.iter().all(|record| record.subject == "kit.once.x.1"),
        "the filter let others through",
    )?;
    that(
        odd_read.is_sorted_by_key(|record| record.position),
        "the filtered reader is out of order",
    )?;
    silent(&mut all).await?;
    silent(&mut odd).await
}

pub(super) async fn a_slow_reader_loses_nothing(fixture: Arc<dyn Fixture>) -> Outcome {
    const COUNT: usize = 12_000;
    let (broker, log) = log(&fixture, "slow").await?;
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let payload = Bytes::from(vec![b'x'; 2048]);
    let mut expected = 1;
    for _ in 0..(COUNT / 1000) {
        let entries = (0..1000)
            .map(|_| Entry::new("kit.slow.a", payload.clone()))
            .collect();
        for answer in broker.append_all(&log, entries).await {
            answer?;
        }
        // One record now and then, so that the reader is in the middle of things when it falls behind.
        same("the position", &next(&mut reader).await?.position, &expected)?;
        expected += 1;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    while expected <= COUNT as u64 {
        same("the position", &next(&mut reader).await?.position, &expected)?;
        expected += 1;
    }
    silent(&mut reader).await
}

pub(super) async fn removed_records_are_passed_over(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "gaps").await?;
    for n in 1..=50 {
        broker.append(&log, entry("kit.gaps.a", n)).await?;
    }
    for gone in (1..=50).filter(|n| n % 3 != 0) {
        broker.remove(&log, gone).await?;
    }
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await?;
    let read: Vec<u64> = take(&mut reader, 16)
        .await?
        .iter()
        .map(|record| record.position)
        .collect();
    same("what is read", &read, &(1..=50).filter(|n| n % 3 == 0).collect())?;
    broker.append(&log, entry("kit.gaps.a", 51)).await?;
    same("the next", &next(&mut reader).await?.position, &51)
}

pub(super) async fn headers_can_be_read_alone(fixture: Arc<dyn Fixture>) -> Outcome {
    let (broker, log) = log(&fixture, "headers").await?;
    broker
        .append(&log, entry("kit.headers.a", "body").with_header("ce-id", "1"))
        .await?;
    let options = ReadOptions {
        headers_only: true,
        ..ReadOptions::from(ReadFrom::Position(1))
    };
    let record = next(&mut broker.read(&log, options).await?).await?;
    same("the payload", &text(&record), &String::new())?;
    same(
        "the headers",
        &record.headers,
        &vec![("ce-id".to_owned(), "1".to_owned())],
    )
}
