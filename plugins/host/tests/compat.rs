//! The promise of the interface: a component built for 1.x runs on every host of 1.y, y ≥ x. Components of earlier minors
//! are kept in `plugins/compat` and run here as they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::path::{Path, PathBuf};

use stadtbus_plugin_host::{Answer, Call, Input, Manifest, Tables, Verdict, check};
use support::{fresh_dir, host_in, root};

fn kept() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("../compat")).unwrap();
    let mut files: Vec<PathBuf> = folders
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|folder| {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        })
        .collect();
    files.sort();
    files
}

fn manifest(role: &str, world: &str) -> Manifest {
    let consumes = if role == "decode" {
        ""
    } else {
        "consumes: [de.example.ngn.input.v1]\n"
    };
    let produces = if role == "encode" {
        ""
    } else {
        "produces: [de.krefeld.swk.outage.reported.v1, de.krefeld.test.mapped.v1]\n"
    };
    Manifest::parse(&format!(
        "plugin: kept\npartner: ngn\nversion: 1.0.0\nrole: {role}\nworld: {world}\n{consumes}{produces}state: {{key: const}}\n"
    ))
    .unwrap()
}

fn component(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "wat" => wat::parse_bytes(&bytes).unwrap().into_owned(),
        _ => bytes,
    }
}

#[tokio::test]
async fn components_of_earlier_minors_run() {
    let host = host_in(fresh_dir("compat"));
    let event = stadtbus_event::Event::builder("1", "urn:example:source", "de.example.ngn.input.v1")
        .datacontenttype("application/json")
        .data(br#"{"id":"A-1","people":230,"phone":"02151 0000"}"#.to_vec())
        .build()
        .unwrap();
    let raw = Input::Raw {
        content_type: "application/json",
        bytes: br#"{"stoerungId":"NGN-2026-004711","revision":2,"sparte":"strom","beginn":"2026-11-23T14:00:00Z","status":"gemeldet","betroffeneKunden":5}"#,
        received: "2026-01-31T12:00:00Z",
    };
    let tables = Tables::none();
    let kept = kept();
    assert!(kept.len() >= 3, "{kept:?}");
    for path in kept {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (role, world) = if name == "bytes" {
            ("transform", "bytes")
        } else {
            (name.as_str(), "records")
        };
        let plugin = host.deploy(&manifest(role, world), &component(&path)).await;
        let plugin = plugin.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let input = if role == "decode" {
            raw
        } else {
            Input::Event(&event)
        };
        let answer: Answer = plugin
            .run(Call {
                input,
                config: b"",
                state: None,
                tables: &tables,
            })
            .unwrap_or_else(|failure| panic!("{}: {failure:?}", path.display()));
        match (name.as_str(), &answer.verdict) {
            ("decode", Verdict::Events(drafts)) => {
                assert_eq!(drafts[0].subject.as_deref(), Some("NGN-2026-004711"));
            }
            ("transform", Verdict::Events(drafts)) => {
                assert_eq!(drafts[0].subject.as_deref(), Some("A-1"));
            }
            ("bytes", Verdict::Drop(reason)) => assert_eq!(reason.code, "old"),
            other => panic!("{}: {other:?}", path.display()),
        }
        // What 1.0 did not know of is not asked for.
        assert_eq!(plugin.check_config(b"{\"any\": 1}", &tables).unwrap(), []);
    }
}

/// A component of a later minor is refused by the version, not by a sentence about types.
#[test]
fn a_component_of_a_later_minor_is_told_so() {
    let text = std::fs::read_to_string(root().join("../compat/1.0/bytes.wat")).unwrap();
    let later = wat::parse_str(text.replace("plugin/log@1.0.0", "plugin/log@1.999.0")).unwrap();
    let error = check(&later, &manifest("transform", "bytes")).unwrap_err();
    assert_eq!(error.code(), "SB-4003");
    assert!(error.detail.contains("1.999"), "{error}");
}
