//! Instances that look for what another one left: by two partners in turn, on two threads, so that each gets the memory
//! of all others.

use std::sync::Arc;
use std::thread;

use stadtbus_plugin_host::{Plugin, Tables};

use crate::support::{call, corpus, event, fresh_dir, host_in, manifest};

/// How many instances looked, and how many found something.
pub(crate) async fn look(instantiations: usize) -> (usize, usize) {
    let host = host_in(fresh_dir("hostile-leak"));
    let mut plugins = Vec::new();
    for partner in ["ngn", "gsak"] {
        let manifest = manifest(partner, "bytes", "");
        let plugin = host.deploy(&manifest, &corpus::component("leak.wat")).await;
        plugins.push(plugin.unwrap());
    }
    let share = instantiations.div_ceil(2);
    let looking: Vec<_> = [share, instantiations - share]
        .into_iter()
        .map(|count| {
            let plugins = plugins.clone();
            thread::spawn(move || finds(&plugins, count))
        })
        .collect();
    let found = looking.into_iter().map(|thread| thread.join().unwrap()).sum();
    (instantiations, found)
}

fn finds(plugins: &[Arc<Plugin>], count: usize) -> usize {
    let (input, tables) = (event("{}"), Tables::none());
    let turns = plugins.iter().cycle().take(count);
    turns
        .filter(|plugin| plugin.run(call(&input, &tables)).is_err())
        .count()
}
