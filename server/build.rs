//! Turns the first line of each page in `docs/errors` into a table of titles, so that the description of the interface names
//! each code in the words of its page.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let folder = root.join("../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut titles = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Some(code) = name.strip_suffix(".en.md").filter(|code| code.starts_with("SB-")) else {
            continue;
        };
        println!("cargo::rerun-if-changed={}", path.display());
        let page = fs::read_to_string(&path)?;
        let head = page.lines().next().unwrap_or_default();
        let title = head
            .strip_prefix(&format!("# {code}: "))
            .ok_or_else(|| io::Error::other(format!("{name}: the first line is not `# {code}: TITLE`")))?;
        titles.push((code.to_owned(), title.to_owned()));
    }
    titles.sort();
    let mut table = String::from("&[\n");
    for (code, title) in titles {
        writeln!(table, "    ({code:?}, {title:?}),").map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    fs::write(out.join("titles.rs"), table)
}
