//! Foreign witnesses: programs of others that judge the bus from outside, or speak with it as partners' systems do.
//!
//! Each folder of `tests/interop/` that has an executable `run` is one. `run` gets what it needs by the environment, installs
//! what it is made of below `INTEROP_DIR` with pinned versions, prints a table, and ends with 0 if nothing is wrong:
//!
//! | variable | meaning |
//! |---|---|
//! | `STADTBUS_BIN` | the bus, as built |
//! | `NATS_SERVER_BIN` | a broker that is new enough; also as `STADTBUS_NATS_SERVER`, where `stadtbus dev` looks |
//! | `INTEROP_DIR` | a directory of its own below the target directory; kept from one run to the next |
//!
//! The first run of each needs the network; what is installed stays.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::nats;
use crate::setup;
use crate::shell::{Done, Shell};

/// `cargo xtask interop [NAME [ARGS…]]`: one witness with the arguments as they are, or all of them.
pub(crate) fn run(shell: &Shell, args: &[String]) -> Done {
    let all = witnesses(&shell.root.join("tests/interop"));
    let (chosen, rest) = choose(&all, args)?;
    let bus = bus(shell)?;
    let broker = nats::provide(shell)?;
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    for name in chosen {
        let began = Instant::now();
        let result = one(shell, name, rest, &bus, &broker);
        failed += usize::from(result.is_err());
        let verdict = result.err().unwrap_or_else(|| "nothing wrong".to_owned());
        rows.push(format!(
            "{name:<16} {:>6.1} s  {verdict}",
            began.elapsed().as_secs_f64()
        ));
    }
    println!("\n{}", rows.join("\n"));
    if failed == 0 {
        return Ok(());
    }
    Err(format!("interop: {failed} of {} failed", rows.len()))
}

/// The bus to judge: the operator's choice as it is, or the one built now.
pub(crate) fn bus(shell: &Shell) -> Done<PathBuf> {
    if let Some(own) = std::env::var_os("STADTBUS_BIN").map(PathBuf::from) {
        // The witnesses run elsewhere, so that a relative path would name another file there.
        return std::path::absolute(&own).map_err(|error| format!("{}: {error}", own.display()));
    }
    setup::run(shell)?;
    Ok(shell.release_bin("stadtbus"))
}

fn one(shell: &Shell, name: &str, args: &[String], bus: &Path, broker: &Path) -> Done {
    let scratch = shell.target.join("interop").join(name);
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", shell.short(&scratch)))?;
    let folder = shell.root.join("tests/interop").join(name);
    let env: [(&str, OsString); 4] = [
        ("STADTBUS_BIN", bus.into()),
        ("NATS_SERVER_BIN", broker.into()),
        ("STADTBUS_NATS_SERVER", broker.into()),
        ("INTEROP_DIR", scratch.into()),
    ];
    println!("── {name}");
    shell.run_with(&folder, folder.join("run"), args, &env)
}

/// Names of the folders that have a `run`, sorted.
fn witnesses(parent: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("run").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Which to run, and the arguments for it: without a name all of them, without arguments.
fn choose<'a>(all: &'a [String], args: &'a [String]) -> Done<(&'a [String], &'a [String])> {
    let known = || all.join(", ");
    let Some((wanted, rest)) = args.split_first() else {
        return if all.is_empty() {
            Err("tests/interop has no folder with a `run`".to_owned())
        } else {
            Ok((all, &[]))
        };
    };
    let found = all.iter().position(|name| name == wanted);
    let chosen = found.and_then(|at| all.get(at..=at));
    chosen
        .map(|chosen| (chosen, rest))
        .ok_or_else(|| format!("there is no witness `{wanted}`; there are: {}", known()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_name_chooses_one_and_keeps_the_arguments_for_it() {
        let all = words("asyncapi python schemathesis");
        for (args, chosen, rest) in [
            ("", "asyncapi python schemathesis", ""),
            ("python", "python", ""),
            ("schemathesis --seed 7", "schemathesis", "--seed 7"),
        ] {
            let args = words(args);
            let found = choose(&all, &args);
            assert_eq!(found, Ok((&words(chosen)[..], &words(rest)[..])), "{args:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let all = words("asyncapi python");
        for args in ["pyton", "--seed"] {
            let refused = choose(&all, &words(args)).err().unwrap_or_default();
            assert!(refused.contains("asyncapi, python"), "{refused}");
        }
        assert!(choose(&[], &[]).is_err(), "nothing to run is no success");
    }

    #[test]
    fn a_witness_is_a_folder_with_a_run() {
        let parent = std::env::temp_dir().join(format!("stadtbus-interop-{}", std::process::id()));
        for (folder, file) in [("zwei", "run"), ("eins", "run"), ("ohne", "README.md")] {
            assert!(fs::create_dir_all(parent.join(folder)).is_ok());
            assert!(fs::write(parent.join(folder).join(file), "").is_ok());
        }
        let found = witnesses(&parent);
        assert!(fs::remove_dir_all(&parent).is_ok());
        assert_eq!(found, ["eins", "zwei"]);
        assert_eq!(witnesses(&parent), Vec::<String>::new());
    }
}
