//! The compiling process by itself, for tests and measurements; the bus has it as a hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    stadtbus_plugin_host::compile_child()
}
