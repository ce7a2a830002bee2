//! A scripted integrator: does what the tutorials say, as they are written, and looks whether the plugin got where they lead.
//!
//! For each language, in a fresh folder below `target/integrator`: writes the files of the page, types its commands, one after
//! another, in one shell, and nothing else. Between them it only waits, and asks the bus how it stands.

mod desk;
mod page;

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use self::desk::Desk;
use self::page::{Step, steps};
use crate::interop;
use crate::shell::{Done, Shell};

const PAGES: &str = "docs/plugins";
const PREFIX: &str = "tutorial-";
/// So many events a version must have seen before the reader goes on.
const ENOUGH: u64 = 20;
/// The file in which the pages keep the number of the event that was sent last.
const LAST_SENT: &str = "strom.nr";

/// `cargo xtask integrator [LANGUAGE…]`.
pub(crate) fn run(shell: &Shell, args: &[String]) -> Done {
    let known = languages(&shell.root.join(PAGES))?;
    if let Some(unknown) = args.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "there is no tutorial for `{unknown}`; there are: {}",
            known.join(", ")
        ));
    }
    let chosen = if args.is_empty() { &known[..] } else { args };
    let bus = interop::bus(shell)?;
    let mut rows = vec!["language     steps  seconds  events through the new version  ok".to_owned()];
    let mut failed = Vec::new();
    for language in chosen {
        let began = Instant::now();
        let mut reader = Reader::default();
        let done = follow(shell, language, &bus, &mut reader);
        let seconds = began.elapsed().as_secs_f64();
        let ok = if done.is_ok() { "yes" } else { "NO" };
        let (taken, events) = (reader.steps, reader.events);
        rows.push(format!(
            "{language:<12} {taken:>5}  {seconds:>7.1}  {events:>30}  {ok}"
        ));
        if let Err(why) = done {
            failed.push(format!("{language}: {why}"));
        }
    }
    println!("\n{}", rows.join("\n"));
    if failed.is_empty() {
        return Ok(());
    }
    Err(failed.join("\n\n"))
}

/// What a reader of a page has come to.
#[derive(Default)]
struct Reader {
    steps: usize,
    /// Events that went through the new version after it was put into service.
    events: u64,
    promoted: bool,
    rolled_back: bool,
}

fn follow(shell: &Shell, language: &str, bus: &Path, reader: &mut Reader) -> Done {
    let file = format!("{PAGES}/{PREFIX}{language}.md");
    println!("── {file}");
    let text = fs::read_to_string(shell.root.join(&file)).map_err(|error| format!("{file}: {error}"))?;
    let all = steps(&text).map_err(|why| format!("{file}: {why}"))?;
    let mut desk = Desk::new(shell, language, bus)?;
    let ids = traced(&all);
    for step in &all {
        match step {
            Step::Write { path, .. } => println!("  {path}"),
            Step::Type { command, .. } => println!("  $ {command}"),
        }
        desk.take(step)?;
        reader.steps += 1;
        if let Step::Type { command, .. } = step {
            reader.look(&mut desk, command, ids.as_deref())?;
        }
    }
    if reader.promoted && reader.rolled_back {
        return Ok(());
    }
    Err("the page does not lead to a version that was promoted and taken back".to_owned())
}

impl Reader {
    /// After what changes which version is in service: waits until that has been seen at work, and checks that it is so.
    fn look(&mut self, desk: &mut Desk, command: &str, ids: Option<&str>) -> Done {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(rollout) = Rollout::of(&words) else {
            return Ok(());
        };
        let stage = |standing: &Value| {
            standing
                .pointer("/rollout/stage")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let standing = rollout.standing(desk)?;
        let expected = match rollout.verb {
            "shadow" | "canary" => rollout.verb,
            "promote" => "promoted",
            _ => "rolled-back",
        };
        if stage(&standing).as_deref() != Some(expected) {
            return Err(format!("after `{command}` it stands like this:\n{standing:#}"));
        }
        match rollout.verb {
            "shadow" | "canary" => {
                let before = taken(&standing);
                desk.until("the new version at work", |desk| {
                    let standing = rollout.standing(desk)?;
                    if stage(&standing).as_deref() != Some(expected) {
                        return Err(format!("the new version stopped itself:\n{standing:#}"));
                    }
                    Ok((taken(&standing) >= before + ENOUGH).then_some(()))
                })
            }
            "promote" => {
                let ids = ids.ok_or("the page never traces an event of its stream")?;
                let version = in_service(&standing, "/rollout/new");
                self.events = rollout.went_through(desk, ids, &version)?;
                self.promoted = true;
                Ok(())
            }
            _ => {
                let (now, old) = (
                    in_service(&standing, "/in_service"),
                    in_service(&standing, "/rollout/old"),
                );
                self.rolled_back = now == old;
                Ok(())
            }
        }
    }
}

/// A command that moves a rollout.
struct Rollout<'a> {
    verb: &'a str,
    /// `partner/name`, where the command names it.
    plugin: &'a str,
    identity: &'a str,
}

impl<'a> Rollout<'a> {
    fn of(words: &[&'a str]) -> Option<Self> {
        let [
            _,
            "plugin",
            verb @ ("shadow" | "canary" | "promote" | "rollback"),
            target,
            ..,
        ] = words
        else {
            return None;
        };
        let at = words.iter().position(|word| *word == "--as")?;
        Some(Self {
            verb,
            plugin: target,
            identity: words.get(at + 1)?,
        })
    }

    /// How it stands. A folder is called as its plugin is.
    fn standing(&self, desk: &mut Desk) -> Done<Value> {
        let partner = self.identity.split('/').next().unwrap_or_default();
        let name = self.plugin.rsplit('/').next().unwrap_or_default();
        desk.ask(&format!(
            "stadtbus plugin status {partner}/{name} --as {}",
            self.identity
        ))
    }

    /// Waits for more events to be sent, and counts those of which the bus says that this version took them.
    fn went_through(&self, desk: &mut Desk, ids: &str, version: &str) -> Done<u64> {
        let first = desk.number(LAST_SENT).unwrap_or_default() + 2;
        desk.until("more events", |desk| {
            let last = desk.number(LAST_SENT).unwrap_or_default();
            Ok((last > first + ENOUGH).then_some(()))
        })?;
        let partner = self.identity.split('/').next().unwrap_or_default();
        for number in first..first + ENOUGH {
            let trace = format!(
                "stadtbus trace {ids}{number} --partner {partner} --as {}",
                self.identity
            );
            desk.until(&format!("{ids}{number} in {version}"), |desk| {
                let journey = desk.ask(&trace)?;
                let steps = journey.get("steps").and_then(Value::as_array);
                let by = |step: &Value| {
                    let rule = step.get("rule").and_then(Value::as_str).unwrap_or_default();
                    rule.contains(version) && step.get("outcome").and_then(Value::as_str) == Some("derived")
                };
                Ok(steps.is_some_and(|steps| steps.iter().any(by)).then_some(()))
            })?;
        }
        Ok(ENOUGH)
    }
}

/// How the ids of the page's stream begin: `NAME-` of `stadtbus trace "NAME-$(cat strom.nr)"`.
fn traced(steps: &[Step]) -> Option<String> {
    let end = format!("$(cat {LAST_SENT})");
    steps.iter().find_map(|step| match step {
        Step::Type { command, .. } => {
            let (head, _) = command.split_once(&end)?;
            head.split('"').nth(1).map(str::to_owned)
        }
        Step::Write { .. } => None,
    })
}

fn taken(standing: &Value) -> u64 {
    let taken = standing.pointer("/rollout/counts/taken");
    taken.and_then(Value::as_u64).unwrap_or_default()
}

/// `version+digest`.
fn in_service(standing: &Value, pointer: &str) -> String {
    let text = |name: &str| {
        let value = standing.pointer(&format!("{pointer}/{name}"));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    format!("{}+{}", text("version"), text("digest"))
}

/// Languages that have a tutorial, sorted.
fn languages(folder: &Path) -> Done<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> = names
        .filter_map(|name| Some(name.strip_prefix(PREFIX)?.strip_suffix(".md")?.to_owned()))
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_a_tutorial_is_left_out_and_each_leads_through_a_rollout() -> Done {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let languages = languages(&root.join(PAGES))?;
        assert_eq!(languages, ["jsonata", "python", "rust", "typescript", "zig"]);
        for language in languages {
            let file = root.join(PAGES).join(format!("{PREFIX}{language}.md"));
            let page = fs::read_to_string(file).map_err(|error| error.to_string())?;
            let steps = steps(&page).map_err(|why| format!("{language}: {why}"))?;
            assert!(traced(&steps).is_some(), "{language}");
            for verb in [
                "new", "build", "test", "check", "sign", "diff", "shadow", "canary", "promote", "status",
                "rollback",
            ] {
                let typed = |step: &Step| matches!(step, Step::Type { command, .. } if command.starts_with(&format!("stadtbus plugin {verb} ")));
                assert!(steps.iter().any(typed), "{language}: {verb}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_command_tells_which_rollout_it_moves() {
        let moved = |command: &str| {
            let words: Vec<&str> = command.split_whitespace().collect();
            Rollout::of(&words).map(|of| format!("{} {} {}", of.verb, of.plugin, of.identity))
        };
        let canary = "stadtbus plugin canary stadt/plugins/x --percent 50 --as werke/werkbank";
        assert_eq!(
            moved(canary).as_deref(),
            Some("canary stadt/plugins/x werke/werkbank")
        );
        assert_eq!(moved("stadtbus plugin status werke/x --as werke/werkbank"), None);
    }
}
