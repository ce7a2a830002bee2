//! Server-sent events (WHATWG HTML, "Server-sent events"), as far as the bus sends them.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// The longest line that is kept; a longer one ends the stream.
const LINE_BYTES_MAX: usize = 8 << 20;

/// One event of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// `id:`
    pub(crate) id: String,
    /// `event:`
    pub(crate) event: String,
    /// `data:`, several lines joined by a line feed.
    pub(crate) data: String,
}

/// A stream being read.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    parser: Parser,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            parser: Parser::default(),
        }
    }

    /// The next event; `None` when the stream has ended or broken off.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.parser.take() {
                return Some(message);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data()
                && !self.parser.feed(&data)
            {
                return None;
            }
        }
    }
}

/// The lines so far; independent of how the bytes were cut into frames.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    open: Message,
    has_data: bool,
    done: std::collections::VecDeque<Message>,
}

impl Parser {
    /// Takes the next bytes; `false` if a line is too long to be one of ours.
    pub(super) fn feed(&mut self, bytes: &Bytes) -> bool {
        for &byte in bytes {
            let was_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if was_return => {}
                b'\n' | b'\r' => self.end_line(),
                _ if self.line.len() >= LINE_BYTES_MAX => return false,
                _ => self.line.push(byte),
            }
        }
        true
    }

    /// The next complete event.
    pub(super) fn take(&mut self) -> Option<Message> {
        self.done.pop_front()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.open);
            if std::mem::take(&mut self.has_data) {
                self.done.push_back(message);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.open.id),
            "event" => value.clone_into(&mut self.open.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.open.data.push('\n');
                }
                self.open.data.push_str(value);
            }
            // Comments (the bus's heartbeat) and `retry:` mean nothing here.
            _ => {}
        }
    }
}
