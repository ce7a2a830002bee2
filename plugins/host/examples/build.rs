//! Builds the Rust plugin in a folder: `build FOLDER TARGET_DIR`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), Some(target)) = (args.next(), args.next()) else {
        eprintln!("usage: build FOLDER TARGET_DIR");
        return ExitCode::from(2);
    };
    match stadtbus_plugin_host::build::build(&dir, &target) {
        Ok(built) => {
            println!(
                "{} {} bytes {}",
                built.path.display(),
                built.report.component_bytes,
                built.report.digest
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
