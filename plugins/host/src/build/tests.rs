use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("stadtbus-build-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Fetches by a shell command in place of a package manager.
fn fetch(dir: &Path, script: &str) -> Result<PathBuf, PluginError> {
    tools::provide("typescript", dir, &["lock"], &dir.join("target"), |folder| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder);
        (command, "npm", "install it")
    })
}

#[test]
fn what_keeps_tools_from_being_fetched_is_named() {
    let dir = folder("refused");
    std::fs::write(dir.join("lock"), "1").unwrap();
    let cases = [
        (
            "echo npm error code ENOTFOUND >&2; exit 1",
            "SB-6008",
            "cannot be reached",
        ),
        (
            "echo npm error code EINTEGRITY >&2; exit 1",
            "SB-6008",
            "not what was pinned",
        ),
        (
            "echo THESE PACKAGES DO NOT MATCH THE HASHES; exit 1",
            "SB-6008",
            "not what was pinned",
        ),
        ("echo no space left >&2; exit 1", "SB-6008", "no space left"),
        ("echo No module named pip >&2; exit 1", "SB-6004", "no pip"),
    ];
    for (script, code, part) in cases {
        let error = fetch(&dir, script).unwrap_err();
        assert_eq!(error.code, code, "{script}");
        assert!(
            error.detail.contains(part) && error.hint.is_some(),
            "{script}: {error}"
        );
    }
    let nowhere = tools::start(&mut Command::new("/nonexistent/npm"), "install it").unwrap_err();
    assert_eq!(
        (nowhere.code, nowhere.hint.as_deref()),
        ("SB-6004", Some("install it"))
    );
}

#[test]
fn tools_are_fetched_once_for_each_lock_and_anew_after_an_interruption() {
    let dir = folder("once");
    std::fs::write(dir.join("lock"), "1").unwrap();
    // Half an installation is no installation.
    fetch(&dir, "touch half; exit 1").unwrap_err();
    let first = fetch(&dir, "cat lock; touch whole").unwrap();
    assert!(first.join("whole").exists() && !first.join("half").exists());
    assert_eq!(fetch(&dir, "exit 1").unwrap(), first);
    std::fs::write(dir.join("lock"), "2").unwrap();
    assert_ne!(fetch(&dir, "true").unwrap(), first);
}

#[test]
fn a_component_is_built_again_only_when_what_it_is_made_of_changed() {
    let dir = folder("inputs");
    let (plugin, sdk, wit) = (dir.join("plugin"), dir.join("sdk"), dir.join("wit"));
    for folder in [&plugin, &sdk, &wit] {
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::write(folder.join("src/a"), "a").unwrap();
    }
    let sdk = Sdk { folder: sdk, wit };
    let component = plugin.join("build/p.wasm");
    write(&component, b"component").unwrap();
    let digest = inputs::digest(&plugin, &sdk).unwrap();
    assert_eq!(inputs::built_before(&component, &digest), None);
    inputs::remember(&component, &digest);
    let again = inputs::digest(&plugin, &sdk).unwrap();
    assert_eq!(
        inputs::built_before(&component, &again),
        Some(b"component".to_vec())
    );

    for changed in [
        plugin.join("src/a"),
        sdk.folder.join("src/a"),
        sdk.wit.join("new"),
    ] {
        std::fs::write(&changed, "b").unwrap();
        let other = inputs::digest(&plugin, &sdk).unwrap();
        assert_eq!(
            inputs::built_before(&component, &other),
            None,
            "{}",
            changed.display()
        );
        inputs::remember(&component, &other);
    }
    // What somebody else put there is not what was built.
    let last = inputs::digest(&plugin, &sdk).unwrap();
    std::fs::write(&component, "foreign").unwrap();
    assert_eq!(inputs::built_before(&component, &last), None);
}

#[test]
fn a_language_without_a_builder_is_told_where_its_component_goes() {
    let dir = folder("language");
    let yaml = "plugin: p\npartner: ngn\nversion: 1.0.0\nrole: transform\nlanguage: cobol\nconsumes: [a.b.v1]\nproduces: [a.c.v1]\n";
    std::fs::write(dir.join("plugin.yaml"), yaml).unwrap();
    let error = build(&dir, &dir.join("target")).unwrap_err();
    assert_eq!(error.code, "SB-6003");
    assert!(
        error.detail.contains("cobol") && error.detail.contains("build/p.wasm"),
        "{error}"
    );
}
