//! A check that has never failed has proved nothing: each one here sees its breach planted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value, json};

use super::{Breach, Source, layers, pages, shape, steps, words};

fn metadata(package: &str, dependencies: &[(&str, Value)]) -> Value {
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|(name, kind)| json!({"name": name, "kind": kind}))
        .collect();
    let mut packages = vec![json!({"name": package, "dependencies": dependencies})];
    for member in [
        "stadtbus-event",
        "stadtbus-broker",
        "stadtbus-broker-nats",
        "stadtbus-broker-memory",
        "stadtbus-flow",
    ] {
        packages.push(json!({"name": member, "dependencies": []}));
    }
    json!({"packages": packages})
}

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::new(path, text)).collect()
}

fn places(breaches: &[Breach]) -> Vec<&str> {
    breaches.iter().map(|breach| breach.place.as_str()).collect()
}

#[test]
fn a_planted_dependency_against_the_arrows_fails() {
    let planted = [
        ("stadtbus-flow", "stadtbus-broker-nats", Value::Null, 1),
        ("stadtbus-flow", "stadtbus-broker-nats", json!("dev"), 1),
        ("stadtbus-flow", "stadtbus-broker-memory", Value::Null, 1),
        ("stadtbus-flow", "stadtbus-broker-memory", json!("dev"), 0),
        ("stadtbus-flow", "stadtbus-broker", Value::Null, 0),
        ("stadtbus-event", "stadtbus-broker", json!("build"), 1),
        ("stadtbus-broker", "stadtbus-event", Value::Null, 1),
        ("stadtbus-server", "stadtbus-broker-nats", Value::Null, 0),
        ("stadtbus-harness", "stadtbus-flow", Value::Null, 1),
        ("it", "stadtbus-broker-nats", Value::Null, 0),
        ("stadtbus-flow", "serde", Value::Null, 0),
    ];
    for (package, dependency, kind, expected) in planted {
        let found = layers::dependencies(&metadata(package, &[(dependency, kind.clone())]));
        assert_eq!(
            found.len(),
            expected,
            "{package} → {dependency} ({kind}): {found:?}"
        );
    }
}

#[test]
fn a_planted_technology_in_the_wrong_crate_fails() {
    let planted = [
        ("stadtbus-flow", "async-nats", 1),
        ("stadtbus-broker-nats", "async-nats", 0),
        ("stadtbus-server", "wasmtime", 1),
        ("stadtbus", "jsonwebtoken", 1),
        ("stadtbus-load", "async-nats", 0),
        ("stadtbus-event", "axum", 1),
    ];
    for (package, technology, expected) in planted {
        let found = layers::technologies(&metadata(package, &[(technology, Value::Null)]));
        assert_eq!(found.len(), expected, "{package} names {technology}: {found:?}");
    }
}

#[test]
fn a_planted_use_past_its_door_fails_and_a_mention_in_a_comment_does_not() {
    let found = layers::doors(&sources(&[
        (
            "flow/src/deliver/egress.rs",
            "use hyper_util::client::legacy::Client;",
        ),
        (
            "flow/src/deliver/webhook.rs",
            "use hyper_util::client::legacy::Client;",
        ),
        ("flow/src/authenticate/token.rs", "use jsonwebtoken::decode;"),
        (
            "flow/src/ingest/mod.rs",
            "// jsonwebtoken is not for us\nlet x = \"jsonwebtoken\";\nfn f() { jsonwebtoken::decode() }",
        ),
        ("flow/src/log/mod.rs", "let not_jsonwebtoken_x = 1;"),
        ("tests/it/src/main.rs", "use jsonwebtoken::decode;"),
    ]));
    assert_eq!(
        places(&found),
        ["flow/src/deliver/webhook.rs:1", "flow/src/ingest/mod.rs:3"]
    );
}

#[test]
fn a_planted_step_that_knows_another_fails() {
    let found = steps::isolation(&sources(&[
        (
            "flow/src/route/mod.rs",
            "use crate::refusal::Refusal;\nuse crate::deliver::webhook;",
        ),
        (
            "flow/src/transform/mod.rs",
            "use crate::{\n    limits,\n    log::{Entry, route},\n};",
        ),
        (
            "flow/src/deliver/webhook.rs",
            "use super::log::line;\nuse super::super::route::Match;",
        ),
        ("flow/src/deliver/log.rs", "// crate::route is elsewhere"),
        ("flow/src/validate/tests.rs", "use crate::log::Entry;"),
        (
            "flow/src/ingest/mod.rs",
            "use crate::log::Logged;\nuse crate::{Refusal, authenticate::{Principal}};",
        ),
        ("flow/src/ingest/two.rs", "use crate::log::{Logged, append};"),
        ("flow/src/facts/one.rs", "use crate::deliver::Sink;"),
        (
            "flow/src/facts/two.rs",
            "use crate::deliver::Sink;\nuse crate::log::Entry;",
        ),
        (
            "flow/src/accept.rs",
            "use crate::{authenticate, ingest, log, validate};",
        ),
        ("flow/src/validate/city.rs", "use crate::city::LiveCity;"),
        (
            "flow/src/lanes/mod.rs",
            "use crate::{city::LiveCity, deliver::Sink, log::Logged, route::Match};",
        ),
        ("flow/src/dispatch/derive.rs", "use crate::{transform, log};"),
    ]));
    assert_eq!(
        places(&found),
        [
            "flow/src/route/mod.rs:2",
            "flow/src/transform/mod.rs:1",
            "flow/src/deliver/webhook.rs:2",
            "flow/src/ingest/two.rs:1",
            "flow/src/facts/two.rs:2",
            "flow/src/validate/city.rs:1",
        ]
    );
}

#[test]
fn a_planted_long_file_or_function_fails() {
    let long = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(71));
    let fits = format!(
        "impl A {{\n    pub async fn fits(\n        a: u8,\n    ) -> u8 {{\n{}    }}\n}}\n",
        "        step();\n\n".repeat(60)
    );
    let short = format!(
        "trait T {{\n    fn bodiless(\n        &self,\n    ) -> u8;\n    fn line() {{ one() }}\n{}}}\n",
        "    // air\n".repeat(80)
    );
    let found = shape::lengths(&sources(&[
        ("flow/src/a.rs", &long),
        ("flow/src/b.rs", &fits),
        ("flow/src/c.rs", &short),
        ("tests/it/src/d.rs", &long),
        ("flow/src/e.rs", &"//\n".repeat(401)),
        ("cli/src/main.rs", &"//\n".repeat(121)),
        ("docs/e.md", &"a\n".repeat(900)),
    ]));
    assert_eq!(
        places(&found),
        ["flow/src/a.rs:1", "flow/src/e.rs", "cli/src/main.rs"]
    );
}

#[test]
fn a_planted_unsafe_fails_and_the_one_with_a_reason_does_not() {
    let found = shape::unsafe_places(&sources(&[
        (
            "plugins/host/src/artefact.rs",
            "let a = unsafe { load() };\nlet b = unsafe { load() };",
        ),
        (
            "flow/src/lib.rs",
            "#![deny(unsafe_code)] // unsafe is not for us\nunsafe fn f() {}",
        ),
    ]));
    assert_eq!(
        places(&found),
        ["plugins/host/src/artefact.rs:2", "flow/src/lib.rs:2"]
    );
}

#[test]
fn a_planted_word_fails() {
    let found = words::forbidden(&sources(&[
        ("README.md", "see /work/main\nmastodon\n// TODO: later\ntodo = 1"),
        ("flow/src/lib.rs", "/// ok\nlet xxxl = 1; // XXX"),
        ("Cargo.lock", "TODO"),
    ]));
    assert_eq!(
        places(&found),
        ["README.md:1", "README.md:3", "flow/src/lib.rs:2"]
    );
}

#[test]
fn a_code_without_both_pages_fails() {
    let found = pages::error_pages(&sources(&[
        ("docs/errors/SB-1203.de.md", "# SB-1203: passt nicht"),
        ("docs/errors/SB-1203.en.md", "# SB-1203: does not fit"),
        ("docs/errors/SB-1204.de.md", "# SB-1203: vertauscht"),
        (
            "flow/src/refusal.rs",
            "const A: &str = \"SB-1203\"; const B: &str = \"SB-1301\"; // SB-12034, SB-nnnn",
        ),
    ]));
    let sentences: Vec<_> = found.iter().map(|breach| breach.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "does not begin with a heading that names SB-1204",
            "SB-1204 has no page docs/errors/SB-1204.en.md",
            "SB-1301 has no page docs/errors/SB-1301.de.md",
            "SB-1301 has no page docs/errors/SB-1301.en.md",
        ]
    );
}

#[test]
fn a_reference_that_says_something_else_fails() {
    let wit = "/// What it is.\npackage a:b@1.0.0;\n";
    let page = crate::reference::page(wit).unwrap_or_default();
    let found = |page: &str| {
        pages::plugin_reference(&sources(&[
            ("plugins/wit/stadtbus-plugin.wit", wit),
            ("docs/plugins/reference.md", page),
        ]))
        .len()
    };
    assert_eq!((found(&page), found(&page.replace("is.", "was."))), (0, 1));
    let alone = sources(&[("plugins/wit/stadtbus-plugin.wit", wit)]);
    assert_eq!(pages::plugin_reference(&alone).len(), 1);
}

#[test]
fn code_is_told_from_text() {
    let text = "let a = 'x'; let b: &'a str = \"y\\\"z\"; /* c /* d */ e */ let f = r#\"g\"h\"#; let i = b\"j\"; let k = '\\''; l";
    let code = super::code::blanked(text);
    assert_eq!(code.len(), text.len());
    for kept in ["let a", "&'a str", "let f", "let i", "let k", "l"] {
        assert!(code.contains(kept), "{kept} in {code}");
    }
    for gone in ["x", "y", "z", "c ", "d", "g", "h", "j"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
}
