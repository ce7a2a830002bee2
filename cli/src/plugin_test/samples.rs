//! The inputs of a plugin's tests by themselves, to be run again and again. What must come of them is not asked here.

use crate::ui::Failure;
use stadtbus_plugin_host::{Call, Plugin};
use std::path::Path;

use super::case::{self, Given};
use super::{read, state_after, test_files};

/// One input, with the state that it meets in its case.
#[derive(Debug)]
pub(crate) struct Sample {
    given: Given,
    state: Option<Vec<u8>>,
}

impl Sample {
    /// The call.
    pub(crate) fn call(&self) -> Call<'_> {
        self.given.call(self.state.as_deref())
    }
}

/// What a plugin's tests offer.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Inputs that are answered.
    pub(crate) inputs: Vec<Sample>,
    /// Inputs that are not: they cannot be read, or a call with them fails.
    pub(crate) left_out: usize,
}

/// The inputs in the order of the tests. Each runs once: to learn what state the next one meets, and whether it is answered.
pub(crate) fn samples(folder: &Path, plugin: &Plugin) -> Result<Samples, Failure> {
    let mut samples = Samples::default();
    for file in test_files(folder)? {
        for test in read(&file)? {
            let mut state = test.state.as_ref().map(case::state_bytes);
            for step in &test.steps {
                let Ok(given) = Given::prepare(&test, step, folder) else {
                    samples.left_out = samples.left_out.saturating_add(1);
                    continue;
                };
                let outcome = plugin.run_fresh(given.call(state.as_deref()));
                let before = state.clone();
                state = state_after(state, &outcome);
                if outcome.is_ok() {
                    let state = before;
                    samples.inputs.push(Sample { given, state });
                } else {
                    samples.left_out = samples.left_out.saturating_add(1);
                }
            }
        }
    }
    Ok(samples)
}
