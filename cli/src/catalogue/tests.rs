#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_page_has_title_and_three_sections_in_both_languages() {
    assert!(
        PAGES.len() > 100,
        "the catalogue is nearly empty: {}",
        PAGES.len()
    );
    for page in PAGES {
        for (text, headings) in [
            (page.de, ["Ursache", "Was tun", "Beispiel"]),
            (page.en, ["Cause", "What to do", "Example"]),
        ] {
            let first = text.lines().next().unwrap();
            let title = first.strip_prefix(&format!("# {}: ", page.code));
            assert!(
                title.is_some_and(|title| title.len() > 5),
                "{}: bad title line {first:?}",
                page.code
            );
            let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(found, headings, "{}", page.code);
            for section in text.split("\n## ").skip(1) {
                let body = section.split_once('\n').unwrap().1.trim();
                assert!(body.len() > 5, "{}: empty section {section:?}", page.code);
            }
            assert!(
                text.contains("\n```"),
                "{}: the example is not a code block",
                page.code
            );
        }
        assert_ne!(
            page.de.lines().next(),
            page.en.lines().next(),
            "{}: the title is not translated",
            page.code
        );
    }
}

#[test]
fn pages_are_sorted_and_found_in_any_spelling() {
    assert!(PAGES.windows(2).all(|pair| pair[0].code < pair[1].code));
    for spelling in ["SB-1203", "sb-1203", "sb1203", "1203", " SB_1203 "] {
        assert_eq!(find(spelling).unwrap().code, "SB-1203", "{spelling:?}");
    }
    for spelling in ["", "SB-", "SB-9999", "12 03", "naïve"] {
        assert!(find(spelling).is_none(), "{spelling:?}");
    }
    assert!(similar("SB-1230").iter().any(|page| page.code == "SB-1203"));
    assert!(similar("completely else").is_empty());
}

/// A code a person can meet must have a page, so every literal in the product's sources is looked up.
#[test]
fn every_code_in_the_sources_has_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for room in [
        "event",
        "contracts",
        "plugins/host",
        "broker-adapters",
        "flow",
        "server",
        "cli",
    ] {
        collect(&root.join(room), &mut files);
    }
    assert!(files.len() > 10, "the walk found only {files:?}");
    let mut missing = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for code in codes(&text) {
            if find(&code).is_none() {
                missing.insert(format!("{code} in {}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "codes without a page:\n{missing:#?}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "target", "examples"].contains(&name) {
            collect(&path, files);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

fn codes(text: &str) -> Vec<String> {
    // A module of tests at the end of a file may name codes that do not exist on purpose.
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    product
        .match_indices("SB-")
        .filter_map(|(at, _)| product.get(at + 3..at + 7))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|digits| format!("SB-{digits}"))
        .collect()
}
