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

/// Who is at the other end of a connection.
pub(crate) struct Caller {
    pub(crate) life: Life,
    pub(crate) process: Arc<str>,
}

/// What came in one request.
struct Came {
    id: String,
    ty: String,
    data: Vec<u8>,
    /// Of which replay, if it says so.
    replay: Option<String>,
}

/// Answers to a connection of a process until either goes.
pub(crate) async fn serve(world: Arc<World>, caller: Caller, receiver: usize, mut stream: DuplexStream) {
    let exchanges = async {
        let mut buffer = Vec::new();
        while let Some((head, body)) = request(&mut stream, &mut buffer).await? {
            let came = came(&head, &body);
            if !answer(&world, &caller, receiver, &head, came, &mut stream).await? {
                return Ok(());
            }
        }
        io::Result::Ok(())
    };
    tokio::select! {
        biased;
        () = caller.life.ended() => {}
        _ = exchanges => {}
    }
}

/// False: the connection ends.
async fn answer(
    world: &Arc<World>,
    caller: &Caller,
    receiver: usize,
    head: &BTreeMap<String, String>,
    came: Came,
    stream: &mut DuplexStream,
) -> io::Result<bool> {
    let name = RECEIVERS.get(receiver).copied().unwrap_or_default();
    let dice = &world.dice;
    if world.is_away(receiver) {
        note!(world, "{name} is away");
        return Ok(false);
    }
    let replay = came.replay.as_deref();
    let seen = came.id.as_str();
    world.ledger().report(&Report {
        receiver: name,
        process: &caller.process,
        replay,
        id: seen,
        ty: &came.ty,
        data: &came.data,
        delivery: head.get("webhook-id").map(String::as_str),
    });
    let marked = replay.map_or(String::new(), |replay| format!(" of replay {replay}"));
    let seen_as = format!("{seen}{marked}");
    if world.hits(dice.stalls) {
        let stall = world.up_to(dice.stall_max);
        note!(world, "{name} stalls {} ms at {seen_as}", stall.as_millis());
        tokio::time::sleep(stall).await;
    }
    if caller.life.is_over() {
        return Ok(false);
    }
    let fault = if world.is_poison(&came.data) {
        Some((422, ""))
    } else {
        world.hits(dice.fails).then(|| fault(world))
    };
    if let Some((status, more)) = fault {
        note!(world, "{name} answers {status} to {seen_as}");
        respond(stream, status, more).await?;
        return Ok(true);
    }
    // It has it, whatever becomes of the answer.
    world.ledger().taken(name, replay, seen);
    if world.hits(dice.mute) {
        note!(world, "{name} takes {seen_as} and says nothing");
        if replay.is_none() {
            world.ledger().left(name, &caller.process);
        }
        return Ok(false);
    }
    note!(world, "{name} takes {seen_as}");
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
    #[serde(rename = "stadtbusreplay")]
    replay: Option<String>,
    data: Box<RawValue>,
}

fn came(head: &BTreeMap<String, String>, body: &[u8]) -> Came {
    let header = |name: &str| head.get(name).cloned();
    let structured =
        header("content-type").is_some_and(|kind| kind.starts_with("application/cloudevents+json"));
    if !structured {
        return Came {
            id: header("ce-id").unwrap_or_default(),
            ty: header("ce-type").unwrap_or_default(),
            data: body.to_vec(),
            replay: header("ce-stadtbusreplay"),
        };
    }
    let read: Option<Structured> = serde_json::from_slice(body).ok();
    read.map_or_else(
        || Came {
            id: String::new(),
            ty: String::new(),
            data: body.to_vec(),
            replay: None,
        },
        |read| Came {
            id: read.id,
            ty: read.ty,
            data: read.data.get().as_bytes().to_vec(),
            replay: read.replay,
        },
    )
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
