//! A department that fetches: mostly it acknowledges, sometimes it forgets, gives back, rejects, or comes too late.

use std::{sync::Arc, time::Duration};

use stadtbus_flow::lanes::{Handed, Lane, Settlement};

use crate::{
    bus::Bus,
    ledger::Report,
    world::{World, note},
};

const FETCHED_MAX: usize = 8;
const WAIT: Duration = Duration::from_secs(2);
const LEASE_MAX: Duration = Duration::from_secs(8);
const NOBODY_THERE: Duration = Duration::from_millis(500);

/// Fetches for a subscription until the run ends.
pub(crate) async fn fetch(world: Arc<World>, name: &'static str) {
    loop {
        let served = world
            .alive()
            .into_iter()
            .find_map(|bus| Some((bus.lanes.lane(name)?, bus)));
        let Some((lane, bus)) = served else {
            tokio::time::sleep(NOBODY_THERE).await;
            continue;
        };
        let lease = Duration::from_secs(1) + world.up_to(LEASE_MAX);
        let most = world.random().usize(1..=FETCHED_MAX);
        let Some(handed) = bus.life.seen_from_outside(lane.receive(most, WAIT, lease)).await else {
            continue;
        };
        for one in &handed {
            let event = &one.logged.event;
            world.ledger().report(&Report {
                receiver: name,
                process: &bus.name,
                replay: None,
                id: event.id(),
                ty: event.ty(),
                data: event.data().map(|data| &data[..]).unwrap_or_default(),
                delivery: None,
            });
        }
        settle(&world, &bus, &lane, &handed, lease).await;
        // A lane that stands still answers at once.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn settle(world: &World, bus: &Bus, lane: &Lane, handed: &[Handed], lease: Duration) {
    let name = lane.order.id().as_str();
    let careless = world.hits(world.dice.careless);
    let kind = if careless {
        world.random().u8(0..6)
    } else {
        u8::MAX
    };
    let how = match kind {
        // Forgotten: the lease runs out.
        0 => return,
        1 => Settlement::Release(world.up_to(Duration::from_secs(5))),
        2 => Settlement::Reject("simulated".to_owned()),
        3 => {
            tokio::time::sleep(lease + Duration::from_millis(300)).await;
            Settlement::Acknowledge
        }
        4 => {
            let handles: Vec<_> = handed.iter().map(|one| one.handle.clone()).collect();
            lane.settle_handles(&handles, &Settlement::Extend(lease));
            Settlement::Acknowledge
        }
        _ => Settlement::Acknowledge,
    };
    if bus.life.is_over() || handed.is_empty() {
        return;
    }
    let handles: Vec<_> = handed.iter().map(|one| one.handle.clone()).collect();
    let (_, unknown, buried) = lane.settle_handles(&handles, &how);
    for one in handed {
        let id = one.logged.event.id();
        let known = !unknown.contains(&one.handle);
        if known && matches!(how, Settlement::Acknowledge) {
            note!(world, "{name} takes {id}");
            world.ledger().taken(name, None, id);
        } else {
            note!(world, "{name} does not take {id} (known: {known}, {how:?})");
        }
    }
    for (item, code, detail) in buried {
        let burying = bus.dispatcher.bury(lane, item, code, detail);
        if bus.life.seen_from_outside(burying).await.is_none() {
            return;
        }
    }
}
