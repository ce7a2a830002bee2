//! What the tests of this crate share: a host with a real compiling process, manifests, events, built guests.
#![allow(dead_code)]

pub(crate) mod bombs;
pub(crate) mod corpus;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use stadtbus_event::Event;
use stadtbus_plugin_host::{
    Call, CompilerCommand, Host, HostConfig, Input, Manifest, OwnedCall, OwnedInput, Plugin, Tables, build,
};

/// The folder of this crate.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program that runs the body of the compiling process; cargo builds examples together with tests.
pub(crate) fn compile_child() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/compile_child")
}

/// A folder of this test's own.
pub(crate) fn fresh_dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("stadtbus-plugin-host-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A host that compiles in another process and keeps its artefacts in `cache_dir`.
pub(crate) fn host_in(cache_dir: PathBuf) -> Host {
    let compiler = CompilerCommand::Process {
        program: compile_child(),
        args: Vec::new(),
    };
    Host::new(HostConfig {
        instances_max: 32,
        cache_dir,
        compiler,
    })
    .unwrap()
}

/// A manifest of the given partner, world and limits.
pub(crate) fn manifest(partner: &str, world: &str, more: &str) -> Manifest {
    Manifest::parse(&format!(
        "plugin: p\npartner: {partner}\nversion: 1.0.0\nrole: transform\nworld: {world}\n\
         consumes: [de.krefeld.test.measured.v1]\nproduces: [de.krefeld.test.mapped.v1]\n{more}"
    ))
    .unwrap()
}

/// An event with this JSON data.
pub(crate) fn event(data: &str) -> Event {
    Event::builder("1", "urn:krefeld:ngn:leitwarte", "de.krefeld.test.measured.v1")
        .time("2026-01-31T12:00:00Z")
        .datacontenttype("application/json")
        .extension("sequence", 7)
        .data(data.as_bytes().to_vec())
        .build()
        .unwrap()
}

/// A call without configuration, state and tables.
pub(crate) fn call<'a>(event: &'a Event, tables: &'a Tables) -> Call<'a> {
    Call {
        input: Input::Event(event),
        config: b"",
        state: None,
        tables,
    }
}

/// The same for the pool.
pub(crate) fn owned(event: &Event) -> OwnedCall {
    OwnedCall {
        input: OwnedInput::Event(Arc::new(event.clone())),
        config: Bytes::new(),
        state: None,
        tables: Tables::none(),
    }
}

/// The component of a guest under `tests/guests`, built once per test run.
pub(crate) fn guest(name: &str) -> (Manifest, Vec<u8>) {
    static BUILDING: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    let _turn = BUILDING.get_or_init(Default::default).lock();
    let dir = root().join("tests/guests").join(name);
    let built =
        build::build(&dir, &root().join("../../target/guests")).unwrap_or_else(|error| panic!("{error}"));
    (build::read_manifest(&dir).unwrap(), built.component)
}

/// Deploys the mapper for `partner`.
pub(crate) async fn mapper(host: &Host, partner: &str) -> Arc<Plugin> {
    let (mut manifest, component) = guest("mapper");
    manifest.partner = stadtbus_event::PartnerId::parse(partner).unwrap();
    host.deploy(&manifest, &component).await.unwrap()
}
