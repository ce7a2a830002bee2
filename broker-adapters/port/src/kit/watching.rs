//! Watching cells.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;

use super::{
    Fixture,
    help::{Failure, Outcome, PATIENCE, SILENCE, same, that},
};
use crate::{CellChange, CellStream, CellWrite};

/// The next change, which must come.
pub(super) async fn next(changes: &mut CellStream) -> Result<CellChange, Failure> {
    match tokio::time::timeout(PATIENCE, changes.next()).await {
        Ok(Some(change)) => Ok(change),
        Ok(None) => Err(Failure::new("the watcher ended")),
        Err(_) => Err(Failure::new("no further change came")),
    }
}

/// Follows the changes until the watcher's picture is this.
pub(super) async fn until(
    changes: &mut CellStream,
    picture: &mut BTreeMap<String, String>,
    should: &[(&str, &str)],
) -> Outcome {
    let should: BTreeMap<_, _> = should
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    while *picture != should {
        let change = next(changes)
            .await
            .map_err(|f| Failure::new(format!("{f}; the picture is {picture:?}")))?;
        match change {
            CellChange::Put(cell) => {
                picture.insert(cell.key, String::from_utf8_lossy(&cell.value).into_owned());
            }
            CellChange::Deleted { key, .. } => {
                picture.remove(&key);
            }
            CellChange::Level => return Err(Failure::new("level was said twice")),
        }
    }
    Ok(())
}

pub(super) async fn watchers_get_what_is_there_then_level_then_changes(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-watch").await?;
    let mut early = cells.watch("").await?;
    same("an empty bucket", &next(&mut early).await?, &CellChange::Level)?;
    for key in ["a.1", "a.2", "ab", "b.1", "a.3"] {
        cells.write(CellWrite::put(key, "one")).await?;
    }
    cells.write(CellWrite::delete("a.3")).await?;
    let mut late = cells.watch("a.").await?;
    let mut given = Vec::new();
    loop {
        match next(&mut late).await? {
            CellChange::Level => break,
            CellChange::Put(cell) => given.push(cell.key),
            other => return Err(Failure::new(format!("{other:?} before level"))),
        }
    }
    given.sort();
    same(
        "what is there",
        &given,
        &["a.1", "a.2"].map(str::to_owned).to_vec(),
    )?;
    cells.write(CellWrite::put("b.1", "unseen")).await?;
    let revision = cells.write(CellWrite::put("a.1", "two")).await?;
    let change = next(&mut late).await?;
    that(
        matches!(&change, CellChange::Put(c) if c.key == "a.1" && c.revision == revision),
        format_args!("{change:?}"),
    )?;
    let revision = cells.write(CellWrite::delete("a.2")).await?;
    same(
        "the deletion",
        &next(&mut late).await?,
        &CellChange::Deleted {
            key: "a.2".to_owned(),
            revision,
        },
    )?;
    cells
        .write_all(
            (0..500)
                .map(|n| CellWrite::put(format!("many.{n}"), "x"))
                .collect(),
        )
        .await?;
    let silent = tokio::time::timeout(SILENCE, late.next()).await;
    that(
        silent.is_err(),
        format_args!("{silent:?} came, and nothing should have"),
    )?;

    let many: Vec<String> = (0..500).map(|n| format!("many.{n}")).collect();
    let mut all: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "x")).collect();
    all.extend([("a.1", "two"), ("ab", "one"), ("b.1", "unseen")]);
    until(&mut early, &mut BTreeMap::new(), &all).await?;
    // A prefix need not end at a dot.
    let mut partial = cells.watch("a").await?;
    let mut picture = BTreeMap::new();
    while let CellChange::Put(cell) = next(&mut partial).await? {
        picture.insert(cell.key, ());
    }
    same(
        "what begins with a",
        &picture.into_keys().collect::<Vec<_>>(),
        &["a.1", "ab"].map(str::to_owned).to_vec(),
    )
}

pub(super) async fn watchers_see_values_expire(fixture: Arc<dyn Fixture>) -> Outcome {
    let cells = fixture.broker().cells("kit-expire").await?;
    let mut changes = cells.watch("lease.").await?;
    same("an empty bucket", &next(&mut changes).await?, &CellChange::Level)?;
    cells
        .write(CellWrite::put("lease.a", "me").ttl(Duration::from_secs(1)))
        .await?;
    let mut picture = BTreeMap::new();
    until(&mut changes, &mut picture, &[("lease.a", "me")]).await?;
    until(&mut changes, &mut picture, &[]).await?;
    same("the cell", &cells.get("lease.a").await?, &None)
}
