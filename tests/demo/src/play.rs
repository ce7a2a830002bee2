//! Plays the script: sends each input, waits for its deliveries, and says what became of it.

use std::time::{Duration, Instant};

use serde_json::Value;
use stadtbus_harness::{Answer, Failure, Outcome};

use crate::arguments::Arguments;
use crate::expected::{Expected, Known};
use crate::scenario::{self, Delivery, Input, Scenario, Script};
use crate::stage::Stage;

/// The count at the end.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) expected: usize,
    pub(crate) as_expected: usize,
    wrong: usize,
    /// An event whose journey is worth looking at.
    pub(crate) traceable: Option<String>,
}

impl Tally {
    pub(crate) fn is_clean(&self) -> bool {
        self.wrong == 0 && self.as_expected == self.expected
    }
}

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

pub(crate) async fn play(script: &Script, stage: &mut Stage, arguments: &Arguments) -> Outcome<Tally> {
    let mut tally = Tally::default();
    for scenario in &script.scenarios {
        let wrong = play_scenario(script, scenario, stage, arguments, &mut tally).await?;
        tally.wrong += wrong.len();
        for line in wrong {
            eprintln!("  {line}");
        }
    }
    stage.quiet().await?;
    for (name, seen) in stage.ears.unclaimed() {
        tally.wrong += 1;
        eprintln!(
            "  {name}: an event nobody expected: {} {}",
            seen.attribute("type"),
            seen.attribute("subject")
        );
    }
    if arguments.check && stage.ears.unclaimed().is_empty() {
        println!("nothing else arrived at anyone");
    }
    Ok(tally)
}

/// Everything that was not as expected.
async fn play_scenario(
    script: &Script,
    scenario: &Scenario,
    stage: &mut Stage,
    arguments: &Arguments,
    tally: &mut Tally,
) -> Outcome<Vec<String>> {
    let language = arguments.language;
    if !arguments.check {
        println!("\n{}  {}", scenario.id, scenario.title.in_(language));
    }
    let mut known = Known::default();
    let mut wrong = Vec::new();
    let before = (tally.as_expected, tally.expected);
    for input in &scenario.inputs {
        let answer = send(input, stage).await?;
        known.receipts = receipt_ids(&answer);
        tally.traceable = tally.traceable.take().or_else(|| known.receipts.first().cloned());
        wrong.extend(judge_answer(input, &answer).map(|reason| format!("{}: {reason}", input.file)));
        if !arguments.check {
            tell_input(input, &answer, arguments);
        }
        for delivery in &input.deliveries {
            tally.expected += 1;
            let problems = await_delivery(delivery, stage, &mut known).await?;
            let fine = problems.is_empty();
            tally.as_expected += usize::from(fine);
            if !arguments.check {
                let title = script
                    .title(&delivery.to)
                    .map_or(delivery.to.as_str(), |title| title.in_(language));
                println!(
                    "     {} {title}: {}",
                    if fine { "✓" } else { "✗" },
                    delivery.title.in_(language)
                );
            }
            wrong.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("{} → {}: {problem}", input.file, delivery.to)),
            );
        }
    }
    if arguments.check {
        let (fine, all) = (tally.as_expected - before.0, tally.expected - before.1);
        let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
        println!(
            "{} {}: {verdict}, {fine} of {all} deliveries",
            scenario.id,
            scenario.title.in_(language)
        );
    }
    Ok(wrong)
}

async fn send(input: &Input, stage: &Stage) -> Outcome<Answer> {
    let client = stage
        .world
        .client(&input.partner, &input.system, "publish")
        .await?;
    let body = scenario::read(&format!("inputs/{}", input.file))?;
    client.ingest(&input.route, "application/json", body).await
}

fn receipt_ids(answer: &Answer) -> Vec<String> {
    let receipts = answer.json();
    let receipts = receipts
        .get("receipts")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let id = |receipt: &Value| {
        receipt
            .pointer("/receipt/id")
            .or_else(|| receipt.get("id"))
            .cloned()
    };
    receipts
        .iter()
        .filter_map(id)
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

fn dropped(answer: &Answer, member: &str) -> Option<String> {
    answer
        .json()
        .pointer(&format!("/dropped/{member}"))
        .and_then(Value::as_str)
        .map(str::to_owned)
}

/// What is wrong with the answer, if anything is.
fn judge_answer(input: &Input, answer: &Answer) -> Option<String> {
    let found = receipt_ids(answer).len();
    if answer.status != 202 {
        return Some(format!("HTTP {}: {}", answer.status, answer.text()));
    }
    if found != input.receipts {
        return Some(format!(
            "{found} receipts instead of {}: {}",
            input.receipts,
            answer.text()
        ));
    }
    let code = dropped(answer, "code");
    if code != input.dropped {
        return Some(format!(
            "dropped is {code:?} instead of {:?}: {}",
            input.dropped,
            answer.text()
        ));
    }
    None
}

fn tell_input(input: &Input, answer: &Answer, arguments: &Arguments) {
    let language = arguments.language;
    println!("  → {}", input.title.in_(language));
    match dropped(answer, "reason") {
        Some(reason) => println!(
            "     · {}: {reason}",
            language.choose("nicht weitergegeben", "not passed on")
        ),
        None => println!(
            "     · {}: {}",
            language.choose("angenommen und durchgeschrieben", "accepted and written through"),
            receipt_ids(answer).join(", ")
        ),
    }
}

/// Waits for one delivery and compares it; the differences in words.
async fn await_delivery(delivery: &Delivery, stage: &mut Stage, known: &mut Known) -> Outcome<Vec<String>> {
    let expected = Expected::load(&delivery.file)?;
    let until = Instant::now() + ARRIVES_WITHIN;
    loop {
        stage
            .ears
            .listen()
            .await
            .map_err(|failure: Failure| failure.while_(&delivery.to))?;
        if let Some(seen) = stage.ears.claim(&delivery.to, &expected) {
            return Ok(expected.differences(&seen, known));
        }
        if Instant::now() >= until {
            return Ok(vec![format!(
                "nothing came within {} s",
                ARRIVES_WITHIN.as_secs()
            )]);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
