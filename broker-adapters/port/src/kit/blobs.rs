//! Blobs.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Fixture,
    help::{Outcome, same, that},
};

pub(super) async fn blobs_come_back_whole(fixture: Arc<dyn Fixture>) -> Outcome {
    let broker = fixture.broker();
    let blobs = broker.blobs("kit-blobs").await?;
    same("the names", &blobs.list().await?, &vec![])?;
    same("one that is not there", &blobs.get("none").await?, &None)?;
    let large: Bytes = (0..5_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    blobs.put("sha256/ab.wasm", large.clone()).await?;
    blobs.put("small", Bytes::from_static(b"1")).await?;
    blobs.put("empty", Bytes::new()).await?;
    that(
        blobs.get("sha256/ab.wasm").await?.as_ref() == Some(&large),
        "5 MiB have changed",
    )?;
    same("the empty one", &blobs.get("empty").await?, &Some(Bytes::new()))?;
    blobs.put("small", Bytes::from_static(b"2")).await?;
    let again = broker.blobs("kit-blobs").await?;
    same(
        "the replaced one",
        &again.get("small").await?,
        &Some(Bytes::from_static(b"2")),
    )?;
    let names = ["empty", "sha256/ab.wasm", "small"].map(str::to_owned).to_vec();
    same("the names", &again.list().await?, &names)?;
    for _ in 0..2 {
        blobs.delete("small").await?;
        same("the deleted one", &again.get("small").await?, &None)?;
    }
    same("the number of names", &blobs.list().await?.len(), &2)?;
    that(
        blobs.put("a b", Bytes::new()).await.is_err() && broker.blobs("a.b").await.is_err(),
        "a bad name was taken",
    )
}
