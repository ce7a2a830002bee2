//! Turns the folder `docs/errors` into a table of pages that is compiled into the binary.
//!
//! The pages are the only place where a code is explained; a table written by hand would fall behind
//! them. The table is sorted by code, so that the program can search it by halving.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let folder = root.join("../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut pages: BTreeMap<String, [Option<PathBuf>; 2]> = BTreeMap::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Some((code, language)) = name.strip_suffix(".md").and_then(|stem| stem.split_once('.')) else {
            continue;
        };
        if !code.starts_with("SB-") {
            continue;
        }
        println!("cargo::rerun-if-changed={}", path.display());
        let [de, en] = pages.entry(code.to_owned()).or_default();
        match language {
            "de" => *de = Some(path.clone()),
            "en" => *en = Some(path.clone()),
            other => return Err(io::Error::other(format!("{name}: unknown language {other:?}"))),
        }
    }

    let mut table = String::from("&[\n");
    for (code, languages) in &pages {
        let [Some(de), Some(en)] = languages else {
            return Err(io::Error::other(format!(
                "{code}: a page is missing in German or English"
            )));
        };
        let row = writeln!(
            table,
            "    Page {{ code: {code:?}, de: include_str!({:?}), en: include_str!({:?}) }},",
            de.display().to_string(),
            en.display().to_string(),
        );
        row.map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("pages.rs"), table)
}
