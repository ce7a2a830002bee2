//! The verdicts for people, for programs and for build servers.

use super::cases::{Case, Level, SPECIFICATION};
use super::judge::Verdict;
use super::run::Judged;
use crate::junit;
use crate::say;
use crate::ui::text::{Lang, lang};
use crate::ui::{Shell, Style, t};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The title in the language of the run.
pub(crate) fn title(case: &Case) -> &str {
    match lang() {
        Lang::De => &case.de,
        Lang::En => &case.en,
    }
}

/// `spec.md:35`, marked where the released version does not say it yet.
pub(crate) fn place(case: &Case) -> String {
    let wip = if case.wip { " [wip]" } else { "" };
    match case.line {
        0 => t("eigene Prüfung", "a check of our own").to_owned(),
        line => format!("{}:{line}{wip}", case.document),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Fail => t("FALSCH", "FAILED"),
        Verdict::NotTestable => t("nicht prüfbar", "not testable"),
        Verdict::NotClaimed => t("nicht beansprucht", "not claimed"),
    }
}

/// The requirements with the worst that was found about each.
pub(crate) fn by_requirement(judged: &[Judged]) -> BTreeMap<&str, Verdict> {
    let mut worst: BTreeMap<&str, Verdict> = BTreeMap::new();
    for one in judged {
        for id in &one.case.covers {
            let verdict = one.finding.verdict;
            let known = worst.entry(id).or_insert(verdict);
            // What passed somewhere is kept, as far as it can be told; what failed anywhere is not.
            *known = match (*known, verdict) {
                (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
                (Verdict::Pass, _) | (_, Verdict::Pass) => Verdict::Pass,
                (one, other) => one.max(other),
            };
        }
    }
    worst
}

/// How many cases have this verdict.
pub(crate) fn count(judged: &[Judged], level: Option<Level>, verdict: Verdict) -> usize {
    judged
        .iter()
        .filter(|one| level.is_none_or(|level| one.case.level == level) && one.finding.verdict == verdict)
        .count()
}

/// Shows all verdicts; what failed last, so that it is what remains on the screen.
pub(crate) fn show(shell: &Shell, endpoint: &str, judged: &[Judged]) {
    shell.show(&document(endpoint, judged), || {
        let mut sorted: Vec<&Judged> = judged.iter().collect();
        sorted.sort_by_key(|one| one.finding.verdict);
        sorted.into_iter().map(|one| line(shell, one)).collect()
    });
    let total = |verdict| count(judged, None, verdict);
    let (passed, untestable) = (total(Verdict::Pass), total(Verdict::NotTestable));
    let unclaimed = total(Verdict::NotClaimed);
    let must = count(judged, Some(Level::Must), Verdict::Fail);
    let should = count(judged, Some(Level::Should), Verdict::Fail);
    shell.notice(&say!(
        "{passed} bestanden · {must} MUST und {should} SHOULD verletzt · {untestable} nicht prüfbar · {unclaimed} nicht beansprucht",
        "{passed} passed · {must} MUST and {should} SHOULD broken · {untestable} not testable · {unclaimed} not claimed"
    ));
}

fn line(shell: &Shell, one: &Judged) -> String {
    let style = match one.finding.verdict {
        Verdict::Pass => Style::Good,
        Verdict::Fail => Style::Bad,
        Verdict::NotTestable | Verdict::NotClaimed => Style::Dim,
    };
    let head = shell.paint(style, word(one.finding.verdict));
    let case = &one.case;
    let mut line = format!(
        "{head}  {} {}  {}  {}: {}",
        case.covers.join(" "),
        case.level.word(),
        place(case),
        case.case,
        title(case)
    );
    if !one.finding.reason.is_empty() {
        line.push_str(&format!("  [{}]", one.finding.reason));
    }
    line
}

/// The whole as JSON.
pub(crate) fn document(endpoint: &str, judged: &[Judged]) -> Value {
    let requirements: Map<String, Value> = by_requirement(judged)
        .into_iter()
        .map(|(id, verdict)| (id.to_owned(), json!(verdict)))
        .collect();
    let cases: Vec<Value> = judged.iter().map(entry).collect();
    json!({
        "endpoint": endpoint,
        "specification": SPECIFICATION,
        "summary": {
            "pass": count(judged, None, Verdict::Pass),
            "fail_must": count(judged, Some(Level::Must), Verdict::Fail),
            "fail_should": count(judged, Some(Level::Should), Verdict::Fail),
            "not_testable": count(judged, None, Verdict::NotTestable),
            "not_claimed": count(judged, None, Verdict::NotClaimed),
        },
        "requirements": requirements,
        "cases": cases,
    })
}

fn entry(one: &Judged) -> Value {
    let mut entry = listing(&one.case);
    if let Some(members) = entry.as_object_mut() {
        members.insert("verdict".to_owned(), json!(one.finding.verdict));
        members.insert("reason".to_owned(), json!(one.finding.reason));
        members.insert("status".to_owned(), json!(one.status));
        members.insert("micros".to_owned(), json!(one.micros));
    }
    entry
}

/// A case without a verdict.
pub(crate) fn listing(case: &Case) -> Value {
    json!({
        "case": case.case,
        "requirements": case.covers,
        "level": case.level,
        "document": case.document,
        "line": case.line,
        "wip": case.wip,
        "claim": case.claim.map(super::cases::Claim::word),
        "title": title(case),
    })
}

/// For build servers: what may be otherwise for a reason (SHOULD) is no failure there.
pub(crate) fn junit(judged: &[Judged]) -> String {
    let mut cases: Vec<junit::Case> = judged
        .iter()
        .map(|one| {
            let case = &one.case;
            let reason = || format!("{} {}: {}", case.level.word(), place(case), one.finding.reason);
            let (failure, skipped) = match (one.finding.verdict, case.level) {
                (Verdict::Pass, _) => (None, None),
                (Verdict::Fail, Level::Must) => (Some(reason()), None),
                _ => (None, Some(format!("{}: {}", word(one.finding.verdict), reason()))),
            };
            junit::Case {
                micros: one.micros,
                skipped,
                ..junit::Case::new(
                    case.covers.join(" "),
                    format!("{}: {}", case.case, title(case)),
                    failure,
                )
            }
        })
        .collect();
    cases.sort_by(|one, other| one.suite.cmp(&other.suite));
    junit::xml(&cases)
}
