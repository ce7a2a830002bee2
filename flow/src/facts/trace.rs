//! Spans of the way of an event, in the OpenTelemetry API; where they go is wired by the server.
//!
//! One trace runs from publish to delivery: the acceptance's context is kept beside the event in the log, and
//! every later span is its child. The CloudEvents extension `traceparent` is never touched: it keeps the trace in
//! which the event began (distributed-tracing extension), which spans name as an attribute.

use std::str::FromStr;

pub use opentelemetry::trace::SpanKind;
use opentelemetry::{
    Context, KeyValue,
    global::BoxedTracer,
    trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer},
};

use crate::clock;

/// The tracer, if spans are collected at all.
#[derive(Default)]
pub struct Traces {
    tracer: Option<BoxedTracer>,
}

/// A span under way, or only the context to pass on when spans are not collected.
pub struct Span {
    inner: Option<opentelemetry::global::BoxedSpan>,
    parent: Option<String>,
}

impl Traces {
    /// Spans go to `tracer`.
    #[must_use]
    pub fn new(tracer: BoxedTracer) -> Self {
        Self { tracer: Some(tracer) }
    }

    /// Begins a span below `parent`, a W3C `traceparent`; a new trace if there is none or it is malformed.
    #[must_use]
    pub fn start(
        &self,
        name: impl FnOnce() -> String,
        kind: SpanKind,
        parent: Option<&str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Span {
        let inner = self.tracer.as_ref().map(|tracer| {
            let context = parent.and_then(remote).map_or_else(Context::new, |remote| {
                Context::new().with_remote_span_context(remote)
            });
            let builder = tracer
                .span_builder(name())
                .with_kind(kind)
                .with_attributes(attributes())
                .with_start_time(clock::now());
            tracer.build_with_context(builder, &context)
        });
        Span {
            inner,
            parent: parent
                .filter(|parent| remote(parent).is_some())
                .map(str::to_owned),
        }
    }
}

impl Span {
    /// The context to hand on: this span's, or the parent's where none is collected.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        use opentelemetry::trace::Span as _;
        match &self.inner {
            Some(span) => {
                let context = span.span_context();
                Some(format!(
                    "00-{}-{}-{:02x}",
                    context.trace_id(),
                    context.span_id(),
                    context.trace_flags().to_u8()
                ))
            }
            None => self.parent.clone(),
        }
    }

    /// Ends the span; `error` is a stable code.
    pub fn end(mut self, error: Option<&str>) {
        use opentelemetry::trace::Span as _;
        if let Some(span) = &mut self.inner {
            if let Some(code) = error {
                span.set_attribute(KeyValue::new("error.type", code.to_owned()));
                span.set_status(Status::error(code.to_owned()));
            }
            span.end();
        }
    }
}

/// Parses a W3C `traceparent` (Trace Context, level 1, §3.2).
fn remote(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known =
        version.len() == 2 && version != "ff" && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    if !known || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::from_str("").ok()?,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::remote;

    #[test]
    fn only_a_well_formed_traceparent_is_continued() {
        for (text, valid) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("", false),
        ] {
            assert_eq!(remote(text).is_some(), valid, "{text}");
        }
    }
}
