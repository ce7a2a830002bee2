//! `stadtbus plugin deploy`: brings one plugin into operation, without the rest of its city.

use super::{Target, beside, component, manifest};
use crate::client::segment;
use crate::commands::send::text;
use crate::grammar::example;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Outcome, Style, t};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein gebautes Plugin einspielen", "Deploy a built plugin"),
    after_help = example(&["stadtbus plugin deploy plugins/krefeld/outage-redact"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Deploys.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let (manifest, yaml) = manifest(&args.target.folder)?;
    let (partner, name) = (manifest.partner.to_string(), manifest.plugin.clone());
    let component = component(&args.target.folder, &name)?;
    // What the bus would refuse is refused here already, without sending it.
    stadtbus_plugin_host::check(&component, &manifest).map_err(|error| super::host_failure(&error))?;
    let signature = beside::signature(&args.target.folder, &name)?;
    let sigstore = beside::sigstore(&args.target.folder, &name)?;
    let client = session.client(Scope::Operate)?;
    wait(async {
        let path = format!("/v1/plugins/{}/{}", segment(&partner), segment(&name));
        let answer = client
            .put(
                &path,
                &json!({
                    "manifest": yaml, "component": STANDARD.encode(&component), "signature": signature, "sigstore": sigstore,
                }),
            )
            .await?;
        let shell = &session.shell;
        let head = shell.paint(Style::Good, t("eingespielt", "deployed"));
        shell.show(&answer, || {
            vec![format!(
                "{head}  {}  sha256 {}",
                text(&answer, "plugin"),
                text(&answer, "digest")
            )]
        });
        Ok(Exit::Done)
    })
}
