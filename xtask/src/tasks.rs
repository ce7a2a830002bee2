//! The tasks that run something after [`setup`].

use std::path::Path;

use crate::setup;
use crate::shell::{Done, Shell};

const CITY: &str = "deploy/cities/krefeld";
/// The city of the tutorials.
const PRACTICE: &str = "docs/plugins/uebungsstadt";

pub(crate) fn demo(shell: &Shell, args: &[String]) -> Done {
    tool(shell, "stadtbus-demo", args)
}

/// Prepares everything and runs one binary of `tests/` with the arguments as they are.
pub(crate) fn tool(shell: &Shell, name: &str, args: &[String]) -> Done {
    setup::run(shell)?;
    shell.run(shell.release_bin(name), args)
}

/// What a plugin costs in each language.
pub(crate) fn guests(shell: &Shell, args: &[String]) -> Done {
    let build = ["build", "--release", "--workspace", "--example", "guests"];
    shell.run("cargo", &build)?;
    shell.run(shell.target.join("release/examples/guests"), args)
}

/// What hostile plugins can do to the host. Compiling happens in a process of its own here, too.
pub(crate) fn hostile(shell: &Shell, args: &[String]) -> Done {
    let examples = ["--example", "hostile", "--example", "compile_child"];
    let build = ["build", "--release", "--workspace"];
    shell.run("cargo", &[&build[..], &examples].concat())?;
    shell.run(shell.target.join("release/examples/hostile"), args)
}

/// The simulation needs neither broker nor bus, only cargo. With a planted bug it is built in a directory of its own: what
/// ships must never be the build with the bugs.
pub(crate) fn sim(shell: &Shell, args: &[String]) -> Done {
    let planted = args.iter().position(|arg| arg == "--planted");
    let Some(name) = planted.and_then(|at| args.get(at + 1)) else {
        setup::build(shell)?;
        return shell.run(shell.release_bin("stadtbus-sim"), args);
    };
    let target = shell.target.join("planted");
    let dir = target.to_string_lossy();
    let build = [
        "build",
        "--release",
        "--package",
        "stadtbus-sim",
        "--features",
        "planted-bugs",
    ];
    shell.run("cargo", &[&build[..], &["--target-dir", &dir]].concat())?;
    let bug = [("STADTBUS_PLANTED_BUG", name.into())];
    shell.run_with(&shell.root, target.join("release/stadtbus-sim"), args, &bug)
}

pub(crate) fn test(shell: &Shell, args: &[String]) -> Done {
    setup::run(shell)?;
    let stadtbus = shell.release_bin("stadtbus");
    for city in [CITY, PRACTICE] {
        shell.run(&stadtbus, &["lint", city])?;
        shell.run(&stadtbus, &["test", city])?;
    }
    let ready = setup::ready_plugins(shell)?;
    for dir in &ready {
        setup::build_plugin(shell, dir)?;
    }
    let map = shell.root.join(setup::MAP);
    for dir in setup::city_plugins(shell)?.iter().chain(&ready).chain([&map]) {
        shell.run_in(dir, &stadtbus, &["plugin", "test", "."])?;
        shell.run_in(dir, &stadtbus, &["plugin", "check", "."])?;
    }
    mapping_tests(shell, &map)?;
    workspace_tests(shell, args)
}

/// The unit tests of the plugin `map`: where a fault in an expression is found takes more cases than a component can show.
fn mapping_tests(shell: &Shell, map: &Path) -> Done {
    let guests = shell.target.join("guests").to_string_lossy().into_owned();
    let test = ["test", "--quiet", "--release", "--target-dir", &guests];
    shell.run_in(map, "cargo", &test)
}

/// nextest where it is installed, for its time limit per test; the same tests by cargo where it is not.
fn workspace_tests(shell: &Shell, args: &[String]) -> Done {
    let nextest = shell.ask("cargo", &["nextest", "--version"]).is_some();
    let mut command: Vec<&str> = if nextest {
        vec![
            "nextest",
            "run",
            "--config-file",
            ".ci/nextest.toml",
            "--release",
            "--workspace",
        ]
    } else {
        vec!["test", "--release", "--workspace", "--all-targets"]
    };
    command.extend(args.iter().map(String::as_str));
    if args.is_empty() {
        shell.run("cargo", &["test", "--quiet", "--release", "--workspace", "--doc"])?;
    }
    shell.run("cargo", &command)
}
