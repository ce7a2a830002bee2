//! Receivers of webhooks: HTTP/1.1 by hand, so that they can misbehave at any byte.

use std::{collections::BTreeMap, io, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::{
    broker::Life,
    ledger::Report,
    net::RECEIVERS,
    world::{World, note},
};

/// Answers to a connection of a process until either goes.
pub(crate) async fn serve(world: Arc<World>, life: Life, receiver: usize, mut stream: DuplexStream) {
    let exchanges = async {
        let mut buffer = Vec::new();
        while let Some((head, body)) = request(&mut stream, &mut buffer).await? {
            if !answer(&world, &life, receiver, &head, &body, &mut stream).await? {
                return Ok(());
            }
        }
        io::Result::Ok(())
    };
    tokio::select! {
        biased;
        () = life.ended() => {}
        _ = exchanges => {}
    }
}

/// False: the connection ends.
async fn answer(
    world: &Arc<World>,
    life: &Life,
    receiver: usize,
    head: &BTreeMap<String, String>,
    body: &[u8],
    stream: &mut DuplexStream,
) -> io::Result<bool> {
    let name = RECEIVERS.get(receiver).copied().unwrap_or_default();
    let seen = report(world, name, head, body);
    let dice = &world.dice;
    if world.hits(dice.stalls) {
        let stall = world.up_to(dice.stall_max);
        note!(world, "{name} stalls {} ms at {seen}", stall.as_millis());
        tokio::time::sleep(stall).await;
    }
    if life.is_over() {
        return Ok(false);
    }
    if world.hits(dice.fails) {
        let (status, more) = fault(world);
        note!(world, "{name} answers {status} to {seen}");
        respond(stream, status, more).await?;
        return Ok(true);
    }
    // It has it, whatever becomes of the answer.
    world.ledger().taken(name, &seen);
    if world.hits(dice.mute) {
        note!(world, "{name} takes {seen} and says nothing");
        return Ok(false);
    }
    note!(world, "{name} takes {seen}");
    respond(stream, 202, "").await?;
    Ok(true)
}

fn fault(world: &World) -> (u16, &'static str) {
    if world.hits(world.dice.refuses) {
        let kind = world.random().u8(0..8);
        return match kind {
            // Nobody is there any more: the subscription is paused, and somebody has to resume it.
            0 => (410, ""),
            1..=3 => (404, ""),
            _ => (422, ""),
        };
    }
    let kind = world.random().u8(0..6);
    match kind {
        0 => (429, "retry-after: 3\r\n"),
        1 => (503, "retry-after: 12\r\n"),
        2 => (302, "location: http://169.254.169.254:8080/\r\n"),
        3 => (408, ""),
        _ => (500, ""),
    }
}

async fn respond(stream: &mut DuplexStream, status: u16, more: &str) -> io::Result<()> {
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{more}\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

#[derive(Deserialize)]
struct Structured {
    id: String,
    #[serde(rename = "type")]
    ty: String,
    data: Box<RawValue>,
}

/// Tells the ledger what arrived; the id of the event.
fn report(world: &World, name: &str, head: &BTreeMap<String, String>, body: &[u8]) -> String {
    let header = |name: &str| head.get(name).cloned().unwrap_or_default();
    let structured = header("content-type").starts_with("application/cloudevents+json");
    let (id, ty, data) = if structured {
        let read: Option<Structured> = serde_json::from_slice(body).ok();
        read.map(|read| (read.id, read.ty, read.data.get().as_bytes().to_vec()))
            .unwrap_or_default()
    } else {
        (header("ce-id"), header("ce-type"), body.to_vec())
    };
    world.ledger().report(&Report {
        subscription: name,
        id: &id,
        ty: &ty,
        data: &data,
        delivery: Some(&header("webhook-id")),
    });
    id
}

/// One request with a content length; none when the sender has closed.
async fn request(
    stream: &mut DuplexStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(BTreeMap<String, String>, Vec<u8>)>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: BTreeMap<String, String> = buffer
        .get(..end)
        .map(String::from_utf8_lossy)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = head
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let mut request: Vec<u8> = buffer.drain(..end + length).collect();
    Ok(Some((head, request.split_off(end))))
}
