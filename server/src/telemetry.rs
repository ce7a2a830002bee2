//! Log lines and traces: where they go. What is said is decided by `stadtbus_flow::facts`.

use std::sync::Arc;

use opentelemetry::global;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use stadtbus_flow::facts::{Facts, Metrics, Traces};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Log lines go to stderr. Called once for each process; in a process that has a subscriber already (a test, the
/// development mode) that one stays.
pub(crate) fn log_lines(config: &Config) {
    let filter = EnvFilter::try_new(&config.telemetry.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A line that cannot be written (a full disk) is lost. To say so there as well would be a panic, and with it would
        // end whoever had something to say: the runner of a lane, for good.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let set = match config.telemetry.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    if let Err(error) = set {
        tracing::debug!(%error, "Log lines were set up before.");
    }
}

/// Where the parts of the bus tell what they do, and what carries the spans of it out.
pub(crate) fn facts(config: &Config) -> (Spans, Arc<Facts>) {
    let (spans, traces) = Spans::connect(config);
    let metrics = Metrics::default();
    (spans, Arc::new(Facts { metrics, traces }))
}

/// The exporter of spans, if a collector is configured.
pub(crate) struct Spans {
    provider: Option<SdkTracerProvider>,
}

impl Spans {
    /// Connects to the collector. One that is down loses spans, never events.
    fn connect(config: &Config) -> (Self, Traces) {
        if config.telemetry.otlp_endpoint.is_empty() {
            return (Self { provider: None }, Traces::default());
        }
        let endpoint = format!(
            "{}/v1/traces",
            config.telemetry.otlp_endpoint.trim_end_matches('/')
        );
        let exporter = match SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint)
            .build()
        {
            Ok(exporter) => exporter,
            Err(error) => {
                tracing::error!(%error, "Traces cannot be exported.");
                return (Self { provider: None }, Traces::default());
            }
        };
        let resource = Resource::builder().with_service_name("stadtbus").build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        global::set_tracer_provider(provider.clone());
        let tracer = global::tracer("stadtbus");
        (
            Self {
                provider: Some(provider),
            },
            Traces::new(tracer),
        )
    }

    pub(crate) fn shutdown(&self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "The last spans could not be exported.");
        }
    }
}
