//! The city the measurements happen in: the folder `tests/load/city`, plus the subscriptions a measurement needs.

use std::fs;
use std::path::Path;

use stadtbus_harness::{Outcome, workspace_dir};
use stadtbus_load::{Guest, copy_folder};

/// Bytes of one structured event, as sent.
pub(crate) const EVENT_BYTES: usize = 1_024;
/// The type that is published.
pub(crate) const READ_TYPE: &str = "de.messstand.swk.meter.read.v1";
/// The type the plugin makes of it.
pub(crate) const MAPPED_TYPE: &str = "de.messstand.map.meter.mapped.v1";
/// The subject of the log that derived events come to, and the stream that holds it.
pub(crate) const MAPPED_STREAM: &str = "LOG_MAP";

const EVENT: &str = include_str!("../../event.json");
const FILLER_MARK: &str = "~";
const PLUGIN: &str = "meter-map";

/// One subscription of a measurement.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) partner: &'static str,
    /// Only this subject; all if `None`.
    pub(crate) subject: Option<String>,
    /// Whether the mapping plugin runs.
    pub(crate) mapped: bool,
    pub(crate) sink: Sink,
}

/// Where a subscription leads.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    /// The bench's receiver, as `host:port`.
    Webhook(String),
    /// A receiver that takes its time for ever, as `host:port`: given up soon, so that a measurement can go on without it.
    Silent(String),
    /// Fetched by the bench.
    Pull,
    /// Back into the log.
    Log,
}

impl Subscription {
    /// A derivation writes what it has in hand as one group, so it is given as much as the raw loop has in one batch.
    fn concurrency(&self) -> u32 {
        match self.sink {
            Sink::Log => 256,
            Sink::Webhook(_) | Sink::Silent(_) | Sink::Pull => 64,
        }
    }

    fn document(&self) -> String {
        let filters = match &self.subject {
            Some(subject) => format!("filters: [{{exact: {{subject: {subject}}}}}]\n"),
            None => String::new(),
        };
        let plugin = if self.mapped {
            format!("plugin: {{name: map/{PLUGIN}}}\n")
        } else {
            String::new()
        };
        let sink = match &self.sink {
            Sink::Webhook(host) | Sink::Silent(host) => {
                format!("webhook: {{url: \"http://{host}/stadtbus\", mode: structured}}")
            }
            Sink::Pull => "pull: {}".to_owned(),
            Sink::Log => {
                format!("log: {{source: \"urn:messstand:map:plattform\", publishes: [{MAPPED_TYPE}]}}")
            }
        };
        let patience = match self.sink {
            Sink::Silent(_) => ", timeout_ms: 2000, attempts_max: 100",
            _ => "",
        };
        format!(
            "subscription: {}\npartner: {}\ntitle: Messung\npurpose: https://w3id.org/dpv#ServiceMonitoring\ntypes: [{READ_TYPE}]\n{filters}{plugin}sink:\n  {sink}\ndelivery: {{concurrency: {}{patience}}}\n",
            self.id,
            self.partner,
            self.concurrency(),
        )
    }
}

/// The text of one event, with the marks of the load rig in it, filled up to [`EVENT_BYTES`].
pub(crate) fn event_text() -> String {
    let text = EVENT.trim_end();
    let filler = EVENT_BYTES.saturating_sub(text.len() - FILLER_MARK.len());
    text.replacen(
        FILLER_MARK,
        &"Regelablesung. "
            .repeat(EVENT_BYTES)
            .chars()
            .take(filler)
            .collect::<String>(),
        1,
    )
}

/// Writes the city folder of a measurement.
pub(crate) async fn write(folder: &Path, subscriptions: &[Subscription]) -> Outcome<()> {
    copy_folder(&workspace_dir().join("tests/load/city"), folder)?;
    plugin().await?.lay_into(folder)?;
    write_subscriptions(folder, subscriptions)
}

/// Adds subscriptions to a folder that has been written.
pub(crate) fn write_subscriptions(folder: &Path, subscriptions: &[Subscription]) -> Outcome<()> {
    for subscription in subscriptions {
        let of_partner = folder.join("subscriptions").join(subscription.partner);
        fs::create_dir_all(&of_partner)?;
        fs::write(
            of_partner.join(format!("{}.yaml", subscription.id)),
            subscription.document(),
        )?;
    }
    Ok(())
}

/// The mapping plugin.
pub(crate) async fn plugin() -> Outcome<Guest> {
    Guest::built(workspace_dir().join("tests/load/guest"), PLUGIN).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{EVENT_BYTES, event_text};

    #[test]
    fn an_event_is_one_kibibyte_of_json() {
        let text = event_text();
        assert_eq!(text.len(), EVENT_BYTES);
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event.get("data").unwrap().as_object().unwrap().len(), 11);
    }
}
