//! A real OTLP/HTTP receiver for traces: what a collector would see, in a form a test can ask.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Wrapped, KeyValue};
use prost::Message;

use crate::{Failure, Outcome, Receiver, Reply, eventually};

/// One span as exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The parent's id; empty for a root.
    pub parent_id: String,
    /// The span's name.
    pub name: String,
    /// `service.name` of the resource.
    pub service: String,
    /// Attributes, values in text form.
    pub attributes: Vec<(String, String)>,
    /// Span ids this one links to, as (trace id, span id).
    pub links: Vec<(String, String)>,
}

impl Span {
    /// One attribute, or the empty string.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }
}

/// A running receiver for traces.
#[derive(Debug)]
pub struct OtlpReceiver {
    receiver: Receiver,
}

impl OtlpReceiver {
    /// Starts it on a free port.
    pub async fn start() -> Outcome<Self> {
        let receiver = Receiver::start().await?;
        receiver.set_steady(Reply::with_header(200, "content-type", "application/x-protobuf"));
        Ok(Self { receiver })
    }

    /// The base address to configure as the OTLP endpoint.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.receiver.url("")
    }

    /// All spans exported so far. A body that is no OTLP is a failure, not a gap.
    pub fn spans(&self) -> Outcome<Vec<Span>> {
        let mut spans = Vec::new();
        for request in self.receiver.requests_to("/v1/traces") {
            let export = ExportTraceServiceRequest::decode(request.body.clone())
                .map_err(|error| Failure::new(format!("no OTLP trace: {error}")))?;
            collect(&export, &mut spans);
        }
        Ok(spans)
    }

    /// Waits until the spans satisfy `enough`.
    pub async fn wait_for(
        &self,
        what: &str,
        deadline: Duration,
        enough: impl Fn(&[Span]) -> bool,
    ) -> Outcome<Vec<Span>> {
        eventually(deadline, what, || async {
            let spans = self.spans()?;
            if enough(&spans) {
                Ok(spans)
            } else {
                Err(Failure::new(format!("{} spans", spans.len())))
            }
        })
        .await
    }
}

fn collect(export: &ExportTraceServiceRequest, spans: &mut Vec<Span>) {
    for resource in &export.resource_spans {
        let attributes = resource
            .resource
            .as_ref()
            .map(|resource| texts(&resource.attributes));
        let service = attributes
            .unwrap_or_default()
            .into_iter()
            .find(|(name, _)| name == "service.name");
        let service = service.map(|(_, value)| value).unwrap_or_default();
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            spans.push(Span {
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                name: span.name.clone(),
                service: service.clone(),
                attributes: texts(&span.attributes),
                links: span
                    .links
                    .iter()
                    .map(|link| (hex(&link.trace_id), hex(&link.span_id)))
                    .collect(),
            });
        }
    }
}

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), text(attribute.value.as_ref())))
        .collect()
}

fn text(value: Option<&Wrapped>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(AnyValue::StringValue(text)) => text.clone(),
        Some(AnyValue::BoolValue(value)) => value.to_string(),
        Some(AnyValue::IntValue(value)) => value.to_string(),
        Some(AnyValue::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
