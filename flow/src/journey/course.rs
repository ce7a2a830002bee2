//! The way of an event to one subscription: line by line, and how it stands now.

use std::{collections::BTreeMap, time::Duration};

use stadtbus_broker::Position;
use stadtbus_contracts::Text;

use super::{
    Basis, Stand, StepLine, Verdict,
    german::german,
    outcomes::{Outcomes, Recorded},
    pending::{parked, parked_elsewhere, whereabouts as in_words},
    versions,
    whereabouts::Whereabouts,
};
use crate::{
    city::Order,
    clock,
    lanes::{AttemptNote, Outcome, Standing, WITHHELD},
    log::Logged,
    written::{from_millis, millis, rfc3339},
};

/// What is known of one event.
pub(super) struct Asked<'a> {
    pub(super) logged: &'a Logged,
    pub(super) outcomes: Outcomes,
    pub(super) whereabouts: BTreeMap<String, Whereabouts>,
}

/// The way to one subscription.
pub(super) struct Course {
    pub(super) stand: Stand,
    pub(super) lines: Vec<StepLine>,
    /// The lane has passed it and nothing says what became of it.
    pub(super) doubtful: bool,
}

/// Whose way it is.
struct Whose<'a> {
    subscription: &'a str,
    partner: &'a str,
    derivation: bool,
}

impl Whose<'_> {
    /// The outcome in one word. What a derivation delivers, it delivers to the log.
    fn word(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Delivered if self.derivation => "derived",
            other => other.word(),
        }
    }

    fn line(&self, step: &str, outcome: &str, basis: Basis) -> StepLine {
        StepLine {
            step: step.to_owned(),
            subscription: Some(self.subscription.to_owned()),
            partner: Some(self.partner.to_owned()),
            outcome: outcome.to_owned(),
            basis: Some(basis),
            ..StepLine::default()
        }
    }

    /// The course that these lines are; the last one says how it stands.
    fn course(&self, lines: Vec<StepLine>, attempts: Option<u32>) -> Course {
        let last = lines.last().cloned().unwrap_or_default();
        Course {
            stand: Stand {
                subscription: self.subscription.to_owned(),
                partner: self.partner.to_owned(),
                state: last.outcome,
                basis: last.basis.unwrap_or(Basis::Present),
                since: last.at,
                attempts: attempts.or(last.attempt),
                code: last.code,
                next: last.next,
            },
            lines,
            doubtful: false,
        }
    }
}

impl Asked<'_> {
    /// The way to a subscription of the city. What has facts was matched when it was routed, whatever holds now.
    pub(super) fn course_of(&mut self, order: &Order, verdict: Verdict) -> Course {
        let (subscription, partner) = (order.id().to_string(), order.partner().to_string());
        let whose = Whose {
            subscription: &subscription,
            partner: &partner,
            derivation: order.is_derivation(),
        };
        let facts = self.outcomes.by_key.remove(&order.key());
        let whereabouts = self.whereabouts.remove(&order.key());
        let Some(facts) = facts else {
            return self.without_facts(&whose, verdict, whereabouts);
        };
        let mut lines = vec![matched(&whose, verdict)];
        let attempts = facts.last().map(|last| last.fact.attempts);
        facts.iter().for_each(|one| recorded(&mut lines, &whose, one));
        if let Some(last) = facts.last().filter(|last| !last.fact.outcome.is_end()) {
            lines.push(set_aside(&whose, last, whereabouts.as_ref()));
        }
        whose.course(lines, attempts.filter(|attempts| *attempts > 0))
    }

    /// What replays did with it. That changes nothing in how it stands with the subscriptions.
    pub(super) fn of_replays(&mut self) -> Vec<StepLine> {
        let by_key = std::mem::take(&mut self.outcomes.by_key);
        let replayed = |key: &String| key.matches('.').count() > 1;
        let (replays, others) = by_key.into_iter().partition(|(key, _)| replayed(key));
        self.outcomes.by_key = others;
        let mut lines = Vec::new();
        for (key, facts) in replays {
            let mut names = key.splitn(3, '.');
            let (Some(partner), Some(subscription), Some(replay)) =
                (names.next(), names.next(), names.next())
            else {
                continue;
            };
            let whose = Whose {
                subscription,
                partner,
                derivation: false,
            };
            let again = Text::new(format!("Nachlieferung {replay}"), format!("replay {replay}"));
            lines.push(whose.line("route", "replayed", Basis::Recorded).saying(again));
            facts.iter().for_each(|one| recorded(&mut lines, &whose, one));
        }
        lines
    }

    /// The ways to subscriptions that the city does not have any more.
    pub(super) fn of_cancelled(&mut self) -> Vec<Course> {
        let mut courses = Vec::new();
        for (key, facts) in std::mem::take(&mut self.outcomes.by_key) {
            let Some((partner, subscription)) = key.split_once('.') else {
                continue;
            };
            let whose = Whose {
                subscription,
                partner,
                derivation: false,
            };
            let gone = Text::new("das Abonnement gibt es nicht mehr", "the subscription is no more");
            let mut lines = vec![whose.line("route", "matched", Basis::Recorded).saying(gone)];
            facts.iter().for_each(|one| recorded(&mut lines, &whose, one));
            if facts.last().is_some_and(|last| !last.fact.outcome.is_end()) {
                let never = Text::new(
                    "der nächste Versuch findet ohne Abonnement nicht statt",
                    "without its subscription the next attempt does not happen",
                );
                lines.push(whose.line("deliver", "cancelled", Basis::Present).saying(never));
            }
            courses.push(whose.course(lines, None));
        }
        courses
    }

    fn without_facts(&self, whose: &Whose<'_>, verdict: Verdict, whereabouts: Option<Whereabouts>) -> Course {
        let matches = verdict.is_match();
        let route = StepLine {
            outcome: verdict.outcome,
            detail: verdict.detail,
            detail_de: verdict.detail_de,
            code: verdict.code,
            rule: verdict.rule,
            agreement: verdict.agreement,
            ..whose.line("route", "", Basis::Evaluated)
        };
        if !matches {
            return whose.course(vec![route], None);
        }
        let Some(whereabouts) = whereabouts else {
            return whose.course(vec![route], None);
        };
        if whereabouts.standing.is_some() {
            let mut lines = vec![route];
            let attempts = pending(&mut lines, whose, &whereabouts, self.logged.position);
            return whose.course(lines, attempts);
        }
        let accepted = millis(self.logged.provenance.accepted);
        let line = whose.line("route", "", Basis::Evaluated);
        let (outcome, text, doubtful) = if whereabouts.since_ms > accepted {
            let since = rfc3339(from_millis(whereabouts.since_ms));
            let german = format!(
                "als es angenommen wurde, fragte das Abonnement noch nicht danach (erst seit {since})"
            );
            let english =
                format!("when it was accepted, the subscription did not ask for it yet (only since {since})");
            ("not-subscribed", Text::new(german, english), false)
        } else {
            let german = "darüber ist nichts aufgezeichnet: damals galten andere Vereinbarungen, oder die Aufzeichnung ist nicht mehr aufbewahrt";
            let english = "nothing is recorded of it: other agreements were in force then, or the record is no longer kept";
            ("unknown", Text::new(german, english), true)
        };
        let line = StepLine {
            outcome: outcome.to_owned(),
            ..line
        };
        Course {
            doubtful,
            ..whose.course(vec![line.saying(text)], None)
        }
    }
}

/// It was matched when it was routed. Where today's configuration says otherwise, that is told beside it.
fn matched(whose: &Whose<'_>, verdict: Verdict) -> StepLine {
    let line = StepLine {
        rule: verdict.rule.clone(),
        agreement: verdict.agreement.clone(),
        ..whose.line("route", "matched", Basis::Recorded)
    };
    if verdict.is_match() {
        return StepLine {
            detail: verdict.detail,
            detail_de: verdict.detail_de,
            ..line
        };
    }
    let german = verdict.detail_de.as_deref().unwrap_or(&verdict.detail);
    line.saying(Text::new(
        format!("traf damals zu; nach heutiger Konfiguration nicht: {german}"),
        format!(
            "matched then; by today's configuration it does not: {}",
            verdict.detail
        ),
    ))
}

/// What was written down: the failed attempts, and what came of it.
fn recorded(lines: &mut Vec<StepLine>, whose: &Whose<'_>, recorded: &Recorded) {
    let fact = &recorded.fact;
    failed(lines, whose, &fact.notes, fact.attempts, Basis::Recorded);
    let plugin = match fact.ran.as_deref() {
        None => recorded.plugin.clone(),
        Some(ran) => {
            let line = whose.line("transform", versions::word(ran), Basis::Recorded);
            lines.push(versions::told(line, ran));
            Some(ran.plugin.clone())
        }
    };
    let step = if fact.outcome == Outcome::Filtered || whose.derivation {
        "transform"
    } else {
        "deliver"
    };
    let line = StepLine {
        at: Some(rfc3339(from_millis(fact.at_ms))),
        detail: fact.detail.as_deref().unwrap_or_default().to_owned(),
        detail_de: fact.detail.as_deref().and_then(german),
        rule: plugin,
        tables: recorded.tables.clone(),
        attempt: (fact.attempts > 0).then_some(fact.attempts),
        code: fact.code.as_deref().map(str::to_owned),
        next: fact.next_ms.map(|next| rfc3339(from_millis(next))),
        ..whose.line(step, whose.word(fact.outcome), Basis::Recorded)
    };
    let plain = plain(fact.outcome, whose.derivation).filter(|_| fact.detail.is_none());
    lines.push(match plain {
        Some(text) => line.saying(text),
        None => line,
    });
}

/// The attempts that are remembered one by one; the oldest may be forgotten.
fn failed(lines: &mut Vec<StepLine>, whose: &Whose<'_>, notes: &[AttemptNote], attempts: u32, basis: Basis) {
    let kept = u32::try_from(notes.len()).unwrap_or(u32::MAX);
    let all_kept = notes.len() < crate::lanes::ATTEMPTS_KEPT_MAX;
    let first = if all_kept {
        1
    } else {
        attempts.saturating_sub(kept).max(1)
    };
    for (n, note) in (first..).zip(notes) {
        lines.push(StepLine {
            at: Some(rfc3339(from_millis(note.at_ms))),
            detail: note.detail.clone(),
            detail_de: german(&note.detail),
            attempt: Some(n),
            code: Some(note.code.clone()),
            ..whose.line("deliver", "failed", basis)
        });
    }
}

/// What an outcome means where nobody said more.
fn plain(outcome: Outcome, derivation: bool) -> Option<Text> {
    Some(match outcome {
        Outcome::Delivered if derivation => Text::new(
            "die abgeleiteten Ereignisse stehen im Log",
            "derived events are in the log",
        ),
        Outcome::Delivered => Text::new("der Empfänger hat es", "the receiver has it"),
        Outcome::Expired => Text::new(
            "seine Frist (expirytime) war vor der Zustellung vorbei",
            "expirytime passed before it could be delivered",
        ),
        Outcome::Parked => Text::new("geparkt", "parked"),
        Outcome::Retry => Text::new("ein späterer Versuch ist geplant", "a scheduled retry owns it"),
        Outcome::Filtered | Outcome::DeadLettered | Outcome::Failed => return None,
    })
}

/// It waits for a scheduled retry, or in the log of parked events.
fn set_aside(whose: &Whose<'_>, last: &Recorded, whereabouts: Option<&Whereabouts>) -> StepLine {
    if let Some(paused) = whereabouts.and_then(|there| paused(whose, there)) {
        return paused;
    }
    let base = whose.line("deliver", "pending", Basis::Present);
    match whereabouts.and_then(|there| there.standing.as_ref()) {
        Some(Standing::Parked { stop }) => return parked(base, stop.as_deref(), last.fact.position),
        _ if last.fact.outcome == Outcome::Parked => return parked_elsewhere(base),
        _ => {}
    }
    let line = StepLine {
        next: last.fact.next_ms.map(|next| rfc3339(from_millis(next))),
        ..base
    };
    line.saying(Text::new(
        "wartet auf den geplanten Versuch",
        "waits for its scheduled retry",
    ))
}

fn paused(whose: &Whose<'_>, whereabouts: &Whereabouts) -> Option<StepLine> {
    let pause = whereabouts.pause.clone()?;
    // Nobody paused it: it goes on by itself as soon as its receiver consents.
    let outcome = if pause.code == WITHHELD {
        "pending"
    } else {
        "paused"
    };
    let line = StepLine {
        code: Some(pause.code.clone()),
        ..whose.line("deliver", outcome, Basis::Present)
    };
    Some(line.saying(pause.in_words()))
}

/// It is on its way; answers the attempts made.
fn pending(
    lines: &mut Vec<StepLine>,
    whose: &Whose<'_>,
    whereabouts: &Whereabouts,
    position: Position,
) -> Option<u32> {
    if let Some(Standing::Waiting {
        attempts,
        next,
        notes,
    }) = &whereabouts.standing
    {
        failed(lines, whose, notes, *attempts, Basis::Present);
        lines.push(paused(whose, whereabouts).unwrap_or_else(|| waiting(whose, *next)));
        return Some(*attempts);
    }
    let base = whose.line("deliver", "pending", Basis::Present);
    let line = || match &whereabouts.standing {
        Some(Standing::Parked { stop }) => parked(base, stop.as_deref(), position),
        standing => base.saying(in_words(standing.as_ref(), whereabouts.here)),
    };
    lines.push(paused(whose, whereabouts).unwrap_or_else(line));
    None
}

fn waiting(whose: &Whose<'_>, next: Duration) -> StepLine {
    let line = StepLine {
        next: clock::now().checked_add(next).map(rfc3339),
        ..whose.line("deliver", "pending", Basis::Present)
    };
    line.saying(Text::new(
        "wartet auf den nächsten Versuch",
        "waits for its next attempt",
    ))
}
