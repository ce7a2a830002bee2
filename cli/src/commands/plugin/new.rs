//! `stadtbus plugin new`: a folder with a plugin that builds and whose tests pass, to be changed from there.
//!
//! The SDK comes out of this program, so that nothing but the tools of the language is needed; inside the source tree of
//! the bus the tree's own SDK is used.

use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use serde_json::json;
use stadtbus_event::PartnerId;
use std::path::{Component, Path, PathBuf};

#[cfg(test)]
mod tests;

/// Templates and SDKs as `(path below plugins/, text)`.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
/// Where a plugin outside the source tree keeps the SDK it was made with.
const OWN_SDK: &str = "stadtbus";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein neues Plugin anlegen, das baut und dessen Tests bestehen", "Create a new plugin that builds and whose tests pass"),
    after_help = example(&["stadtbus plugin new outage-redact --partner ngn --role transform", "stadtbus plugin new ical-diff --partner gsak --role decode --language python"])
)]
pub(super) struct Args {
    #[arg(value_name = "NAME", help = t("Name des Plugins: Kleinbuchstaben, Ziffern, Bindestrich", "Name of the plugin: lower-case letters, digits, hyphen"))]
    name: String,
    #[arg(long, value_name = "PARTNER", help = t("Wem es gehört", "Whose it is"))]
    partner: String,
    #[arg(long, value_name = "ROLE", default_value = "transform", help = t("decode, transform (Vorgabe) oder encode", "decode, transform (default) or encode"))]
    role: Role,
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", help = t("rust (Vorgabe), typescript, python, zig, oder jsonata für einen Ausdruck statt eines Programms", "rust (default), typescript, python, zig, or jsonata for an expression instead of a program"))]
    language: Language,
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Wohin (Vorgabe: ./NAME)", "Where to (default: ./NAME)"))]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Decode,
    Transform,
    Encode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Rust,
    Typescript,
    Python,
    Zig,
    /// No program: the ready plugin `map` with an expression.
    Jsonata,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::Zig => "zig",
            Self::Jsonata => "jsonata",
        }
    }

    /// Languages with an interpreter speak in documents and keep their instances; the others get records and a fresh
    /// instance for each call.
    fn is_interpreted(self) -> bool {
        matches!(self, Self::Typescript | Self::Python)
    }

    /// Templates below the language's own folder, and what becomes of them; `ROLE` stands for the role.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => &[("Cargo.toml", "Cargo.toml"), ("src/ROLE.rs", "src/lib.rs")],
            Self::Typescript => &[
                ("package.json", "package.json"),
                ("tsconfig.json", "tsconfig.json"),
                ("src/ROLE.ts", "src/plugin.ts"),
                ("src/ROLE.test.ts", "src/plugin.test.ts"),
            ],
            Self::Python => &[
                ("pyproject.toml", "pyproject.toml"),
                ("src/ROLE.py", "src/plugin.py"),
                ("tests/ROLE.py", "tests/test_plugin.py"),
            ],
            Self::Zig => &[("src/ROLE.zig", "src/plugin.zig")],
            Self::Jsonata => &[],
        }
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Transform => "transform",
            Self::Encode => "encode",
        }
    }
}

/// Creates the folder.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    for name in [&args.name, &args.partner] {
        PartnerId::parse(name).map_err(|error| {
            let message = say!(
                "`{}` ist kein gültiger Name.",
                "`{}` is not a valid name.",
                name.escape_debug()
            );
            Failure::new("SB-5013", Exit::Usage, message).detail(error.to_string())
        })?;
    }
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    if folder.exists() {
        let message = say!("{} gibt es schon.", "{} exists already.", folder.display());
        return Err(Failure::new("SB-6003", Exit::Usage, message).hint(format!(
            "stadtbus plugin new {} --partner {} --folder ORDNER",
            args.name, args.partner
        )));
    }
    create(args, &folder).map_err(|error| Failure::file(&folder, &error))?;
    let path = folder.display();
    session.shell.show(&json!({"folder": folder}), || {
        vec![
            say!(
                "{path} ist angelegt. Weiter mit:",
                "{path} is created. Go on with:"
            ),
            format!("  stadtbus plugin build {path}"),
            format!("  stadtbus plugin test {path}"),
        ]
    });
    Ok(Exit::Done)
}

fn create(args: &Args, folder: &Path) -> std::io::Result<()> {
    if args.language == Language::Jsonata {
        return create_mapping(args, folder);
    }
    std::fs::create_dir_all(folder)?;
    let language = args.language.name();
    let sdk = match tree_sdk(folder, language) {
        Some(sdk) => sdk,
        None => {
            unpack(&folder.join(OWN_SDK), language)?;
            Path::new(OWN_SDK).join("sdk").join(language)
        }
    };
    let role = args.role.name();
    let shared = [
        ("plugin.yaml".to_owned(), "plugin.yaml".to_owned()),
        (
            format!("plugin_test.{role}.yaml"),
            format!("{}_test.yaml", args.name),
        ),
    ];
    let shared = shared.map(|(template, file)| (format!("sdk/template/{template}.template"), file));
    let own = args.language.files().iter().map(|(template, file)| {
        let template = template.replace("ROLE", role);
        (
            format!("sdk/{language}/template/{template}.template"),
            (*file).to_owned(),
        )
    });
    for (template, file) in shared.into_iter().chain(own) {
        let text = template_text(&template).ok_or_else(|| std::io::Error::other(template))?;
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        std::fs::write(file, fill(text, args, &sdk))?;
    }
    std::fs::write(
        folder.join(".gitignore"),
        "/target\n/build\n/node_modules\n__pycache__/\n",
    )
}

/// A plugin without a source: manifest and tests.
fn create_mapping(args: &Args, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let test = format!("map/template/plugin_test.{}.yaml.template", args.role.name());
    let manifest = "map/template/plugin.yaml.template";
    let tests = format!("{}_test.yaml", args.name);
    for (template, file) in [(manifest, "plugin.yaml"), (&test, &tests)] {
        let text = FILES.iter().find(|(path, _)| *path == template);
        let (_, text) = text.ok_or_else(|| std::io::Error::other(template.to_owned()))?;
        std::fs::write(folder.join(file), fill(text, args, Path::new("")))?;
    }
    std::fs::write(folder.join(".gitignore"), "/build\n")
}

fn template_text(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(path, _)| *path == name)
        .map(|(_, text)| *text)
}

fn fill(text: &str, args: &Args, sdk: &Path) -> String {
    let partner = args.partner.replace('-', "");
    let thing = args.name.replace('-', ".");
    let (input, output) = (
        format!("de.example.{partner}.input.v1"),
        format!("de.example.{partner}.{thing}.v1"),
    );
    let consumes = if args.role == Role::Decode {
        String::new()
    } else {
        format!("consumes: [{input}]\n")
    };
    let produces = if args.role == Role::Encode {
        String::new()
    } else {
        format!("produces: [{output}]\n")
    };
    let (world, instances, limits) = if args.language.is_interpreted() {
        (
            "bytes",
            "# The interpreter stays from one call to the next, for at most a thousand; it starts with 12 MiB.\ninstances: warm\n",
            "limits: {deadline_ms: 100, memory_mib: 48}\n",
        )
    } else {
        (
            "records",
            "",
            "# limits: {deadline_ms: 50, memory_mib: 16, output_bytes_max: 262144, outputs_max: 16}\n",
        )
    };
    // An SDK inside the folder keeps its own workspace.
    let excluded = format!("[workspace]\nexclude = [\"{OWN_SDK}\"]");
    let workspace = if sdk.starts_with(OWN_SDK) {
        excluded.as_str()
    } else {
        "[workspace]"
    };
    [
        ("[workspace]", workspace),
        ("{{name}}", args.name.as_str()),
        ("{{crate}}", &args.name),
        ("{{partner}}", &args.partner),
        ("{{role}}", args.role.name()),
        ("{{world}}", world),
        ("{{language}}", args.language.name()),
        ("{{instances}}", instances),
        ("{{limits}}", limits),
        ("{{sdk}}", &sdk.display().to_string()),
        ("{{consumes}}", &consumes),
        ("{{produces}}", &produces),
        ("{{input_type}}", &input),
        ("{{output_type}}", &output),
    ]
    .iter()
    .fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
}

/// The SDK of the source tree the folder lies in, relative to the folder.
fn tree_sdk(folder: &Path, language: &str) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().enumerate().find_map(|(up, ancestor)| {
        let sdk = Path::new("plugins/sdk").join(language);
        let is_tree = ancestor.join(&sdk).is_dir() && ancestor.join("plugins/wit").is_dir();
        let mut relative: PathBuf = std::iter::repeat_n(Component::ParentDir, up).collect();
        relative.push(sdk);
        is_tree.then_some(relative)
    })
}

/// Writes the SDK of a language and the interface below `folder`, in the places they have to each other in the source tree.
fn unpack(folder: &Path, language: &str) -> std::io::Result<()> {
    let (sdk, template) = (format!("sdk/{language}/"), format!("sdk/{language}/template/"));
    let wanted =
        |path: &str| path.starts_with("wit/") || path.starts_with(&sdk) && !path.starts_with(&template);
    for (path, text) in FILES.iter().filter(|(path, _)| wanted(path)) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}
