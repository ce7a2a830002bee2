//! What somebody decides about parked keys.

use stadtbus_flow::{
    dispatch::Edit,
    lanes::{KeyState, Lane, ParkedKey},
};

use crate::{
    bus::Bus,
    city::SUBSCRIPTIONS,
    world::{World, note},
};

/// Decides about some of the keys that are parked now; lets all go on once all is healed.
pub(super) async fn decide(world: &World) {
    for bus in world.alive() {
        for lane in SUBSCRIPTIONS.iter().filter_map(|one| bus.lanes.lane(one.name)) {
            let parked = lane.parked_keys();
            for key in parked.iter().filter(|key| key.state == KeyState::Parked) {
                bus.life
                    .seen_from_outside(decide_about(world, &bus, &lane, key))
                    .await;
            }
        }
    }
}

async fn decide_about(world: &World, bus: &Bus, lane: &Lane, key: &ParkedKey) {
    let (name, id) = (lane.order.id(), key.id.as_str());
    let kind = if world.is_healed() {
        0
    } else {
        world.random().u8(0..12)
    };
    let (word, done) = match kind {
        0 | 1 => ("keys resumed", bus.dispatcher.resume_key(lane, id).await),
        2 => ("keys skipped", bus.dispatcher.skip(lane, id, "simulation").await),
        3 => (
            "keys buried",
            bus.dispatcher.bury_key(lane, id, "simulation").await,
        ),
        4 => {
            let Ok((_, events)) = bus.dispatcher.parked_key(lane, id).await else {
                return;
            };
            let Some(first) = events.first() else { return };
            let Ok(city) = bus.cities.current() else { return };
            let same = Edit {
                data: first.event.data().cloned().unwrap_or_default(),
                by: "simulation".to_owned(),
                reason: "It stays as it was.".to_owned(),
            };
            ("keys edited", bus.dispatcher.edit(lane, &city, id, same).await)
        }
        // It waits until somebody looks again.
        _ => return,
    };
    let outcome = match &done {
        Ok(_) => "done",
        Err(refusal) => refusal.code,
    };
    note!(world, "{name}: {word}: {} of {}: {outcome}", key.value, key.log);
    if done.is_ok() {
        world.coverage().met(word);
    }
}
