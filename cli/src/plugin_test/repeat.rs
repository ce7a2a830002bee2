//! Whether a plugin is the pure function that replay relies on, as far as the inputs of its own tests can show: each runs twice,
//! in two fresh instances, and verdict, state and log lines must be the same. What must come of it is not asked here.

use crate::say;
use crate::ui::Failure;
use serde::Serialize;
use stadtbus_plugin_host::{Answer, Failure as Failed, LogLine, Plugin};
use std::path::Path;

use super::case::{self, Given, TestCase};
use super::{expect, read, state_after, test_files};

/// What came of the repetition.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Repeated {
    /// Inputs that ran twice.
    pub(crate) inputs: usize,
    /// Cases with an input that was answered in two ways.
    pub(crate) different: Vec<String>,
}

/// Runs each input of a plugin's tests twice.
pub(crate) fn repeat(folder: &Path, plugin: &Plugin) -> Result<Repeated, Failure> {
    let mut repeated = Repeated::default();
    for file in test_files(folder)? {
        for test in read(&file)? {
            case_twice(plugin, &test, folder, &mut repeated);
        }
    }
    Ok(repeated)
}

/// A step that cannot be prepared ends its case: that is for `plugin test` to say.
fn case_twice(plugin: &Plugin, test: &TestCase, folder: &Path, repeated: &mut Repeated) {
    let mut state = test.state.as_ref().map(case::state_bytes);
    for (number, step) in test.steps.iter().enumerate() {
        let Ok(given) = Given::prepare(test, step, folder) else {
            return;
        };
        let first = plugin.run_fresh(given.call(state.as_deref()));
        let second = plugin.run_fresh(given.call(state.as_deref()));
        repeated.inputs = repeated.inputs.saturating_add(1);
        if !alike(&first, &second) {
            let step = number.saturating_add(1);
            let name = &test.name;
            repeated.different.push(if test.steps.len() < 2 {
                name.clone()
            } else {
                say!("{name}, Schritt {step}", "{name}, step {step}")
            });
        }
        state = state_after(state, &first);
    }
}

/// The same verdict, state and log lines; what they cost may differ.
pub(super) fn alike(first: &Result<Answer, Failed>, second: &Result<Answer, Failed>) -> bool {
    expect::same(first, second) && logs(first) == logs(second)
}

fn logs(outcome: &Result<Answer, Failed>) -> &[LogLine] {
    match outcome {
        Ok(answer) => &answer.logs,
        Err(failure) => &failure.logs,
    }
}
