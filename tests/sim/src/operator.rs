//! Somebody who looks after the bus, over whichever process answers: sends dead letters on their way again, decides about
//! parked keys, orders replays, pauses and resumes subscriptions, changes the city.

mod parked;
mod replays;

use std::{sync::Arc, time::Duration};

pub(crate) use replays::order as order_replay;
use stadtbus_flow::{
    city::Proposal,
    dispatch::{Redrive, Wanted},
    lanes::{Pause, pauses},
};

use crate::{
    bus::Bus,
    city::SUBSCRIPTIONS,
    world::{World, note},
};

const ROUND: Duration = Duration::from_secs(7);
const PAUSED_MAX: Duration = Duration::from_secs(40);
const LETTERS_MAX: usize = 100;
const REDRIVE_RATES: std::ops::RangeInclusive<u32> = 1..=4;

/// Looks after the bus until the run ends.
pub(crate) async fn look_after(world: Arc<World>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let Some(bus) = world.any_bus() else { continue };
        // Not at once, while it storms: what waits for somebody must survive the waiting.
        if world.is_healed() || world.random().u8(0..4) == 0 {
            let redriving = redrive(&world, &bus);
            bus.life.seen_from_outside(redriving).await;
        }
        parked::decide(&world).await;
        if world.is_healed() {
            resume_all(&world, &bus).await;
            bus.life
                .seen_from_outside(replays::resume_all(&world, &bus))
                .await;
        } else if world.random().u8(0..4) == 0 {
            bus.life.seen_from_outside(replays::meddle(&world, &bus)).await;
        }
    }
}

async fn resume_all(world: &World, bus: &Bus) {
    for one in &SUBSCRIPTIONS {
        // Whether it stands still is seen at whoever serves it; the call goes to whoever answers.
        let stands = world
            .alive()
            .iter()
            .filter_map(|bus| bus.lanes.lane(one.name))
            .any(|lane| lane.paused().is_some());
        if stands {
            set_paused(world, bus, one.partner, one.name, None).await;
        }
    }
}

async fn redrive(world: &World, bus: &Bus) {
    let (Ok((letters, _)), Ok(city)) = (
        bus.dead_letters.list(&Wanted::default(), LETTERS_MAX).await,
        bus.cities.current(),
    ) else {
        return;
    };
    for buried in &letters {
        let letter = &buried.letter;
        let place = (letter.log.clone(), letter.position);
        let of = letter.subscription.to_string();
        note!(
            world,
            "{of} has buried {}:{} ({})",
            letter.log,
            letter.position,
            letter.code
        );
        world.ledger().buried.insert((of, place));
    }
    let positions: Vec<_> = letters.iter().map(|buried| buried.position).collect();
    if positions.is_empty() {
        return;
    }
    let slowly = !world.is_healed() && world.random().bool();
    let rate_per_s = slowly.then(|| world.random().u32(REDRIVE_RATES));
    let how = Redrive {
        rate_per_s,
        ..Redrive::default()
    };
    match bus.dead_letters.redrive(&city, &positions, &how).await {
        Ok(done) => {
            note!(world, "{} letters on their way, at {rate_per_s:?}", done.redriven);
            let met = if slowly { "redriven at a rate" } else { "redriven" };
            world.coverage().add(met, done.redriven);
        }
        Err(refusal) => note!(world, "letters stay: {}", refusal.code),
    }
}

/// Pauses a subscription, and resumes it some time later.
pub(crate) async fn pause_for_a_while(world: Arc<World>) {
    let chosen = world.random().usize(0..SUBSCRIPTIONS.len());
    let Some(one) = SUBSCRIPTIONS.get(chosen) else {
        return;
    };
    let pause = Pause {
        code: "SB-2004".to_owned(),
        reason: "simulated".to_owned(),
    };
    if let Some(bus) = world.any_bus() {
        let pausing = set_paused(&world, &bus, one.partner, one.name, Some(pause));
        bus.life.seen_from_outside(pausing).await;
    }
    let pause = world.up_to(PAUSED_MAX);
    tokio::time::sleep(pause).await;
    if let Some(bus) = world.any_bus() {
        let resuming = set_paused(&world, &bus, one.partner, one.name, None);
        bus.life.seen_from_outside(resuming).await;
    }
}

/// As the server does it.
async fn set_paused(world: &World, bus: &Bus, partner: &str, name: &str, pause: Option<Pause>) {
    let word = if pause.is_some() { "paused" } else { "resumed" };
    let written = pauses::write(&*bus.broker, &format!("{partner}.{name}"), pause.as_ref()).await;
    note!(world, "{name} is {word} at {}: {}", bus.name, written.is_ok());
    if written.is_ok() {
        world.coverage().met(word);
        if let Some(lane) = bus.lanes.lane(name) {
            lane.set_paused(pause);
        }
    }
}

/// Changes the city in something that concerns one subscription: its lane starts again.
pub(crate) async fn change_city(world: Arc<World>) {
    let Some(bus) = world.any_bus() else { return };
    let Ok(live) = bus.cities.current() else { return };
    let mut city = live.registry.city().clone();
    let chosen = world.random().usize(0..SUBSCRIPTIONS.len());
    let version = world.random().u32(..);
    if let Some((name, subscription)) = city.subscriptions.get_index_mut(chosen) {
        subscription.title = format!("Fassung {version}");
        note!(world, "the city changes in {name}");
    }
    let proposal = Proposal {
        city,
        components: std::collections::BTreeMap::new(),
        expect: live.digest.clone(),
        by: "simulation".to_owned(),
    };
    let applied = bus.life.seen_from_outside(bus.cities.apply(proposal)).await;
    match applied {
        Some(Ok(_)) => world.coverage().met("city changes"),
        Some(Err(refusal)) => note!(world, "the city stays: {}", refusal.code),
        None => {}
    }
}
