//! Reads uplinks of the fill sensors in depot containers (ChirpStack v4) and says what they mean for the city.
//!
//! One uplink can mean up to three things: the fill level has changed, the container is due, it may be on fire. What
//! was said last is kept per container, so that each is said once: the level again only after enough points or hours,
//! due and fire again only after the value has fallen well below the threshold. Device ids, gateways and radio data
//! have no field here and stay with the network operator.

mod time;
mod uplink;

use serde::{Deserialize, Serialize};
use stadtbus_plugin::{Answer, Context, Decode, Draft, Drafts, Raw, Stop, drop, export, reject};

use uplink::{Measurement, Point};

const FILL: &str = "de.krefeld.gsak.container.fill.changed.v1";
const PICKUP: &str = "de.krefeld.gsak.container.pickup.due.v1";
const FIRE: &str = "de.krefeld.gsak.container.fire.suspected.v1";
/// Deduplication ids remembered per container: a network server repeats within minutes, not weeks.
const REMEMBERED_MAX: usize = 8;

/// Thresholds of the route.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Config {
    fill_change_points: f64,
    fill_repeat_hours: i64,
    pickup_percent: f64,
    pickup_rearm_percent: f64,
    fire_celsius: f64,
    fire_rearm_celsius: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fill_change_points: 5.0,
            fill_repeat_hours: 6,
            pickup_percent: 80.0,
            pickup_rearm_percent: 70.0,
            fire_celsius: 60.0,
            fire_rearm_celsius: 50.0,
        }
    }
}

/// What is remembered of a container.
#[derive(Serialize, Deserialize, Default, Clone)]
#[serde(default)]
struct Memory {
    /// Frame counter and time (s since 1970) of the newest uplink.
    frame: Option<u32>,
    at: i64,
    /// Deduplication ids, newest last, shortened to what tells them apart.
    recent: Vec<String>,
    /// Level and time when it was last published.
    fill: Option<f64>,
    fill_at: i64,
    due: bool,
    hot: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    container_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filling_level: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_waste_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a Point>,
    observed_at: &'a str,
}

struct Plugin;

impl Decode for Plugin {
    fn decode(raw: &Raw, context: &mut Context) -> Answer {
        let config: Config = context.config()?;
        let Some(measured) = uplink::read(&raw.bytes)? else {
            return Err(drop(
                "kein-messwert",
                "Die Nachricht enthält keinen Messwert (kein Uplink des Füllstandssensors).",
            ));
        };
        let before: Memory = context.state()?.unwrap_or_default();
        check_replay(&before, &measured)?;
        let mut memory = remember(&before, &measured);
        let drafts = judge(&config, &before, &mut memory, &measured)?;
        context.put_state(&memory)?;
        if drafts.is_empty() {
            return Err(drop(
                "keine-wesentliche-aenderung",
                "Füllstand und Temperatur haben sich nicht wesentlich geändert.",
            ));
        }
        Ok(Drafts(drafts))
    }
}

export!(decode: Plugin);

/// The same frame twice, by its id or by its counter, or one that a newer one overtook. A counter that starts again
/// from below is a device that joined anew; then the time must go on.
fn check_replay(before: &Memory, measured: &Measurement) -> Result<(), Stop> {
    let Some(last) = before.frame else { return Ok(()) };
    let restarted = measured.frame < last && measured.at > before.at;
    let counted = measured.frame <= last && !restarted;
    if counted || measured.at < before.at || before.recent.contains(&measured.short_id()) {
        return Err(drop(
            "wiederholung",
            "Diese Funknachricht wurde schon verarbeitet oder von einer neueren überholt.",
        ));
    }
    Ok(())
}

fn remember(before: &Memory, measured: &Measurement) -> Memory {
    let mut memory = before.clone();
    memory.frame = Some(measured.frame);
    memory.at = measured.at.max(before.at);
    memory.recent.push(measured.short_id());
    let surplus = memory.recent.len().saturating_sub(REMEMBERED_MAX);
    memory.recent.drain(..surplus);
    memory
}

fn judge(
    config: &Config,
    before: &Memory,
    memory: &mut Memory,
    measured: &Measurement,
) -> Result<Vec<Draft>, Stop> {
    let mut drafts = Vec::new();
    if let Some(percent) = measured.percent {
        let moved = before
            .fill
            .is_none_or(|fill| (percent - fill).abs() >= config.fill_change_points);
        let long_ago =
            measured.at.saturating_sub(before.fill_at) >= config.fill_repeat_hours.saturating_mul(3_600);
        if moved || long_ago {
            (memory.fill, memory.fill_at) = (Some(percent), measured.at);
            drafts.push(draft(
                FILL,
                "fill",
                "public",
                measured,
                &Container {
                    status: Some(if memory.hot || is_hot(config, measured) {
                        "burning"
                    } else {
                        "ok"
                    }),
                    temperature: measured.celsius,
                    ..common(measured, Some(percent))
                },
            )?);
        }
        if percent > config.pickup_percent && !before.due {
            memory.due = true;
            drafts.push(draft(
                PICKUP,
                "pickup",
                "internal",
                measured,
                &common(measured, Some(percent)),
            )?);
        } else if percent < config.pickup_rearm_percent {
            memory.due = false;
        }
    }
    if is_hot(config, measured) && !before.hot {
        memory.hot = true;
        let container = Container {
            temperature: measured.celsius,
            ..common(measured, None)
        };
        drafts.push(draft(FIRE, "fire", "internal", measured, &container)?);
    } else if measured
        .celsius
        .is_some_and(|celsius| celsius < config.fire_rearm_celsius)
    {
        memory.hot = false;
    }
    Ok(drafts)
}

fn is_hot(config: &Config, measured: &Measurement) -> bool {
    measured
        .celsius
        .is_some_and(|celsius| celsius > config.fire_celsius)
}

fn common<'a>(measured: &'a Measurement, percent: Option<f64>) -> Container<'a> {
    Container {
        container_id: &measured.container,
        // Two decimals: 0.86, not 0.8600000000000001.
        filling_level: percent.map(|percent| percent.round() / 100.0),
        stored_waste_kind: measured.kind,
        status: None,
        temperature: None,
        location: measured.location.as_ref(),
        observed_at: &measured.time,
    }
}

/// One uplink may make three events: the key tells them apart.
fn draft(
    ty: &str,
    what: &str,
    class: &str,
    measured: &Measurement,
    data: &Container<'_>,
) -> Result<Draft, Stop> {
    Draft::new(ty)
        .key(format!("{}#{what}", measured.id))
        .subject(&measured.container)
        .time(&measured.time)
        .extension("dataclassification", class)
        .extension(
            "correlationid",
            format!(
                "{}/{}",
                measured.container,
                measured.time.get(..10).unwrap_or_default()
            ),
        )
        .json(data)
}

/// For the modules of this plugin.
fn refuse<T>(code: &str, text: &str) -> Result<T, Stop> {
    Err(reject(code, text))
}
