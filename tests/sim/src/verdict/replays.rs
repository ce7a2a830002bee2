//! Replays: what was ordered comes, nothing else does, and what was delivered before is passed over where that was asked.

use stadtbus_flow::{
    lanes::{Outcome, replay::Stage},
    log::Logged,
};

use super::{Books, Verdict};
use crate::{city::subscription, replayed::Ordered, world::World};

impl Books {
    pub(super) fn judge_replays(&self, world: &World, verdict: &mut Verdict) {
        let ledger = world.ledger();
        for replay in &self.replays {
            let Some(ordered) = ledger.replays.ordered.get(&replay.id) else {
                verdict.replayed.push(format!("nobody ordered {}", replay.id));
                continue;
            };
            if !replay.stage.has_ended() || replay.stage == Stage::Failed {
                verdict
                    .stuck
                    .push(format!("the replay {} is {:?}", replay.id, replay.stage));
            }
            world.coverage().met("replays");
            if ordered.receiver != ordered.subscription {
                world.coverage().met("replays elsewhere");
            }
            if ordered.only_missing {
                world.coverage().met("replays of what is missing");
            }
            let wanted: Vec<&Logged> = self.wanted(ordered).collect();
            let brought = ledger.replays.brought(&replay.id);
            for id in brought.filter(|id| !wanted.iter().any(|event| event.event.id() == *id)) {
                verdict
                    .replayed
                    .push(format!("{id} was not to be brought by {}", replay.id));
            }
            for event in wanted {
                let times = ledger.replays.times_taken(&replay.id, event.event.id());
                self.judge_replayed(&replay.id, replay.stage, ordered, event, times, verdict);
            }
        }
    }

    /// The events that it was to look at.
    fn wanted<'a>(&'a self, ordered: &'a Ordered) -> impl Iterator<Item = &'a Logged> {
        let due = subscription(ordered.subscription).into_iter();
        due.flat_map(|one| self.due_to(one)).filter(|event| {
            let range = ordered.ranges.get(event.log.as_str());
            range.is_some_and(|range| (range.first..=range.last).contains(&event.position))
        })
    }

    fn judge_replayed(
        &self,
        id: &str,
        stage: Stage,
        ordered: &Ordered,
        event: &Logged,
        times: u32,
        verdict: &mut Verdict,
    ) {
        let what = || format!("{} ({}:{}) by {id}", event.event.id(), event.log, event.position);
        let said = self.said_of_replay(id, event);
        let delivered = self.delivered_at(ordered.subscription, event);
        let known = delivered.is_some_and(|page| page <= ordered.facts_before);
        if ordered.only_missing && known && (times > 0 || !said.is_empty()) {
            verdict
                .replayed
                .push(format!("{} although it was not missing", what()));
        }
        if said.contains(&Outcome::Delivered) && times == 0 {
            verdict.untrue.push(format!("{} is said to be delivered", what()));
        }
        let passed_over = ordered.only_missing && delivered.is_some();
        let came = times > 0 || said.iter().any(|outcome| outcome.is_end());
        if stage == Stage::Done && !came && !passed_over {
            verdict.replayed.push(format!("{} was left out", what()));
        }
    }
}
