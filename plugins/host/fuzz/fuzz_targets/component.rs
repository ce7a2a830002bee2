//! Any valid component is refused, or ends, with a code or an answer.
#![no_main]

#[path = "../generated.rs"]
mod generated;

use std::cell::{Cell, OnceCell};

use generated::Trial;
use libfuzzer_sys::{Corpus, fuzz_target};

/// Components between two times of clearing up.
const CLEARED_EVERY: u32 = 256;

thread_local! {
    static TRIAL: OnceCell<Trial> = const { OnceCell::new() };
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(component) = generated::component(bytes) else {
        return Corpus::Reject;
    };
    TRIAL.with(|trial| {
        let trial = trial.get_or_init(|| {
            let name = format!("stadtbus-fuzz-component-{}", std::process::id());
            Trial::new(std::env::temp_dir().join(name))
        });
        trial.put(&component);
        COUNT.set(COUNT.get() + 1);
        if COUNT.get() % CLEARED_EVERY == 0 {
            trial.clear();
        }
    });
    Corpus::Keep
});
