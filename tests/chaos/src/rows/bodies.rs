//! Receivers whose answers are as large as they like.

use std::net::SocketAddr;
use std::time::Duration;

use stadtbus_harness::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::receivers::{Listening, misbehaving};
use super::{PLAIN, Row};
use crate::setup::{Ready, Setup};
use crate::stage::{SETTLE, Stage};

const GIB: usize = 1 << 30;
const CHUNK_BYTES: usize = 64 << 10;
/// The bus keeps 16 KiB of an answer; what its eight connections to such a receiver may cost altogether is far below this.
const GROWTH_MIB_MAX: u64 = 96;

/// Bodies, heads and half answers without an end.
pub(super) const HUGE: Row = Row {
    name: "huge-answers",
    what: "receivers answer with 1 GiB, a packed bomb, endless headers, 100-continue for ever",
    prepare: city,
    fault: |stage| Box::pin(huge(stage)),
    ..PLAIN
};

#[derive(Debug, Clone, Copy)]
enum Answer {
    Gibibyte,
    Bomb,
    Headers,
    Continue,
}

fn city(setup: &mut Setup) -> Outcome<Ready> {
    for (name, answer) in [
        ("probe-gibibyte", Answer::Gibibyte),
        ("probe-bomb", Answer::Bomb),
        ("probe-headers", Answer::Headers),
        ("probe-continue", Answer::Continue),
    ] {
        let (address, listening) = listen(answer)?;
        setup.guards.push(Box::new(listening));
        setup.subscription(name, &misbehaving(name, address, 5_000))?;
    }
    Ok(Ready::Yes)
}

fn listen(answer: Answer) -> Outcome<(SocketAddr, Listening)> {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let socket = TcpListener::from_std(socket)?;
    let listener = tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            // How a connection ends is the point: the bus closes it.
            tokio::spawn(async move { serve(stream, answer).await.ok() });
        }
    });
    Ok((address, Listening(listener)))
}

async fn serve(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut request = vec![0; CHUNK_BYTES];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    match answer {
        Answer::Gibibyte => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {GIB}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            pour(&mut stream, &[b'x'; CHUNK_BYTES]).await
        }
        // Whoever unpacks zeros of a deflate stream grows a thousandfold.
        Answer::Bomb => {
            let head = format!(
                "HTTP/1.1 500 No\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: {GIB}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).await?;
            pour(&mut stream, &[0; CHUNK_BYTES]).await
        }
        Answer::Headers => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            pour(&mut stream, "x-und-noch-eins: ja\r\n".repeat(2_000).as_bytes()).await
        }
        Answer::Continue => {
            let again = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
            while stream.write_all(&again).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        }
    }
}

async fn pour(stream: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
    for _ in 0..GIB / chunk.len() {
        stream.write_all(chunk).await?;
    }
    Ok(())
}

async fn huge(stage: &mut Stage) -> Outcome<()> {
    stage.warm().await?;
    let (before, mut most) = (stage.bus_mib(), 0);
    for _ in 0..4 {
        let goes_on = stage.goes_on_by(4_000, SETTLE).await;
        stage.expect(
            "the healthy receivers get their events meanwhile",
            goes_on.is_some(),
        );
        most = most.max(stage.bus_mib());
    }
    stage.expect(
        format!("the bus holds {most} MiB, after {before} MiB"),
        most <= before + GROWTH_MIB_MAX,
    );
    Ok(())
}
