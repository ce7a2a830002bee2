//! A plugin comes into force only signed, as one component for ever, and with what a second person granted; what the store
//! holds is verified whenever it is loaded.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{
    BusOptions, Client, Finished, Process, World, WorldOptions, eventually, stadtbus_bin,
};

use crate::city::CityFolder;
use crate::plugins::{moody_city, moody_city_with};
use crate::support::{LATER, SOON, event, publish, recipient, sender, take, world};

const COMPONENT: &str = "plugins/launisch/build/launisch.wasm";
const MANIFEST: &str = "plugins/launisch/plugin.yaml";
const FIRST: &str = "stadt/betrieb";

/// Runs a command that asks no bus.
pub(crate) async fn stadtbus(args: &[&str]) -> Finished {
    Process::run(&stadtbus_bin().unwrap(), args, &[], Duration::from_secs(120))
        .await
        .unwrap()
}

/// A new key of an integrator in `dir`; its public half as the partner's file names it.
pub(crate) async fn key(dir: &Path, name: &str) -> (String, Value) {
    let file = dir.join(name).display().to_string();
    let made = stadtbus(&["plugin", "key", "--out", &file, "--output", "json"]).await;
    let public = serde_json::from_str(&made.success("key").unwrap().stdout).unwrap();
    (file, public)
}

/// Registers a key for `werk`, and a second operator.
pub(crate) fn registered(city: &CityFolder, key: &Value) {
    let path = city.path().join("partners/werk.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let keys = format!(
        "plugin_keys: [{{id: {}, public_key: {}}}]\n",
        key["id"], key["public_key"]
    );
    city.write("city/partners/werk.yaml", &format!("{text}{keys}"));
    let path = city.path().join("partners/stadt.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let second = "  - {system: aufsicht, title: Aufsicht, may: [operate]}\n";
    city.write("city/partners/stadt.yaml", &format!("{text}{second}"));
}

pub(crate) fn plugin_folder(city: &CityFolder) -> String {
    city.root().join("plugins/launisch").display().to_string()
}

pub(crate) async fn sign(city: &CityFolder, key: &str) {
    let folder = plugin_folder(city);
    let done = stadtbus(&["plugin", "sign", &folder, "--signing-key", key]).await;
    done.success("sign").unwrap();
}

/// Another component that does the same: one more custom section.
fn other_component(city: &CityFolder, name: u8) {
    let path = city.root().join(COMPONENT);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0, 2, 1, name]);
    std::fs::write(&path, bytes).unwrap();
}

fn changed_manifest(city: &CityFolder, from: &str, to: &str) {
    let path = city.root().join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    city.write(MANIFEST, &text.replace(from, to));
}

async fn strict_world() -> World {
    let bus = BusOptions {
        strict_plugins: true,
        ..BusOptions::default()
    };
    let options = WorldOptions {
        bus,
        ..WorldOptions::default()
    };
    World::start(options).await.unwrap()
}

async fn apply(world: &World, city: &CityFolder) -> Finished {
    let operator = world.operator().await.unwrap();
    world
        .bus
        .apply(operator.token(), &city.path(), &[])
        .await
        .unwrap()
}

/// Expects that it is refused with this code; all that was said.
pub(crate) fn refused(done: &Finished, code: &str) -> String {
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_ne!(done.code, Some(0), "{said}");
    assert!(said.contains(code), "{code} expected in {said}");
    said
}

async fn second(world: &World) -> Client {
    world.client("stadt", "aufsicht", "operate").await.unwrap()
}

async fn approve_as(world: &World, client: &Client) -> Finished {
    let args = ["plugin", "approve", "werk/launisch", "--yes"];
    world.bus.command(client.token(), &args, &[]).await.unwrap()
}

async fn standing(client: &Client) -> Value {
    let answer = client
        .get("/v1/plugin-grants")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    answer.json()["plugins"][0].clone()
}

/// A strict bus with the signed moody plugin in force, and its integrator's key.
pub(crate) async fn in_force(manifest_lines: &str) -> (World, CityFolder, String) {
    let city = moody_city_with(manifest_lines).await;
    let (file, public) = key(city.root(), "integrator.pem").await;
    registered(&city, &public);
    sign(&city, &file).await;
    let world = strict_world().await;
    refused(&apply(&world, &city).await, "SB-4023");
    let second = second(&world).await;
    approve_as(&world, &second).await.success("approve").unwrap();
    apply(&world, &city).await.success("apply").unwrap();
    (world, city, file)
}

#[tokio::test]
async fn only_what_a_registered_key_signed_comes_into_force() {
    let city = moody_city().await;
    let (file, public) = key(city.root(), "integrator.pem").await;
    let (stranger, _) = key(city.root(), "stranger.pem").await;
    registered(&city, &public);
    let world = strict_world().await;
    refused(&apply(&world, &city).await, "SB-4020");
    sign(&city, &stranger).await;
    refused(&apply(&world, &city).await, "SB-4021");
    sign(&city, &file).await;
    let said = refused(&apply(&world, &city).await, "SB-4023");
    assert!(said.contains("other than stadt/betrieb"), "{said}");
    approve_as(&world, &second(&world).await)
        .await
        .success("approve")
        .unwrap();
    apply(&world, &city).await.success("apply").unwrap();
    publish(&sender(&world).await, &event("s-1", 7)).await;
    take(&recipient(&world).await, "amt-folgen", 1, SOON).await;
}

/// The bus looks for itself, whatever a client looked at before.
#[tokio::test]
async fn a_deployment_is_verified_by_the_bus() {
    use base64::Engine as _;
    let (world, city, _) = in_force("").await;
    let werk = sender(&world).await;
    let path = "/v1/plugins/werk/launisch";
    let manifest = std::fs::read_to_string(city.root().join(MANIFEST)).unwrap();
    let component = std::fs::read(city.root().join(COMPONENT)).unwrap();
    let signature = std::fs::read(city.root().join(format!("{COMPONENT}.sig"))).unwrap();
    let signature: Value = serde_json::from_slice(&signature).unwrap();
    let mut other = component.clone();
    other.extend_from_slice(&[0, 2, 1, b'x']);
    let coded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut forged = signature.clone();
    forged["signatures"][0]["sig"] = json!(coded(&[7; 64]));
    let raised = manifest.replace("version: 1.0.0", "version: 1.0.1");
    let same = json!({"manifest": manifest, "component": coded(&component), "signature": signature});
    let answer = werk.put(path, &same).await.unwrap().expect(200).unwrap();
    assert_eq!(answer.json()["change"], json!("unchanged"));
    for (name, body, code) in [
        (
            "unsigned",
            json!({"manifest": manifest, "component": coded(&component)}),
            "SB-4020",
        ),
        (
            "other component",
            json!({"manifest": manifest, "component": coded(&other), "signature": signature}),
            "SB-4021",
        ),
        (
            "other version",
            json!({"manifest": raised, "component": coded(&component), "signature": signature}),
            "SB-4021",
        ),
        (
            "more time",
            json!({"manifest": manifest.replace("deadline_ms: 50", "deadline_ms: 60"), "component": coded(&component), "signature": signature}),
            "SB-4021",
        ),
        (
            "forged",
            json!({"manifest": manifest, "component": coded(&component), "signature": forged}),
            "SB-4021",
        ),
    ] {
        let answer = werk.put(path, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, code),
            "{name}: {}",
            answer.text()
        );
    }
    publish(&werk, &event("d-1", 7)).await;
    take(&recipient(&world).await, "amt-folgen", 1, SOON).await;
}

#[tokio::test]
async fn a_version_is_one_component_for_ever() {
    let (world, city, file) = in_force("").await;
    other_component(&city, b'x');
    sign(&city, &file).await;
    let said = refused(&apply(&world, &city).await, "SB-4022");
    assert!(said.contains("werk/launisch@1.0.0"), "{said}");
    changed_manifest(&city, "version: 1.0.0", "version: 1.0.1");
    sign(&city, &file).await;
    // It asks for what is granted already, so nobody has to be asked.
    apply(&world, &city).await.success("a new version").unwrap();
    // The name stays given away although it is not in force any more.
    changed_manifest(&city, "version: 1.0.1", "version: 1.0.0");
    sign(&city, &file).await;
    refused(&apply(&world, &city).await, "SB-4022");
}

#[tokio::test]
async fn what_a_plugin_may_use_is_approved_by_another_person() {
    let (world, city, file) = in_force("").await;
    let (first, second) = (world.operator().await.unwrap(), second(&world).await);
    let before = standing(&second).await;
    assert_eq!(before["granted"][0]["grant"], json!("log"), "{before}");
    assert_eq!(before["granted"][0]["asked_by"], json!(FIRST));
    assert_eq!(before["granted"][0]["approved_by"], json!("stadt/aufsicht"));
    refused(&approve_as(&world, &second).await, "SB-4024");

    let state = "limits: {deadline_ms: 50";
    changed_manifest(
        &city,
        state,
        &format!("state: {{key: /nr, ttl_s: 3600, bytes_max: 64}}\n{state}"),
    );
    changed_manifest(&city, "version: 1.0.0", "version: 1.1.0");
    other_component(&city, b'y');
    sign(&city, &file).await;
    let said = refused(&apply(&world, &city).await, "SB-4023");
    assert!(
        said.contains("state:/nr") && said.contains("other than stadt/betrieb"),
        "{said}"
    );
    // Who asked cannot approve, not even after asking again.
    refused(&approve_as(&world, &first).await, "SB-1313");
    refused(&apply(&world, &city).await, "SB-4023");
    refused(&approve_as(&world, &first).await, "SB-1313");
    let asked = standing(&second).await;
    assert_eq!(asked["missing"], json!(["state:/nr"]), "{asked}");
    assert_eq!(asked["in_force"]["version"], json!("1.0.0"));
    // What is approved is what was looked at.
    let path = "/v1/plugin-grants/werk/launisch/approve";
    let digest = asked["request"]["digest"].clone();
    for body in [
        json!({"digest": digest, "grants": ["log"]}),
        json!({"digest": "0".repeat(64), "grants": asked["request"]["grants"]}),
    ] {
        let answer = second.post(path, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, "SB-4024"),
            "{}",
            answer.text()
        );
    }
    let werk = sender(&world).await;
    let body = json!({"digest": digest, "grants": asked["request"]["grants"]});
    assert_eq!(werk.post(path, &body).await.unwrap().code(), "SB-1305");
    approve_as(&world, &second).await.success("approve").unwrap();
    apply(&world, &city).await.success("apply").unwrap();
    let after = standing(&second).await;
    assert_eq!(after["in_force"]["version"], json!("1.1.0"), "{after}");
    assert_eq!(after["granted"].as_array().unwrap().len(), 2, "{after}");
    assert!(after["request"].is_null(), "{after}");
}

/// The store of the broker is a disk like any other: what comes from it is believed by its digest alone.
#[tokio::test]
async fn a_component_that_was_changed_in_the_store_is_not_loaded() {
    let mut world = world(&moody_city().await).await;
    let city = world
        .operator()
        .await
        .unwrap()
        .get("/v1/city")
        .await
        .unwrap()
        .json();
    let digest = city["city"]["plugins"][0]["digest"].as_str().unwrap().to_owned();
    world.bus.stop().await.unwrap();
    let client = async_nats::connect(world.nats.url()).await.unwrap();
    let store = async_nats::jetstream::new(client)
        .get_object_store("COMPONENTS")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let mut object = store.get(&*digest).await.unwrap();
    tokio::io::AsyncReadExt::read_to_end(&mut object, &mut bytes)
        .await
        .unwrap();
    bytes.extend_from_slice(&[0, 2, 1, b'z']);
    store.put(&*digest, &mut bytes.as_slice()).await.unwrap();
    world.bus.start_again().await.unwrap();
    let ready = world.bus.client("").get("/readyz").await.unwrap();
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(
        world.bus.log_text().contains("SB-4025"),
        "{}",
        world.bus.log_text()
    );
    // With the right component the same process takes its city again.
    bytes.truncate(bytes.len() - 4);
    store.put(&*digest, &mut bytes.as_slice()).await.unwrap();
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    eventually(LATER, "ready again", || async {
        world.bus.client("").get("/readyz").await?.expect(200)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_component_carries_its_licence_and_what_it_is_made_of() {
    let city = moody_city_with("license: EUPL-1.2\n").await;
    let (file, public) = key(city.root(), "integrator.pem").await;
    registered(&city, &public);
    let folder = plugin_folder(&city);
    let city_folder = city.path().display().to_string();
    let verified = [
        "plugin",
        "inspect",
        &folder,
        "--city",
        &city_folder,
        "--output",
        "json",
    ];
    refused(&stadtbus(&verified).await, "SB-4020");
    sign(&city, &file).await;
    let shown = stadtbus(&verified).await.success("inspect").unwrap();
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["signature"]["verified"], public["id"], "{shown}");
    assert_eq!(shown["grants"], json!(["log"]));
    assert_eq!(shown["sbom"]["bomFormat"], json!("CycloneDX"));
    let parts = shown["sbom"]["components"].as_array().unwrap();
    let serde = parts.iter().find(|part| part["name"] == json!("serde")).unwrap();
    let purl = serde["purl"].as_str().unwrap();
    assert!(purl.starts_with("pkg:cargo/serde@1."), "{serde}");
    assert_eq!(serde["hashes"][0]["alg"], json!("SHA-256"), "{serde}");
}
