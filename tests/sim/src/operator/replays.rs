//! Replays that somebody orders, holds up, ends.

use std::{collections::BTreeMap, sync::Arc};

use stadtbus_broker::{Broker, LogName};
use stadtbus_contracts::{Handshake, Mode, Webhook};
use stadtbus_flow::lanes::replay::{Place, Replay, Span, Stage, resolve, store};

use crate::{
    bus::Bus,
    city::{DERIVATION, PULLS, SUBSCRIPTIONS},
    net::ARCHIVE,
    replayed::Ordered,
    world::{World, note},
};

const RATE_PER_S_MAX: u32 = 20;

/// Orders a replay of some of what one subscription got.
pub(crate) async fn order(world: Arc<World>) {
    let chosen = world.random().usize(0..SUBSCRIPTIONS.len());
    let Some(one) = SUBSCRIPTIONS.get(chosen).filter(|one| one.name != DERIVATION) else {
        return;
    };
    let Some(bus) = world.any_bus() else { return };
    let ordering = order_of(&world, &bus, one.partner, one.name);
    if let Some(Err(reason)) = bus.life.seen_from_outside(ordering).await {
        note!(world, "no replay of {}: {reason}", one.name);
    }
}

async fn order_of(world: &World, bus: &Bus, partner: &str, name: &'static str) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let city = bus.cities.current().map_err(|error| said(&error))?;
    let order = city.order(name).ok_or("it is gone")?;
    let logs = city.logs_of(order).map_err(|error| said(&error))?;
    let chosen = world.random().usize(0..logs.len().max(1));
    let log = logs.get(chosen).ok_or("it has no log")?;
    let first = world.random().u64(1..10);
    let span = Span {
        log: Some(log.to_string()),
        from: Place::Position(first),
        to: None,
    };
    let ranges = resolve(&*bus.broker, &logs, &span)
        .await
        .map_err(|error| said(&error))?;
    if ranges.is_empty() {
        return Err("nothing is there".to_owned());
    }
    let id = format!("{:08x}", world.random().u32(..));
    let only_missing = world.random().bool();
    let rate_per_s = world.random().u32(1..=RATE_PER_S_MAX);
    let elsewhere = PULLS.contains(&name) || world.random().u8(0..3) == 0;
    let replay = Replay {
        id,
        subscription: name.to_owned(),
        partner: partner.to_owned(),
        ranges: ranges.clone(),
        only_missing,
        rate_per_s,
        sink: elsewhere.then(archive),
        by: "simulation".to_owned(),
        created_ms: 0,
        stage: Stage::Running,
        why: None,
        ended_ms: None,
    };
    let settled = LogName::new("SETTLED").map_err(|error| said(&error))?;
    let facts_before = world
        .broker
        .state(&settled)
        .await
        .map_err(|error| said(&error))?
        .last;
    let ordered = Ordered {
        subscription: name,
        receiver: if elsewhere { ARCHIVE } else { name }.to_owned(),
        ranges,
        only_missing: replay.only_missing,
        facts_before,
    };
    // What is ordered may begin before its order is answered.
    world.ledger().replays.ordered.insert(replay.id.clone(), ordered);
    let id = &replay.id;
    note!(
        world,
        "replay {id} of {name}, {:?}, only what is missing: {}, elsewhere: {elsewhere}",
        replay.ranges,
        replay.only_missing
    );
    store::create(&*bus.broker, &replay)
        .await
        .map_err(|error| said(&error))
}

fn archive() -> Webhook {
    Webhook {
        url: format!("http://{ARCHIVE}.sim:8080/"),
        mode: Mode::Binary,
        credential: None,
        handshake: Handshake::default(),
    }
}

/// Holds up or ends one of the replays that run, or lets one go on.
pub(super) async fn meddle(world: &World, bus: &Bus) {
    let Ok(replays) = store::list(&*bus.broker, "").await else {
        return;
    };
    let open: BTreeMap<String, Stage> = replays
        .iter()
        .filter(|replay| !replay.stage.has_ended())
        .map(|replay| (replay.key(), replay.stage))
        .collect();
    let chosen = world.random().usize(0..open.len().max(1));
    let Some((key, stage)) = open.into_iter().nth(chosen) else {
        return;
    };
    let next = match (stage, world.random().u8(0..6)) {
        (Stage::Paused, _) => Stage::Running,
        (_, 0) => Stage::Cancelled,
        (_, 1..=3) => Stage::Paused,
        _ => return,
    };
    set(world, bus, &key, next).await;
}

/// Lets all go on that stand still.
pub(super) async fn resume_all(world: &World, bus: &Bus) {
    let Ok(replays) = store::list(&*bus.broker, "").await else {
        return;
    };
    for replay in replays.iter().filter(|replay| replay.stage == Stage::Paused) {
        set(world, bus, &replay.key(), Stage::Running).await;
    }
}

async fn set(world: &World, bus: &Bus, key: &str, stage: Stage) {
    let changed = match stage {
        Stage::Cancelled => store::end(&*bus.broker, key, stage).await,
        _ => {
            store::change(&*bus.broker, key, |replay| {
                replay.stage = stage;
                replay.why = None;
            })
            .await
        }
    };
    note!(world, "replay {key} is to be {stage:?}: {}", changed.is_ok());
    if changed.is_ok() && stage == Stage::Paused {
        world.coverage().met("replays held up");
    }
}
