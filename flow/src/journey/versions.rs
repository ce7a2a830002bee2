//! Which version of its plugin an event went through, where a rollout decided that.

use stadtbus_contracts::Text;

use super::StepLine;
use crate::rollout::{Part, Ran};

/// The part in one word.
pub(super) fn word(ran: &Ran) -> &'static str {
    match ran.part {
        Part::Canary => "canary",
        Part::Fallback => "fallback",
        Part::Service => "in-service",
        Part::Shadow => "shadow",
    }
}

/// The line that says so, naming the version that it speaks of.
pub(super) fn told(base: StepLine, ran: &Ran) -> StepLine {
    let text = match ran.part {
        Part::Canary => Text::new(
            "ging als Canary durch die neue Version des Plugins",
            "went through the new version of the plugin, as a canary",
        ),
        Part::Fallback => Text::new(
            "die neue Version scheiterte als Canary daran; die bisherige Version übernahm",
            "the new version failed at it as a canary; the version in service took it",
        ),
        Part::Service => Text::new(
            "ging durch die Version, die bei dieser Umstellung in Betrieb war",
            "went through the version that a rollout had put into service",
        ),
        Part::Shadow => Text::new(
            "die neue Version lief als Schatten daneben und lieferte nichts",
            "the new version ran beside it as a shadow and delivered nothing",
        ),
    };
    let line = StepLine {
        rule: Some(ran.beside.clone().unwrap_or_else(|| ran.plugin.clone())),
        ..base
    };
    line.saying(text)
}
