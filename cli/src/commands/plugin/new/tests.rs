#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

fn args(role: Role, language: Language, folder: &Path) -> Args {
    Args {
        name: "my-plugin".to_owned(),
        partner: "ngn".to_owned(),
        role,
        language,
        folder: Some(folder.to_owned()),
    }
}

#[test]
fn every_role_is_filled_in_completely_and_brings_its_sdk() {
    for role in [Role::Decode, Role::Transform, Role::Encode] {
        let folder = std::env::temp_dir().join(format!("stadtbus-new-{}", uuid::Uuid::new_v4()));
        create(&args(role, Language::Rust, &folder), &folder).unwrap();
        for file in ["Cargo.toml", "plugin.yaml", "src/lib.rs", "my-plugin_test.yaml"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(!text.contains("{{"), "{file}: {text}");
        }
        let cargo = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(cargo.contains("path = \"stadtbus/sdk/rust\""), "{cargo}");
        assert!(cargo.contains("exclude = [\"stadtbus\"]"), "{cargo}");
        assert!(folder.join("stadtbus/sdk/rust/Cargo.toml").is_file());
        assert!(folder.join("stadtbus/wit/stadtbus-plugin.wit").is_file());
        let manifest = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
        assert!(manifest.contains(&format!("role: {}", role.name())), "{manifest}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn every_language_brings_its_sdk_and_nobody_elses() {
    for language in [Language::Typescript, Language::Python, Language::Zig] {
        for role in [Role::Decode, Role::Transform, Role::Encode] {
            let folder = std::env::temp_dir().join(format!("stadtbus-new-{}", uuid::Uuid::new_v4()));
            create(&args(role, language, &folder), &folder).unwrap();
            for (_, file) in language.files() {
                let text = std::fs::read_to_string(folder.join(file)).unwrap();
                assert!(!text.contains("{{"), "{file}: {text}");
            }
            let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
            let manifest = stadtbus_plugin_host::Manifest::parse(&yaml).unwrap();
            assert_eq!(
                (manifest.language.as_str(), manifest.export()),
                (
                    language.name(),
                    if language.is_interpreted() {
                        "run"
                    } else {
                        role.name()
                    }
                )
            );
            let names = |path: &str| -> Vec<String> {
                let entries = std::fs::read_dir(folder.join(path)).unwrap();
                entries
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect()
            };
            assert_eq!(names("stadtbus/sdk"), [language.name()]);
            assert!(!names(&format!("stadtbus/sdk/{}", language.name())).contains(&"template".to_owned()));
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

#[test]
fn a_mapping_needs_a_manifest_and_tests_and_no_source() {
    for role in [Role::Decode, Role::Transform, Role::Encode] {
        let folder = std::env::temp_dir().join(format!("stadtbus-new-{}", uuid::Uuid::new_v4()));
        create(&args(role, Language::Jsonata, &folder), &folder).unwrap();
        for file in ["plugin.yaml", "my-plugin_test.yaml"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(!text.contains("{{"), "{file}: {text}");
        }
        let (manifest, _) = crate::commands::plugin::manifest(&folder).unwrap();
        assert_eq!(manifest.language, "jsonata");
        assert!(!folder.join("src").exists() && !folder.join(OWN_SDK).exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn inside_the_source_tree_its_own_sdk_is_used() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for language in ["rust", "typescript", "python", "zig"] {
        let sdk = Path::new("../../plugins/sdk").join(language);
        assert_eq!(tree_sdk(&here, language).unwrap(), sdk);
        assert_eq!(tree_sdk(&std::env::temp_dir(), language), None);
    }
}
