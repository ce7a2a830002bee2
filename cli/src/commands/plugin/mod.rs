//! `stadtbus plugin`: from an empty folder to a plugin in operation.

use crate::grammar::example;
use crate::session::Session;
use crate::ui::{Failure, Outcome, t};
use stadtbus_plugin_host::Manifest;
use std::path::{Path, PathBuf};

mod bench;
mod beside;
mod build;
mod check;
mod claims;
mod costs;
mod deploy;
mod diff;
mod grants;
mod inspect;
mod key;
mod mapping;
mod new;
mod oci;
mod rollout;
mod sign;
mod test;
mod transfer;
mod watch;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Plugins anlegen, bauen, testen, signieren, einspielen, freigeben", "Create, build, test, sign, deploy and approve plugins"),
    after_help = example(&["stadtbus plugin new outage-redact --partner ngn", "stadtbus plugin build plugins/krefeld/outage-redact"]),
    arg_required_else_help = true,
    subcommand_value_name = t("BEFEHL", "COMMAND")
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    New(new::Args),
    Build(build::Args),
    Test(test::Args),
    Watch(watch::Args),
    Bench(bench::Args),
    Check(check::Args),
    Key(key::Args),
    Sign(sign::Args),
    Inspect(inspect::Args),
    Push(transfer::PushArgs),
    Pull(transfer::PullArgs),
    Deploy(deploy::Args),
    Diff(diff::Args),
    Shadow(rollout::Shadow),
    Canary(rollout::Canary),
    Promote(rollout::Promote),
    Rollback(rollout::Rollback),
    Status(rollout::Status),
    Grants(grants::ListArgs),
    Approve(grants::ApproveArgs),
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    match args.verb {
        Verb::New(args) => new::run(&args, session),
        Verb::Build(args) => build::run(&args, session),
        Verb::Test(args) => test::run(&args, session),
        Verb::Watch(args) => watch::run(&args, session),
        Verb::Bench(args) => bench::run(&args, session),
        Verb::Check(args) => check::run(&args, session),
        Verb::Key(args) => key::run(&args, session),
        Verb::Sign(args) => sign::run(&args, session),
        Verb::Inspect(args) => inspect::run(&args, session),
        Verb::Push(args) => transfer::push(&args, session),
        Verb::Pull(args) => transfer::pull(&args, session),
        Verb::Deploy(args) => deploy::run(&args, session),
        Verb::Diff(args) => diff::run(&args, session),
        Verb::Shadow(args) => rollout::shadow(&args, session),
        Verb::Canary(args) => rollout::canary(&args, session),
        Verb::Promote(args) => rollout::promote(&args, session),
        Verb::Rollback(args) => rollout::rollback(&args, session),
        Verb::Status(args) => rollout::status(&args, session),
        Verb::Grants(args) => grants::list(&args, session),
        Verb::Approve(args) => grants::approve(&args, session),
    }
}

/// The folder every verb but `new` works on.
#[derive(Debug, clap::Args)]
struct Target {
    #[arg(value_name = t("ORDNER", "FOLDER"), default_value = ".", help = t("Der Ordner mit plugin.yaml (Vorgabe: hier)", "The folder with plugin.yaml (default: here)"))]
    folder: PathBuf,
}

/// A manifest with its text.
pub(crate) fn manifest(folder: &Path) -> Result<(Manifest, String), Failure> {
    let path = folder.join("plugin.yaml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::file(&path, &error).hint("stadtbus plugin new NAME --partner PARTNER"))?;
    let manifest = Manifest::parse(&text)
        .map_err(|error| host_failure(&error).hint(format!("$EDITOR {}", path.display())))?;
    Ok((manifest, text))
}

/// The component of a plugin folder: `build/<name>.wasm`.
pub(crate) fn component(folder: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = folder.join("build").join(format!("{name}.wasm"));
    std::fs::read(&path).map_err(|error| {
        let message = crate::say!(
            "Das Plugin {name} ist nicht gebaut.",
            "The plugin {name} has not been built."
        );
        Failure::new("SB-5011", crate::ui::Exit::Failed, message)
            .detail(format!("{}: {error}", path.display()))
            .hint(format!("stadtbus plugin build {}", folder.display()))
    })
}

/// An error of the plugin host as a failure: title in the person's language, detail as the host said it.
pub(crate) fn host_failure(error: &stadtbus_plugin_host::PluginError) -> Failure {
    let title = crate::catalogue::find(error.code()).map_or("", crate::catalogue::Page::title);
    let failure =
        Failure::new(error.code(), crate::ui::Exit::Failed, format!("{title}.")).detail(error.detail.clone());
    error
        .names
        .iter()
        .chain(&error.hint)
        .fold(failure, |failure, line| failure.detail(line.clone()))
}
