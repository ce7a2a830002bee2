//! Somebody who looks after the bus: sends dead letters on their way again, pauses and resumes subscriptions, over
//! whichever process answers.

use std::{sync::Arc, time::Duration};

use stadtbus_flow::{
    dispatch::{Redrive, Wanted},
    lanes::{Pause, pauses},
};

use crate::{
    bus::Bus,
    ledger::SUBSCRIPTIONS,
    world::{World, note},
};

const ROUND: Duration = Duration::from_secs(7);
const PAUSED_MAX: Duration = Duration::from_secs(40);
const LETTERS_MAX: usize = 100;

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
        if world.is_healed() {
            for one in &SUBSCRIPTIONS {
                // Whether it stands still is seen at whoever serves it; the call goes to whoever answers.
                let stands = world
                    .alive()
                    .iter()
                    .filter_map(|bus| bus.lanes.lane(one.name))
                    .any(|lane| lane.paused().is_some());
                if stands {
                    set_paused(&world, &bus, one.partner, one.name, None).await;
                }
            }
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
    for buried in letters {
        let (of, log, at) = (
            &buried.letter.subscription,
            &buried.letter.log,
            buried.letter.position,
        );
        let one = [buried.position];
        let done = bus.dead_letters.redrive(&city, &one, &Redrive::default()).await;
        note!(
            world,
            "{of} redrives {log}:{at} ({}): {}",
            buried.letter.code,
            done.map_or_else(|refusal| refusal.code, |_| "on its way")
        );
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
    let word = if pause.is_some() { "pauses" } else { "goes on" };
    let written = pauses::write(&*bus.broker, &format!("{partner}.{name}"), pause.as_ref()).await;
    note!(world, "{name} {word} at {}: {}", bus.name, written.is_ok());
    if written.is_ok()
        && let Some(lane) = bus.lanes.lane(name)
    {
        lane.set_paused(pause);
    }
}
