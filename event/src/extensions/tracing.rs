//! Distributed tracing: `traceparent` and `tracestate`.

use crate::error::EventError;
use crate::event::Event;

/// The trace the event began in. It stays what it was over every hop; each hop's own trace is in the header of the
/// protocol.
#[derive(Clone, Copy)]
pub struct DistributedTracing<'a> {
    /// `traceparent`, as spelled.
    pub traceparent: &'a str,
    /// `tracestate`, as spelled.
    pub tracestate: Option<&'a str>,
}

impl<'a> DistributedTracing<'a> {
    /// Reads `traceparent` and `tracestate`. That `traceparent` is well-formed is not demanded: W3C Trace Context has who
    /// cannot read one start a trace anew, not refuse the message.
    ///
    /// # Errors
    /// SB-1114 where `traceparent` is empty or no string, or is missing beside `tracestate`.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        let tracestate = event.extension("tracestate").and_then(crate::Value::as_str);
        match super::text(event, "traceparent")? {
            Some(traceparent) => Ok(Some(Self {
                traceparent,
                tracestate,
            })),
            None if tracestate.is_some() => super::required(None, "traceparent", "tracestate"),
            None => Ok(None),
        }
    }

    /// The parts of `traceparent`, where it is one that W3C Trace Context can read.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent<'a>> {
        TraceParent::parse(self.traceparent)
    }
}

/// A `traceparent` in its parts (W3C Trace Context §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// 32 hexadecimal digits, not all zero.
    pub trace_id: &'a str,
    /// 16 hexadecimal digits, not all zero.
    pub parent_id: &'a str,
    /// Whether the caller may have recorded the trace.
    pub sampled: bool,
}

impl<'a> TraceParent<'a> {
    /// Reads version 00 exactly, and of later versions the part that cannot change.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent_id = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        let nothing = |id: &str| id.bytes().all(|b| b == b'0');
        let longer = parts.next().is_some();
        if version == "ff" || version == "00" && longer || nothing(trace_id) || nothing(parent_id) {
            return None;
        }
        Some(Self {
            trace_id,
            parent_id,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        })
    }
}

fn hex(text: &str, digits: usize) -> Option<&str> {
    let fine = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fine.then_some(text)
}
