//! `stadtbus plugin push` and `pull`: to an OCI registry, and from one.

use super::beside::{self, Trust};
use super::oci::{self, Access, Parcel, Reference, Registry};
use super::{component, host_failure, manifest};
use crate::grammar::example;
use crate::say;
use crate::session::{Session, wait};
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::json;
use stadtbus_contracts::component_digest;
use stadtbus_plugin_host::Manifest;
use std::path::{Path, PathBuf};

/// The arguments of `push`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein signiertes Plugin in eine OCI-Registry legen", "Push a signed plugin to an OCI registry"),
    after_help = example(&["stadtbus plugin push plugins/krefeld/outage-redact oci://registry.example/ngn/outage-redact"])
)]
pub(super) struct PushArgs {
    #[arg(value_name = t("ORDNER", "FOLDER"), help = t("Der Ordner mit plugin.yaml", "The folder with plugin.yaml"))]
    folder: PathBuf,
    #[arg(value_name = "OCI", help = t("oci://HOST/NAME[:TAG]; ohne TAG die Version", "oci://HOST/NAME[:TAG]; without TAG the version"))]
    reference: String,
    #[command(flatten)]
    access: Access,
}

/// The arguments of `pull`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein Plugin aus einer OCI-Registry holen und prüfen", "Pull a plugin from an OCI registry and verify it"),
    after_help = example(&["stadtbus plugin pull oci://registry.example/ngn/outage-redact:1.0.0 --city deploy/cities/krefeld"])
)]
pub(super) struct PullArgs {
    #[arg(value_name = "OCI", help = t("oci://HOST/NAME:TAG oder …@sha256:DIGEST", "oci://HOST/NAME:TAG or …@sha256:DIGEST"))]
    reference: String,
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Wohin (Vorgabe: ./NAME des Plugins)", "Where to (default: ./NAME of the plugin)"))]
    into: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    access: Access,
}

fn registry(reference: &Reference, access: &Access) -> Result<Registry, Failure> {
    let login = access.login(&reference.host)?;
    Ok(Registry::new(&reference.host, login, access.plain_http))
}

/// Pushes.
pub(super) fn push(args: &PushArgs, session: &Session) -> Outcome {
    let reference: Reference = args.reference.parse()?;
    let (manifest, yaml) = manifest(&args.folder)?;
    let component = component(&args.folder, &manifest.plugin)?;
    let report = stadtbus_plugin_host::check(&component, &manifest).map_err(|error| host_failure(&error))?;
    let parcel = Parcel {
        manifest: yaml,
        component,
        signature: beside::signature(&args.folder, &manifest.plugin)?,
        sigstore: beside::sigstore(&args.folder, &manifest.plugin)?,
    };
    let shell = &session.shell;
    if parcel.signature.is_none() {
        let name = manifest.name();
        let message = say!("{name} ist nicht signiert.", "{name} is not signed.");
        return Err(Failure::new("SB-4020", Exit::Refused, message).hint(format!(
            "stadtbus plugin sign {} --signing-key integrator.pem",
            args.folder.display()
        )));
    }
    let registry = registry(&reference, &args.access)?;
    wait(async {
        let image = oci::push(&registry, &reference, &parcel, (&manifest, &report)).await?;
        let place = reference.at(&image);
        let head = shell.paint(Style::Good, t("abgelegt", "pushed"));
        let document = json!({
            "plugin": format!("{}@{}", manifest.name(), manifest.version),
            "digest": report.digest, "image": image, "reference": place.to_string(),
        });
        shell.show(&document, || vec![format!("{head}  {place}")]);
        Ok(Exit::Done)
    })
}

/// Pulls; nothing is written before everything held.
pub(super) fn pull(args: &PullArgs, session: &Session) -> Outcome {
    let reference: Reference = args.reference.parse()?;
    if !args.trust.is_given() {
        return Err(Failure::usage(t(
            "Wem ist zu glauben? Es fehlt --city oder --public-key.",
            "Whom to believe? --city or --public-key is missing.",
        ))
        .hint(format!("stadtbus plugin pull {reference} --city FOLDER")));
    }
    let registry = registry(&reference, &args.access)?;
    wait(async {
        let (parcel, image) = oci::pull(&registry, &reference).await?;
        let manifest = Manifest::parse(&parcel.manifest).map_err(|error| host_failure(&error))?;
        let named = (&manifest, parcel.manifest.as_str());
        let key = args
            .trust
            .verify(session, named, &parcel.component, parcel.signature.as_ref())?;
        stadtbus_plugin_host::check(&parcel.component, &manifest).map_err(|error| host_failure(&error))?;
        let folder = args.into.clone();
        let folder = folder.unwrap_or_else(|| PathBuf::from(&manifest.plugin));
        write(&folder, &manifest.plugin, &parcel)?;
        let shell = &session.shell;
        let name = format!("{}@{}", manifest.name(), manifest.version);
        let digest = component_digest(&parcel.component);
        let head = shell.paint(Style::Good, t("geholt", "pulled"));
        let document = json!({
            "plugin": name, "digest": digest, "image": image, "key": key, "folder": folder,
        });
        shell.show(&document, || {
            vec![
                format!("{head}  {name}+{digest}"),
                say!(
                    "  signiert mit {key}; liegt in {}",
                    "  signed by {key}; lies in {}",
                    folder.display()
                ),
            ]
        });
        Ok(Exit::Done)
    })
}

/// Lays a plugin into a folder. Another plugin's folder is left alone.
fn write(folder: &Path, name: &str, parcel: &Parcel) -> Result<(), Failure> {
    if let Ok((there, _)) = manifest(folder)
        && there.plugin != name
    {
        let message = say!(
            "In {} liegt das Plugin {}.",
            "{} holds the plugin {}.",
            folder.display(),
            there.name()
        );
        return Err(
            Failure::new("SB-6003", Exit::Usage, message).hint("stadtbus plugin pull OCI --into FOLDER")
        );
    }
    let build = folder.join("build");
    let put = |path: PathBuf, bytes: &[u8]| {
        std::fs::write(&path, bytes).map_err(|error| Failure::file(&path, &error))
    };
    std::fs::create_dir_all(&build).map_err(|error| Failure::file(&build, &error))?;
    put(folder.join("plugin.yaml"), parcel.manifest.as_bytes())?;
    put(build.join(format!("{name}.wasm")), &parcel.component)?;
    if let Some(signature) = &parcel.signature {
        let text = serde_json::to_vec_pretty(signature).unwrap_or_default();
        put(beside::signature_path(folder, name), &text)?;
    }
    let bundle = beside::sigstore_path(folder, name);
    match &parcel.sigstore {
        Some(sigstore) => put(bundle, sigstore.to_string().as_bytes()),
        // One that lies there from before belongs to another component.
        None if bundle.is_file() => {
            std::fs::remove_file(&bundle).map_err(|error| Failure::file(&bundle, &error))
        }
        None => Ok(()),
    }
}
