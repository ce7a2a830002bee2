//! Turns the folder `docs/errors` into a table of pages, and the plugin SDKs into a table of files, which are
//! compiled into the binary with the component of the plugin `map`.
//!
//! The pages are the only place where a code is explained; a table written by hand would fall behind
//! them. The table is sorted by code, so that the program can search it by halving.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(
        out.join("pages.rs"),
        pages(&root.join("../docs/errors").canonicalize()?)?,
    )?;
    let plugins = root.join("../plugins").canonicalize()?;
    fs::write(out.join("sdk.rs"), sdk(&plugins)?)?;
    fs::write(out.join("map.rs"), map(&plugins))
}

/// The component of the plugin `map`, if it was built before (`cargo xtask setup` does).
fn map(plugins: &Path) -> String {
    // A path that is not there yet would have everything built again each time; its folder is there.
    println!("cargo::rerun-if-changed={}", plugins.join("map").display());
    let component = plugins.join("map/build/map.wasm");
    if component.is_file() {
        format!("Some(include_bytes!({:?}))", component.display().to_string())
    } else {
        "None".to_owned()
    }
}

/// What `stadtbus plugin new` writes: the templates, the SDK and the interface it is made from.
fn sdk(plugins: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for file in [
        "rust/Cargo.toml",
        "typescript/package.json",
        "typescript/tsconfig.json",
    ] {
        files.push(plugins.join("sdk").join(file));
    }
    for folder in [
        "wit",
        "map/template",
        "sdk/template",
        "sdk/rust/src",
        "sdk/rust/template",
        "sdk/typescript/src",
        "sdk/typescript/template",
        "sdk/typescript/tools",
        "sdk/python/stadtbus_plugin",
        "sdk/python/template",
        "sdk/python/tools",
        "sdk/zig/src",
        "sdk/zig/template",
        "sdk/zig/tools",
    ] {
        println!("cargo::rerun-if-changed={}", plugins.join(folder).display());
        collect(&plugins.join(folder), &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file
            .strip_prefix(plugins)
            .map_err(io::Error::other)?
            .display()
            .to_string();
        let row = writeln!(
            table,
            "    ({name:?}, include_str!({:?})),",
            file.display().to_string()
        );
        row.map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    Ok(table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // What Python leaves beside the source is not written by anybody.
            if !path.ends_with("__pycache__") {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn pages(folder: &Path) -> io::Result<String> {
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut pages: BTreeMap<String, [Option<PathBuf>; 2]> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
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
    Ok(table)
}
