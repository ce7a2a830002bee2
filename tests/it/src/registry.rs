//! Plugins in an OCI registry: what is pushed is what is pulled, and only what holds is taken.
//!
//! The registry of these tests speaks the distribution API on loopback and asks for a token, as the public ones do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use stadtbus_harness::{Finished, Process, stadtbus_bin};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::plugins::moody_city;
use crate::supply::{key, plugin_folder, registered, sign, stadtbus};

const CALLER: &str = "Basic dTpw";
const TOKEN: &str = "Bearer tuersteher";

/// What a registry holds: blobs by digest, manifests by tag and by digest.
#[derive(Default)]
struct Shelf {
    blobs: BTreeMap<String, Vec<u8>>,
    images: BTreeMap<String, Vec<u8>>,
}

struct Registry {
    host: String,
    shelf: Arc<Mutex<Shelf>>,
}

struct Request {
    method: String,
    target: String,
    authorization: String,
    body: Vec<u8>,
}

type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn sha256(bytes: &[u8]) -> String {
    let hex: String = digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

impl Registry {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (own, known) = (host.clone(), Arc::clone(&shelf));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, own.clone(), Arc::clone(&known)));
            }
        });
        Self { host, shelf }
    }

    /// Changes the manifest under a tag.
    fn change(&self, tag: &str, change: impl FnOnce(&mut Value)) {
        let mut shelf = self.shelf.lock().unwrap();
        let bytes = shelf.images.get_mut(tag).unwrap();
        let mut image = serde_json::from_slice(bytes).unwrap();
        change(&mut image);
        *bytes = serde_json::to_vec(&image).unwrap();
    }
}

async fn serve(stream: TcpStream, host: String, shelf: Arc<Mutex<Shelf>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let (status, headers, body) = answer(&request, &host, &mut shelf.lock().unwrap());
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut out = head.into_bytes();
        if request.method != "HEAD" {
            out.extend_from_slice(&body);
        }
        if stream.get_mut().write_all(&out).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .await
        .ok()
        .filter(|count| *count > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        target,
        authorization,
        body,
    })
}

fn answer(request: &Request, host: &str, shelf: &mut Shelf) -> Reply {
    let plain = |status| (status, Vec::new(), Vec::new());
    if request.target.starts_with("/token?") {
        let known = request.authorization == CALLER && request.target.contains("scope=repository");
        return match known {
            true => (
                200,
                Vec::new(),
                json!({"token": "tuersteher"}).to_string().into_bytes(),
            ),
            false => plain(401),
        };
    }
    if request.authorization != TOKEN {
        let challenge = format!(
            "Bearer realm=\"http://{host}/token\",service=\"{host}\",scope=\"repository:werk/launisch:pull,push\""
        );
        return (401, vec![("www-authenticate", challenge)], Vec::new());
    }
    let path = request
        .target
        .strip_prefix("/v2/werk/launisch/")
        .unwrap_or_default();
    match (request.method.as_str(), path.split_once('/')) {
        ("POST", Some(("blobs", "uploads/"))) => {
            let location = "/v2/werk/launisch/blobs/uploads/7?state=x".to_owned();
            (202, vec![("location", location)], Vec::new())
        }
        ("PUT", Some(("blobs", upload))) => {
            let claimed = upload.split_once("digest=").unwrap().1.replace("%3A", ":");
            if sha256(&request.body) != claimed {
                return plain(400);
            }
            shelf.blobs.insert(claimed, request.body.clone());
            plain(201)
        }
        ("PUT", Some(("manifests", tag))) => {
            let image: Value = serde_json::from_slice(&request.body).unwrap();
            let mut named = image["layers"].as_array().unwrap().clone();
            named.push(image["config"].clone());
            if named
                .iter()
                .any(|one| !shelf.blobs.contains_key(one["digest"].as_str().unwrap()))
            {
                return plain(400);
            }
            shelf.images.insert(sha256(&request.body), request.body.clone());
            shelf.images.insert(tag.to_owned(), request.body.clone());
            plain(201)
        }
        (_, Some(("blobs", name))) => shelf
            .blobs
            .get(name)
            .map_or_else(|| plain(404), |body| (200, Vec::new(), body.clone())),
        (_, Some(("manifests", name))) => shelf
            .images
            .get(name)
            .map_or_else(|| plain(404), |body| (200, Vec::new(), body.clone())),
        _ => plain(404),
    }
}

async fn as_caller(args: &[&str]) -> Finished {
    let env = [
        ("STADTBUS_REGISTRY_USER", "u"),
        ("STADTBUS_REGISTRY_PASSWORD", "p"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Process::run(&stadtbus_bin().unwrap(), args, &env, crate::support::LATER)
        .await
        .unwrap()
}

fn refused(done: &Finished, code: &str) {
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_ne!(done.code, Some(0), "{said}");
    assert!(said.contains(code), "{code} expected in {said}");
}

#[tokio::test]
async fn what_is_pushed_is_what_is_pulled_and_only_what_holds_is_taken() {
    let (registry, city) = (Registry::start().await, moody_city().await);
    let (file, public) = key(city.root(), "integrator.pem").await;
    registered(&city, &public);
    let (folder, city_folder) = (plugin_folder(&city), city.path().display().to_string());
    let place = format!("oci://{}/werk/launisch", registry.host);
    let push = ["plugin", "push", &folder, &place, "--plain-http"];
    refused(&as_caller(&push).await, "SB-4020");
    sign(&city, &file).await;
    // Without a name the registry lets nobody in; without being told so, nothing is said in clear.
    refused(&stadtbus(&push).await, "SB-6009");
    refused(&as_caller(&push[..4]).await, "SB-6009");
    as_caller(&push).await.success("push").unwrap();
    as_caller(&push).await.success("push the same again").unwrap();

    let image: Value = serde_json::from_slice(&registry.shelf.lock().unwrap().images["1.0.0"]).unwrap();
    assert_eq!(
        image["config"]["mediaType"],
        json!("application/vnd.wasm.config.v0+json")
    );
    let layers: Vec<_> = image["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["mediaType"])
        .collect();
    assert_eq!(layers, [&json!("application/wasm")]);
    let config = image["config"]["digest"].as_str().unwrap().to_owned();
    let config: Value = serde_json::from_slice(&registry.shelf.lock().unwrap().blobs[&config]).unwrap();
    assert_eq!(
        (&config["architecture"], &config["os"]),
        (&json!("wasm"), &json!("wasip2"))
    );
    assert_eq!(config["layerDigests"][0], image["layers"][0]["digest"]);

    let into = city.root().join("geholt");
    let (tagged, target) = (format!("{place}:1.0.0"), into.display().to_string());
    let pull = [
        "plugin",
        "pull",
        &tagged,
        "--into",
        &target,
        "--city",
        &city_folder,
        "--plain-http",
    ];
    as_caller(&pull).await.success("pull").unwrap();
    for name in ["plugin.yaml", "build/launisch.wasm"] {
        let (there, here) = (
            std::fs::read(into.join(name)),
            std::fs::read(format!("{folder}/{name}")),
        );
        assert!(there.unwrap() == here.unwrap(), "{name}");
    }
    let check = ["plugin", "inspect", &target, "--city", &city_folder];
    stadtbus(&check)
        .await
        .success("the signature came along")
        .unwrap();
    // Somebody else's key; nobody's key.
    let (_, other) = key(city.root(), "stranger.pem").await;
    let other = other["public_key"].as_str().unwrap();
    let strange = [
        "plugin",
        "pull",
        &tagged,
        "--into",
        &target,
        "--public-key",
        other,
        "--plain-http",
    ];
    refused(&as_caller(&strange).await, "SB-4021");
    refused(
        &as_caller(&["plugin", "pull", &tagged, "--plain-http"]).await,
        "SB-6002",
    );
}

#[tokio::test]
async fn what_was_changed_in_the_registry_is_refused_and_a_tag_is_not_moved() {
    let (registry, city) = (Registry::start().await, moody_city().await);
    let (file, public) = key(city.root(), "integrator.pem").await;
    registered(&city, &public);
    sign(&city, &file).await;
    let (folder, city_folder) = (plugin_folder(&city), city.path().display().to_string());
    let place = format!("oci://{}/werk/launisch", registry.host);
    let push = [
        "plugin",
        "push",
        &folder,
        &place,
        "--plain-http",
        "--output",
        "json",
    ];
    let pushed = as_caller(&push).await.success("push").unwrap();
    let pushed: Value = serde_json::from_str(&pushed.stdout).unwrap();
    let (tagged, by_digest) = (format!("{place}:1.0.0"), pushed["reference"].as_str().unwrap());
    let target = city.root().join("geholt").display().to_string();
    let pull = async |place: &str| {
        as_caller(&[
            "plugin",
            "pull",
            place,
            "--into",
            &target,
            "--city",
            &city_folder,
            "--plain-http",
        ])
        .await
    };
    pull(by_digest).await.success("by digest").unwrap();

    let good = registry.shelf.lock().unwrap().images["1.0.0"].clone();
    registry.change("1.0.0", |image| {
        image["annotations"]
            .as_object_mut()
            .unwrap()
            .remove("de.stadtbus.plugin.signature");
    });
    refused(&pull(&tagged).await, "SB-4020");
    refused(&as_caller(&push).await, "SB-4022");
    registry
        .shelf
        .lock()
        .unwrap()
        .images
        .insert("1.0.0".to_owned(), good.clone());
    registry.change("1.0.0", |image| {
        let manifest = &mut image["annotations"]["de.stadtbus.plugin.manifest"];
        *manifest = json!(
            manifest
                .as_str()
                .unwrap()
                .replace("memory_mib: 4", "memory_mib: 64")
        );
    });
    refused(&pull(&tagged).await, "SB-4021");
    registry
        .shelf
        .lock()
        .unwrap()
        .images
        .insert("1.0.0".to_owned(), good.clone());
    registry.change("1.0.0", |image| {
        image["config"]["mediaType"] = json!("application/json")
    });
    refused(&pull(&tagged).await, "SB-6010");
    // Other content under the right digest, of the component and of the image.
    let layer: Value = serde_json::from_slice(&good).unwrap();
    let layer = layer["layers"][0]["digest"].as_str().unwrap().to_owned();
    registry
        .shelf
        .lock()
        .unwrap()
        .images
        .insert("1.0.0".to_owned(), good.clone());
    registry
        .shelf
        .lock()
        .unwrap()
        .blobs
        .get_mut(&layer)
        .unwrap()
        .push(0);
    refused(&pull(&tagged).await, "SB-6010");
    registry
        .shelf
        .lock()
        .unwrap()
        .blobs
        .get_mut(&layer)
        .unwrap()
        .pop();
    pull(&tagged).await.success("mended").unwrap();
    let image = sha256(&good);
    registry.change(&image, |image| image["annotations"]["x"] = json!("y"));
    refused(&pull(by_digest).await, "SB-6010");
    refused(&pull(&format!("{place}:9.9.9")).await, "SB-6009");
}
