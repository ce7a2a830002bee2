//! The plugin step by itself: a fresh instance per call, in this process, one call after another.

use std::time::{Duration, Instant};

use bytes::Bytes;
use stadtbus_event::json;
use stadtbus_harness::{Failure, Outcome, stadtbus_bin};
use stadtbus_load::{Latencies, Template};
use stadtbus_plugin_host::{Call, CompilerCommand, Host, HostConfig, Input, Manifest, Tables, Verdict};

use super::Setting;
use super::city::{event_text, plugin};
use super::drive::per_second;
use super::report::Row;
use super::usage::own_resident_mib;

const WARM_UP_CALLS: u64 = 2_000;
const CALLS_MAX: u64 = 1_000_000;

/// Calls of the mapping plugin per second on one thread, and how long one takes. The broker has no part in it, so both
/// durabilities measure the same.
pub(crate) async fn fresh(row: Row, setting: Setting) -> Outcome<Row> {
    let cache = tempfile::Builder::new().prefix("stadtbus-load-").tempdir()?;
    let host = Host::new(HostConfig {
        instances_max: 4,
        cache_dir: cache.path().join("plugins"),
        compiler: CompilerCommand::Process {
            program: stadtbus_bin()?,
            args: vec!["plugin-compile".to_owned()],
        },
    });
    let host = host.map_err(|error| Failure::new(error.to_string()))?;
    let guest = plugin().await?;
    let manifest = Manifest::parse(&guest.manifest()?).map_err(|error| Failure::new(error.to_string()))?;
    let plugin = host.deploy(&manifest, &guest.component()?).await;
    let plugin = plugin.map_err(|error| Failure::new(error.to_string()))?;

    let mut template = Template::new(event_text().into_bytes(), 1);
    let event = Bytes::copy_from_slice(template.write(1, |_| 1));
    let event = json::parse(&event).map_err(|error| Failure::new(error.to_string()))?;
    let tables = Tables::none();
    let call = Call {
        input: Input::Event(&event),
        config: b"{}",
        state: None,
        tables: &tables,
    };
    let one = || -> Outcome<Duration> {
        let start = Instant::now();
        let answer = plugin
            .run(call)
            .map_err(|failure| Failure::new(failure.to_string()))?;
        let took = start.elapsed();
        match answer.verdict {
            Verdict::Events(events) if events.len() == 1 => Ok(took),
            other => Err(Failure::new(format!("the plugin answered {other:?}"))),
        }
    };
    for _ in 0..WARM_UP_CALLS {
        one()?;
    }
    let mut latencies = Latencies::with_capacity(usize::try_from(CALLS_MAX).unwrap_or_default());
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < setting.measure && calls < CALLS_MAX {
        latencies.push(one()?);
        calls += 1;
    }
    let rate = per_second(calls, start.elapsed());
    let resident = own_resident_mib()?;
    Ok(row
        .rate(rate)
        .latency(latencies)
        .bus_rss(Some(resident))
        .note("on one thread; RSS is that of this program"))
}
