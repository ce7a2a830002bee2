//! The dependency rule: arrows point from the binary towards the event; a technology is named by exactly one crate.

use serde_json::Value;

use super::{Breach, Source};

/// Crates that ship, and the crates of this workspace each may depend on. Those not listed here are tests and tools: they may see all.
const LAYERS: &[(&str, &[&str])] = &[
    ("stadtbus-event", &[]),
    ("cloudevents-sql", &[]),
    ("stadtbus-contracts", &["stadtbus-event", "cloudevents-sql"]),
    ("stadtbus-plugin-host", &["stadtbus-event"]),
    ("stadtbus-broker", &[]),
    ("stadtbus-broker-memory", &["stadtbus-broker"]),
    ("stadtbus-broker-nats", &["stadtbus-broker"]),
    (
        "stadtbus-flow",
        &[
            "stadtbus-event",
            "cloudevents-sql",
            "stadtbus-contracts",
            "stadtbus-plugin-host",
            "stadtbus-broker",
        ],
    ),
    (
        "stadtbus-server",
        &[
            "stadtbus-event",
            "stadtbus-contracts",
            "stadtbus-plugin-host",
            "stadtbus-broker",
            "stadtbus-broker-memory",
            "stadtbus-broker-nats",
            "stadtbus-flow",
        ],
    ),
    (
        "stadtbus",
        &[
            "stadtbus-event",
            "stadtbus-contracts",
            "stadtbus-plugin-host",
            "stadtbus-flow",
            "stadtbus-server",
        ],
    ),
    // The harness knows the bus only from outside, or its tests would prove less than they say.
    ("stadtbus-harness", &[]),
    ("xtask", &[]),
];

/// What a crate's own tests may use besides.
const FOR_TESTS: &[&str] = &["stadtbus-broker-memory", "stadtbus-harness", "stadtbus-event"];

/// Technology → the crates whose manifest may name it, with the reason.
const TECHNOLOGIES: &[(&str, &[&str])] = &[
    // The broker is a promise (the port); NATS is one way to keep it. The load generator measures raw JetStream beside the bus.
    ("async-nats", &["stadtbus-broker-nats", "stadtbus-load"]),
    ("wasmtime", &["stadtbus-plugin-host"]),
    // Verifying is the flow's; the harness forges.
    ("jsonwebtoken", &["stadtbus-flow", "stadtbus-harness"]),
    ("jsonschema", &["stadtbus-contracts"]),
    ("cloudevents-sdk", &["stadtbus-event"]),
    // What ships reads the one Avro schema it needs by itself; the library is a witness in tests.
    ("apache-avro", &[]),
    // The bus calls out through one door; the command line has its own client for its own server.
    ("hyper-rustls", &["stadtbus"]),
    ("axum", &["stadtbus-server"]),
    ("utoipa", &["stadtbus-server"]),
    ("utoipa-axum", &["stadtbus-server"]),
    ("clap", &["stadtbus"]),
    ("opentelemetry-otlp", &["stadtbus-server"]),
    ("opentelemetry_sdk", &["stadtbus-server"]),
];

/// Where the crates that ship live.
pub(crate) const PRODUCT_DIRS: &[&str] = &[
    "event/",
    "cesql/",
    "contracts/registry/",
    "plugins/host/",
    "broker-adapters/",
    "flow/",
    "server/",
    "cli/",
];

/// A path that only these modules of the product may use.
const DOORS: &[(&str, &[&str], &str)] = &[
    (
        "jsonwebtoken",
        &["flow/src/authenticate"],
        "tokens are verified in one place",
    ),
    (
        "hyper_util::client",
        &[
            "flow/src/deliver/egress",
            "cli/src/client",
            "server/src/telemetry",
        ],
        "outbound connections leave by deliver/egress; the command line calls its own server, telemetry the operator's collector",
    ),
    (
        "hyper::client",
        &[
            "flow/src/deliver/egress",
            "cli/src/client",
            "server/src/telemetry",
        ],
        "outbound connections leave by deliver/egress; the command line calls its own server, telemetry the operator's collector",
    ),
    (
        "hyper_rustls",
        &["cli/src/client"],
        "outbound TLS is set up where connections are opened",
    ),
    (
        "tokio_rustls::TlsConnector",
        &["flow/src/deliver/egress"],
        "outbound TLS is set up where connections are opened",
    ),
    (
        "TcpStream::connect",
        &["flow/src/deliver/egress", "broker-adapters/nats/src"],
        "outbound connections leave by deliver/egress; the broker's monitor is asked by its adapter",
    ),
    (
        "lookup_host",
        &["flow/src/deliver/egress"],
        "an address is resolved where it is judged",
    ),
    (
        "async_nats",
        &["broker-adapters/nats/src"],
        "the flow does not know NATS",
    ),
    (
        "wasmtime",
        &["plugins/host/src"],
        "only the plugin host knows the engine",
    ),
];

/// Which crate depends on which, against [`LAYERS`]. `metadata` is what `cargo metadata --no-deps` prints.
pub(crate) fn dependencies(metadata: &Value) -> Vec<Breach> {
    let packages = packages(metadata);
    let members: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
    let mut breaches = Vec::new();
    for (name, dependencies) in &packages {
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| layer == name) else {
            continue;
        };
        for (dependency, kind) in dependencies
            .iter()
            .filter(|(dependency, _)| members.contains(dependency))
        {
            let in_tests = *kind == "dev" && FOR_TESTS.contains(dependency);
            if !allowed.contains(dependency) && !in_tests {
                breaches.push(Breach::new(*name, format!("may not depend on {dependency}")));
            }
        }
    }
    breaches
}

/// Which crate names which technology, against [`TECHNOLOGIES`].
pub(crate) fn technologies(metadata: &Value) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (name, dependencies) in packages(metadata) {
        let shipped = LAYERS.iter().any(|(layer, _)| *layer == name);
        for (dependency, kind) in dependencies {
            let Some((_, crates)) = TECHNOLOGIES
                .iter()
                .find(|(technology, _)| *technology == dependency)
            else {
                continue;
            };
            // A product crate's tests may use a second implementation as a witness; a test crate may name what it attacks.
            if shipped && kind != "dev" && !crates.contains(&name) {
                let sentence = format!(
                    "may not name {dependency}: it belongs to {}",
                    crates.join(" and ")
                );
                breaches.push(Breach::new(name, sentence));
            }
        }
    }
    breaches
}

/// Which module of the product uses which path, against [`DOORS`].
pub(crate) fn doors(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.is_rust() && source.is_product())
    {
        for (path, modules, reason) in DOORS {
            if modules.iter().any(|module| source.path.starts_with(module)) {
                continue;
            }
            for (number, line) in source.code.lines().enumerate() {
                if names(line, path) {
                    let place = format!("{}:{}", source.path, number + 1);
                    breaches.push(Breach::new(place, format!("uses {path}: {reason}")));
                }
            }
        }
    }
    breaches
}

/// Whether the line contains `path` as a path of its own, not as the end of a longer word.
fn names(line: &str, path: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + path.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

/// (package, [(dependency, kind)]) of every workspace member.
fn packages(metadata: &Value) -> Vec<(&str, Vec<(&str, &str)>)> {
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    debug_assert!(
        !list(metadata, "packages").is_empty(),
        "cargo metadata names no package"
    );
    let packages = metadata
        .get("packages")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    packages
        .iter()
        .filter_map(|package| Some((text(package, "name")?, dependencies_of(package))))
        .collect()
}

fn dependencies_of(package: &Value) -> Vec<(&str, &str)> {
    let dependencies = package
        .get("dependencies")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    dependencies
        .iter()
        .filter_map(|one| Some((text(one, "name")?, text(one, "kind").unwrap_or("normal"))))
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}
