//! What it does with files: configuration, city folders, plugins.

use crate::{NOBODY, Scratch, command, finished, run};
use std::path::Path;

#[test]
fn print_config_is_the_reference_and_serve_refuses_what_is_wrong() {
    let scratch = Scratch::new("config");
    let printed = run(&["print-config"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert!(
        printed.out.contains("\n[broker]\n") && printed.out.contains("listen = "),
        "{}",
        printed.out
    );
    let cases = [
        ("lisen = \"127.0.0.1:0\"\n", "SB-1001", "`listen`"),
        ("listen = 7\n", "SB-1002", "listen"),
        ("listen = \n", "SB-1002", ""),
    ];
    for (text, code, part) in cases {
        let file = scratch.file("stadtbus.toml", text);
        let refused = run(&["serve", "--config", file.to_str().unwrap(), "--lang", "de"]);
        assert_eq!((refused.code, refused.out.as_str()), (64, ""), "{}", refused.err);
        assert!(
            refused.err.starts_with(&format!("Fehler {code}: ")) && refused.err.contains(part),
            "{}",
            refused.err
        );
        assert!(
            refused.err.ends_with("Hinweis: stadtbus print-config\n"),
            "{}",
            refused.err
        );
    }
    let missing = run(&["serve", "--config", "no-such-file.toml"]);
    assert_eq!(missing.code, 64);
    assert!(missing.err.starts_with("error SB-1003: "), "{}", missing.err);
}

#[test]
fn a_broken_city_folder_is_told_with_file_and_line() {
    let scratch = Scratch::new("lint");
    scratch.file("city.yaml", "city: beispiel\ntitel: Beispielstadt\n");
    let folder = scratch.0.to_str().unwrap();
    let german = run(&["lint", folder, "--lang", "de"]);
    assert_eq!(german.code, 1, "{}", german.out);
    assert!(
        german.out.contains("city.yaml:2:1: Fehler SB-5003:"),
        "{}",
        german.out
    );
    assert!(
        german.out.contains("Hinweis:") && german.err.contains("Fehler ·"),
        "{}{}",
        german.out,
        german.err
    );
    // A place can be opened from where one stands: the folder is in it once.
    let (parent, name) = (scratch.0.parent().unwrap(), scratch.0.file_name().unwrap());
    let name = name.to_str().unwrap();
    let beside = finished(command(&["lint", name]).current_dir(parent).output().unwrap());
    assert!(
        beside.out.contains(&format!("{name}/city.yaml:2:1: "))
            && !beside.out.contains(&format!("{name}/{name}")),
        "{}",
        beside.out
    );
    let json: serde_json::Value =
        serde_json::from_str(&run(&["lint", folder, "--output", "json", "--quiet"]).out).unwrap();
    assert!(
        json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["code"] == "SB-5004"),
        "{json}"
    );
    let apply = run(&["apply", folder, "--server", NOBODY]);
    assert_eq!((apply.code, apply.out.as_str()), (64, ""), "{}", apply.err);
    assert!(
        apply.err.contains("SB-5003") && apply.err.contains(&format!("hint: stadtbus lint {folder}")),
        "{}",
        apply.err
    );
    let nothing = run(&["test", folder.trim_end_matches("lint")]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
}

#[test]
fn a_new_plugin_is_complete_and_its_name_is_checked() {
    let scratch = Scratch::new("plugin");
    let folder = scratch.0.join("mein-plugin");
    let folder = folder.to_str().unwrap();
    let made = run(&[
        "plugin",
        "new",
        "mein-plugin",
        "--partner",
        "ngn",
        "--folder",
        folder,
    ]);
    assert_eq!(made.code, 0, "{}", made.err);
    for file in ["Cargo.toml", "plugin.yaml", "src/lib.rs", "mein-plugin_test.yaml"] {
        assert!(Path::new(folder).join(file).is_file(), "{file}");
    }
    let again = run(&[
        "plugin",
        "new",
        "mein-plugin",
        "--partner",
        "ngn",
        "--folder",
        folder,
    ]);
    assert!(again.err.starts_with("error SB-6003: "), "{}", again.err);
    let bad = run(&["plugin", "new", "Mein Plugin", "--partner", "ngn"]);
    assert!(bad.err.starts_with("error SB-5013: "), "{}", bad.err);
    let unbuilt = run(&["plugin", "check", folder, "--lang", "de"]);
    assert_eq!(unbuilt.code, 1, "{}", unbuilt.err);
    assert!(
        unbuilt.err.starts_with("Fehler SB-5011: ")
            && unbuilt
                .err
                .ends_with(&format!("Hinweis: stadtbus plugin build {folder}\n")),
        "{}",
        unbuilt.err
    );
}
