//! One keep-alive connection that carries one request at a time.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER_BYTES_MAX: usize = 64 << 20;
const BUFFER_BYTES: usize = 16 << 10;

/// The answer to one request; it lies in the connection's buffer until the next one.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

/// A connection that opens itself when it is needed and reopens after an error.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// A connection to `address`, not yet open.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        }
    }

    /// Sends one complete request and reads its answer to the end.
    ///
    /// # Errors
    /// What the socket says, or `InvalidData` for an answer this client does not understand. The connection is closed
    /// then and opened anew by the next exchange.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        match self.attempt(request).await {
            Ok((status, from)) => Ok(Answer {
                status,
                body: self.buffer.get(from..).unwrap_or_default(),
            }),
            Err(error) => {
                self.stream = None;
                Err(error)
            }
        }
    }

    /// Closes it; a request whose answer was given up on must not be answered to the next one.
    pub fn close(&mut self) {
        self.stream = None;
    }

    async fn attempt(&mut self, request: &[u8]) -> Result<(u16, usize)> {
        // Taken out while the exchange runs: if the caller drops it half way, the half-used connection goes too.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.fill(&mut stream).await?;
            if let Some(head) = Head::of(&self.buffer)? {
                break head;
            }
        };
        while self.buffer.len() < head.from + head.body_bytes {
            self.fill(&mut stream).await?;
        }
        if !head.close {
            self.stream = Some(stream);
        }
        Ok((head.status, head.from))
    }

    async fn fill(&mut self, stream: &mut TcpStream) -> Result<()> {
        if self.buffer.len() > ANSWER_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "the answer is too long"));
        }
        if stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

struct Head {
    status: u16,
    from: usize,
    body_bytes: usize,
    close: bool,
}

impl Head {
    fn of(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = head_end(bytes) else {
            return Ok(None);
        };
        let head = bytes.get(..end).unwrap_or_default();
        let status = head
            .get(9..12)
            .and_then(digits)
            .and_then(|n| u16::try_from(n).ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no status line"))?;
        let length = header(head, b"content-length").and_then(digits);
        let body_bytes = match (length, status) {
            (Some(length), _) => length,
            (None, 204 | 304) => 0,
            (None, _) => return Err(Error::new(ErrorKind::InvalidData, "an answer without a length")),
        };
        Ok(Some(Self {
            status,
            from: end,
            body_bytes,
            close: header(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close")),
        }))
    }
}

/// Where the body begins, once the head is complete.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// The value of a header field, by its name in lower case.
pub(crate) fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (field, value) = line.split_at_checked(name.len())?;
        if !field.eq_ignore_ascii_case(name) {
            return None;
        }
        Some(value.strip_prefix(b":")?.trim_ascii())
    })
}

/// A decimal number of at most nine digits.
pub(crate) fn digits(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0_usize, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + usize::from(byte - b'0'))
    })
}

/// The bytes of a POST with a bearer token.
#[must_use]
pub fn request(address: SocketAddr, path: &str, token: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Head, header};

    #[test]
    fn an_answer_is_understood_or_refused() {
        for (bytes, expected) in [
            (
                "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabc",
                Ok(Some((202, 3, false))),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", Ok(Some((204, 0, false)))),
            (
                "HTTP/1.1 503 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                Ok(Some((503, 0, true))),
            ),
            ("HTTP/1.1 200 OK\r\ncontent-le", Ok(None)),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Err(())),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Err(())),
            ("garbage\r\n\r\n", Err(())),
        ] {
            let seen = Head::of(bytes.as_bytes()).map_err(|_| ());
            let seen = seen.map(|head| head.map(|head| (head.status, head.body_bytes, head.close)));
            assert_eq!(seen, expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_header_is_found_by_its_whole_name() {
        let head = b"POST / HTTP/1.1\r\nx-content-length: 9\r\nContent-Length:  12 \r\n\r\n";
        assert_eq!(header(head, b"content-length").unwrap(), b"12");
        assert_eq!(header(head, b"content-len"), None);
    }
}
