//! Cells: writing under conditions.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    Fixture,
    help::{Failure, Outcome, eventually, same, that},
};
use crate::{BrokerError, Cell, CellWrite, Cells, Expect};

async fn present(cells: &Arc<dyn Cells>, key: &str) -> Result<Cell, Failure> {
    cells
        .get(key)
        .await?
        .ok_or_else(|| Failure::new(format!("cell {key} is not there")))
}

fn conflict<T: std::fmt::Debug>(answer: &Result<T, BrokerError>, key: &str) -> Outcome {
    let named = matches!(answer, Err(BrokerError::Conflict(text)) if text.contains(key));
    that(
        named,
        format_args!("{answer:?} and not a conflict that names {key}"),
    )
}

pub(super) async fn cells_are_written_read_and_deleted(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-plain").await?;
    same("an absent cell", &cells.get("a").await?, &None)?;
    same("no revision yet", &cells.last_revision().await?, &0)?;
    for (n, key) in ["a", "b.c", "b.c.d", "b/=_-.1"].into_iter().enumerate() {
        let revision = cells.write(CellWrite::put(key, format!("v{n}"))).await?;
        let cell = Cell {
            key: key.to_owned(),
            value: format!("v{n}").into(),
            revision,
        };
        same("the cell", &present(&cells, key).await?, &cell)?;
    }
    let again = cells.write(CellWrite::put("a", "new")).await?;
    let first = present(&cells, "a").await?;
    same(
        "the new value",
        &(first.value, first.revision),
        &(Bytes::from_static(b"new"), again),
    )?;
    cells.write(CellWrite::put("empty", "")).await?;
    same(
        "an empty value",
        &present(&cells, "empty").await?.value,
        &Bytes::new(),
    )?;
    let keys = |cells: Vec<Cell>| cells.into_iter().map(|cell| cell.key).collect::<Vec<_>>();
    same(
        "all keys",
        &keys(cells.list("").await?),
        &["a", "b.c", "b.c.d", "b/=_-.1", "empty"]
            .map(str::to_owned)
            .to_vec(),
    )?;
    same(
        "keys under b.c",
        &keys(cells.list("b.c").await?),
        &["b.c", "b.c.d"].map(str::to_owned).to_vec(),
    )?;
    for _ in 0..2 {
        let deletion = cells.write(CellWrite::delete("b.c")).await?;
        same("the deleted cell", &cells.get("b.c").await?, &None)?;
        same(
            "its revision is the last",
            &cells.last_revision().await?,
            &deletion,
        )?;
    }
    same(
        "keys left under b.c",
        &keys(cells.list("b.c").await?),
        &["b.c.d".to_owned()].to_vec(),
    )?;
    for bad in ["", ".a", "a.", "a..b", "a b", "a*", "ä", "a.>"] {
        let answer = cells.write(CellWrite::put(bad, "x")).await;
        that(
            matches!(answer, Err(BrokerError::Refused(_))),
            format_args!("{answer:?} for the key {bad:?}"),
        )?;
    }
    let other = fixture.broker().cells("kit-plain").await?;
    same(
        "the same bucket again",
        &present(&other, "a").await?.revision,
        &again,
    )
}

pub(super) async fn conditions_are_kept(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-cas").await?;
    let put = |value: &'static str, expect| CellWrite::put("k.1", value).expect(expect);
    conflict(&cells.write(put("x", Expect::Revision(77))).await, "k.1")?;
    let first = cells.write(put("one", Expect::Absent)).await?;
    conflict(&cells.write(put("x", Expect::Absent)).await, "k.1")?;
    let second = cells.write(put("two", Expect::Revision(first))).await?;
    that(second > first, "revisions do not grow")?;
    conflict(&cells.write(put("x", Expect::Revision(first))).await, "k.1")?;
    conflict(
        &cells
            .write(CellWrite::delete("k.1").expect(Expect::Revision(first)))
            .await,
        "k.1",
    )?;
    same(
        "the value",
        &present(&cells, "k.1").await?.value,
        &Bytes::from_static(b"two"),
    )?;
    cells
        .write(CellWrite::delete("k.1").expect(Expect::Revision(second)))
        .await?;
    same("the deleted cell", &cells.get("k.1").await?, &None)?;
    conflict(&cells.write(put("x", Expect::Revision(second))).await, "k.1")?;
    let third = cells.write(put("three", Expect::Absent)).await?;
    same("the revision", &present(&cells, "k.1").await?.revision, &third)?;

    // Of many who write under the same condition, one succeeds.
    let race = (0..20).map(|n| {
        let cells = Arc::clone(&cells);
        async move {
            cells
                .write(CellWrite::put("k.1", n.to_string()).expect(Expect::Revision(third)))
                .await
        }
    });
    let mut winners = 0;
    for answer in futures_util::StreamExt::collect::<Vec<_>>(futures_util::StreamExt::buffer_unordered(
        futures_util::stream::iter(race),
        20,
    ))
    .await
    {
        match answer {
            Ok(_) => winners += 1,
            lost => conflict(&lost, "k.1")?,
        }
    }
    same("the number of winners", &winners, &1)
}

pub(super) async fn all_or_nothing_is_written(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-all").await?;
    let put = |key: &str, value: &str| CellWrite::put(key, value.to_owned());
    let revisions = cells
        .write_all(vec![
            put("a", "1"),
            put("b", "1").expect(Expect::Absent),
            put("c", "1"),
        ])
        .await?;
    for (key, revision) in ["a", "b", "c"].into_iter().zip(&revisions) {
        same("the revision", &present(&cells, key).await?.revision, revision)?;
    }
    same(
        "their number",
        &revisions.iter().collect::<BTreeSet<_>>().len(),
        &3,
    )?;
    let stale = cells
        .write_all(vec![
            put("a", "2"),
            put("b", "2").expect(Expect::Absent),
            put("d", "2"),
        ])
        .await;
    conflict(&stale, "b")?;
    same(
        "a after the refusal",
        &present(&cells, "a").await?.value,
        &Bytes::from_static(b"1"),
    )?;
    same("d after the refusal", &cells.get("d").await?, &None)?;
    let b = present(&cells, "b").await?.revision;
    let mixed = vec![
        put("a", "3"),
        put("b", "3").expect(Expect::Revision(b)),
        CellWrite::delete("c"),
        put("d", "3").expect(Expect::Absent),
    ];
    cells.write_all(mixed).await?;
    let all: Vec<_> = cells.list("").await?.into_iter().map(|cell| cell.key).collect();
    same(
        "what is there",
        &all,
        &["a", "b", "d"].map(str::to_owned).to_vec(),
    )?;
    cells
        .write_all(vec![put("c", "4").expect(Expect::Absent)])
        .await?;
    same("nothing to write", &cells.write_all(vec![]).await?, &vec![])?;
    bounds_of_one_write(&*cells).await
}

async fn bounds_of_one_write(cells: &dyn Cells) -> Outcome {
    let put = |key: &str, value: &str| CellWrite::put(key, value.to_owned());
    let twice = cells.write_all(vec![put("a", "5"), put("a", "6")]).await;
    that(
        matches!(twice, Err(BrokerError::Refused(_))),
        format_args!("{twice:?} for a key twice"),
    )?;
    let many = |n: usize, expect| {
        (0..n)
            .map(|n| put(&format!("m.{n}"), "x").expect(expect))
            .collect::<Vec<_>>()
    };
    same(
        "a thousand",
        &cells.write_all(many(1000, Expect::Absent)).await?.len(),
        &1000,
    )?;
    same(
        "more without condition",
        &cells.write_all(many(2500, Expect::Any)).await?.len(),
        &2500,
    )?;
    same("all of them", &cells.list("m.").await?.len(), &2500)?;
    let over = cells.write_all(many(1001, Expect::Absent)).await;
    that(
        matches!(over, Err(BrokerError::Refused(_))),
        "1001 conditional writes were not refused",
    )
}

pub(super) async fn values_vanish_after_their_ttl(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-ttl").await?;
    let lease = |value: &'static str| CellWrite::put("lease.1", value).ttl(Duration::from_secs(1));
    cells
        .write_all(vec![
            lease("me").expect(Expect::Absent),
            CellWrite::put("stays", "x"),
        ])
        .await?;
    conflict(
        &cells.write(lease("other").expect(Expect::Absent)).await,
        "lease.1",
    )?;
    eventually("the value is gone", || async {
        matches!(cells.get("lease.1").await, Ok(None)).then_some(())
    })
    .await?;
    let taken = cells.write(lease("other").expect(Expect::Absent)).await?;
    // Renewed without a ttl it stays.
    let kept = cells
        .write(CellWrite::put("lease.1", "kept").expect(Expect::Revision(taken)))
        .await?;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    same(
        "the renewed cell",
        &present(&cells, "lease.1").await?.revision,
        &kept,
    )?;
    present(&cells, "stays").await?;
    let short = CellWrite::put("short", "x").ttl(Duration::from_millis(10));
    that(
        cells.write(short).await.is_err(),
        "a ttl below a second was taken",
    )
}
