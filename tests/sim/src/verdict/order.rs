//! Order by key: the next event of a key comes to its receiver when the one before is there, or set aside.

use std::collections::BTreeMap;

use stadtbus_flow::{lanes::Outcome, log::Logged};

use super::{Books, Verdict, books};
use crate::{
    city::{Order, SUBSCRIPTIONS, Subscription},
    ledger::Ledger,
    world::World,
};

impl Books {
    pub(super) fn judge_order(&self, world: &World, verdict: &mut Verdict) {
        let mut judged = 0;
        for one in &SUBSCRIPTIONS {
            let Some(order) = one.order else { continue };
            for line in self.lines(world, one, order).values() {
                judged += self.judge_line(world, one, line, verdict);
            }
        }
        world.coverage().add("in order", judged);
    }

    /// The events of each log, source and key, as they were accepted. A log of the city has one source.
    fn lines<'a>(
        &'a self,
        world: &World,
        one: &'a Subscription,
        order: Order,
    ) -> BTreeMap<(String, String), Vec<&'a Logged>> {
        let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in self.due_to(one) {
            let key = Self::number(world, event).and_then(|number| order.key(number));
            if let Some(key) = key {
                lines.entry((event.log.to_string(), key)).or_default().push(event);
            }
        }
        lines
    }

    /// How many events came behind others of their key.
    fn judge_line(&self, world: &World, one: &Subscription, line: &[&Logged], verdict: &mut Verdict) -> u64 {
        let ledger = world.ledger();
        let mut judged = 0;
        for (n, later) in line.iter().enumerate() {
            let Some(arrived) = ledger.reception(one.name, later.event.id()).arrived else {
                continue;
            };
            for earlier in line.iter().take(n) {
                judged += 1;
                let taken = ledger.reception(one.name, earlier.event.id()).taken;
                let before = taken.is_some_and(|taken| taken < arrived);
                if !before && !self.left_its_line(world, &ledger, one.name, earlier) {
                    let what = books::shown(one.name, later);
                    verdict
                        .disordered
                        .push(format!("{what} came before {}", earlier.event.id()));
                }
            }
        }
        judged
    }

    /// Whether it was set aside, or its time was over, so that nothing had to wait for it. A process may die before it
    /// can say so; then the letter itself was seen. Where the clock is set back, what was over comes all the same.
    fn left_its_line(&self, world: &World, ledger: &Ledger, subscription: &str, event: &Logged) -> bool {
        let said = self.said(subscription, event);
        let number = Self::number(world, event);
        let expires = number.is_some_and(|number| ledger.of(number).is_some_and(|claim| claim.expires));
        said.contains(&Outcome::DeadLettered)
            || said.contains(&Outcome::Expired)
            || (expires && world.dice.clock > 0.0)
            || ledger
                .buried
                .contains(&(subscription.to_owned(), books::place(event)))
    }
}
