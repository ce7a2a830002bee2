//! From a folder to a [`City`]: every file is read, every finding is kept, nothing is half loaded.

mod files;
mod head;
mod place;
mod vouched;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::check::{self, Places};
use crate::city::{City, component_digest};
use crate::contract::Contract;
use crate::finding::{Finding, Findings, Severity, Text};
use crate::odcs::{self, Attachments};
use crate::reader::Reader;
use crate::yaml::{self, Node};
use crate::{agreement, partner, plugin, route, subscription};
use files::Files;
pub use place::finding_in;

/// A component larger than this is not read. The plugin host has its own, lower limit.
const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Loads a city folder.
///
/// `env` gives the values for `${NAME}` in webhook addresses.
///
/// # Errors
/// Everything that is wrong with the folder, at once, sorted by file and line; also when a plugin's
/// component has not been built (`SB-5011`).
pub fn load(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<City, Findings> {
    let (city, mut findings) = read(folder, env, SystemTime::now());
    for finding in findings.0.iter_mut().filter(|f| f.code == "SB-5011") {
        finding.severity = Severity::Error;
    }
    sound(city, findings)
}

/// [`load`] for questions that no plugin has to run for: components need not be built.
///
/// # Errors
/// As [`load`], without `SB-5011`.
pub fn load_documents(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<City, Findings> {
    let (city, findings) = read(folder, env, SystemTime::now());
    sound(city, findings)
}

fn sound(city: Option<City>, findings: Findings) -> Result<City, Findings> {
    match city {
        Some(city) if !findings.has_errors() => Ok(city),
        _ => Err(findings),
    }
}

/// Everything worth saying about a city folder, warnings included. Components need not be built.
pub fn lint(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    read(folder, env, SystemTime::now()).1.0
}

/// The components of a city's plugins by digest, read from the folder it was loaded from.
///
/// # Errors
/// `SB-5011` where a component is missing or is no longer the one the city names.
pub fn components(folder: &Path, city: &City) -> Result<IndexMap<String, Bytes>, Findings> {
    let files = Files::new(folder);
    let plugins = files.folder(head::read(&files).plugins.as_deref().unwrap_or("plugins"));
    let mut components = IndexMap::new();
    let mut missing = Vec::new();
    for plugin in &city.plugins {
        let path = component_path(&plugins.join(&plugin.name), &plugin.name);
        match files::read_bytes(&path, COMPONENT_BYTES_MAX) {
            Ok(bytes) if component_digest(&bytes) == plugin.digest => {
                components.insert(plugin.digest.clone(), Bytes::from(bytes));
            }
            _ => missing.push(not_built(&path, &plugin.name)),
        }
    }
    if missing.is_empty() {
        Ok(components)
    } else {
        Err(Findings(missing))
    }
}

pub(crate) fn component_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("build").join(format!("{name}.wasm"))
}

fn not_built(path: &Path, name: &str) -> Finding {
    let folder = path.parent().and_then(Path::parent).unwrap_or(path);
    let build = format!("stadtbus plugin build {}", shown(folder));
    Finding::warning(
        "SB-5011",
        shown(path),
        Text::new(
            format!("Die Komponente des Plugins „{name}“ ist nicht gebaut."),
            format!("the component of the plugin `{name}` is not built"),
        ),
    )
    .hint(Text::new(build.as_str(), build.as_str()))
}

pub(crate) fn read(
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    now: SystemTime,
) -> (Option<City>, Findings) {
    let (city, mut loader) = gather(folder, env);
    // What refers to what is only worth saying when everything could be read: otherwise one typing
    // error in a partner's file would be followed by twenty sentences that the partner is unknown.
    let complete = !loader.unread;
    if complete {
        loader.findings.extend(check::check(&city, &loader.places, now));
    }
    (complete.then_some(city), Findings::sorted(loader.findings))
}

/// Reads all documents; whether they fit together is not asked.
fn gather(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> (City, Loader) {
    let files = Files::new(folder);
    let head = head::read(&files);
    let mut loader = Loader {
        files,
        places: head
            .place
            .into_iter()
            .map(|place| ("city".to_owned(), place))
            .collect(),
        unread: head.findings.iter().any(|f| f.severity == Severity::Error),
        findings: head.findings,
    };
    let mut city = City::new(head.name, head.title);
    city.zones = head.zones;
    loader.nouns(&mut city, env);
    if let Some(folder) = head.contracts {
        city.contracts = loader.contracts(&folder);
    }
    if let Some(folder) = head.plugins {
        loader.plugins(&mut city, &folder);
    }
    (city, loader)
}

struct Loader {
    files: Files,
    places: Places,
    findings: Vec<Finding>,
    /// Whether any file could not be read in full.
    unread: bool,
}

impl Loader {
    fn unreadable(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let before = self.findings.len();
        self.findings.extend(findings);
        self.unread |= self
            .findings
            .iter()
            .skip(before)
            .any(|f| f.severity == Severity::Error);
    }

    /// Reads one file with one of the nouns' readers.
    fn document<T>(
        &mut self,
        path: &Path,
        read: impl FnOnce(&Reader, &Node, &str) -> Option<T>,
    ) -> Option<(T, Node)> {
        let file = shown(path);
        let parsed = files::read_text(path).and_then(|text| Ok((yaml::parse(&file, &text)?, text)));
        match parsed {
            Ok((node, text)) => {
                let reader = Reader::new(file);
                let value = read(&reader, &node, &text);
                self.unreadable(reader.into_findings());
                value.map(|value| (value, node))
            }
            Err(finding) => {
                self.unreadable([finding]);
                None
            }
        }
    }

    fn place(&mut self, object: String, path: &Path, node: Node) {
        self.places.insert(object, (shown(path), node));
    }

    /// A file is named after what is in it, so that a person finds it and two cannot clash.
    fn named(&mut self, path: &Path, expected: &str) {
        if name_of(path) != expected {
            let text = Text::new(
                format!("Datei oder Ordner muss nach dem Inhalt heißen: „{expected}“."),
                format!("file or folder must be named after its content: `{expected}`"),
            );
            self.findings.push(Finding::error("SB-5013", shown(path), text));
        }
    }

    /// The second file about one thing is left out and reported, or its findings would be shown at
    /// the first.
    fn is_new(&mut self, object: &str, path: &Path, (de, en): (&str, &str)) -> bool {
        let Some((first, _)) = self.places.get(object) else {
            return true;
        };
        let name = object.rsplit(' ').next().unwrap_or_default();
        let text = Text::new(
            format!("{de} „{name}“ steht schon in {first}."),
            format!("the {en} `{name}` is already in {first}"),
        );
        self.findings.push(Finding::error("SB-5007", shown(path), text));
        false
    }

    fn list(&mut self, folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
        let (paths, findings) = files::list(folder, endings);
        self.findings.extend(findings);
        paths
    }

    fn nouns(&mut self, city: &mut City, env: &dyn Fn(&str) -> Option<String>) {
        for path in self.list(&self.files.folder("partners"), &["yaml"]) {
            if let Some((value, node)) = self.document(&path, |r, n, _| partner::read(r, n)) {
                self.named(&path, value.partner.as_str());
                self.place(format!("partner {}", value.partner), &path, node);
                city.partners.insert(value.partner.clone(), value);
            }
        }
        for path in self.list(&self.files.folder("routes"), &["yaml"]) {
            if let Some((value, node)) = self.document(&path, |r, n, _| route::read(r, n)) {
                self.named(&path, &value.route);
                self.place(format!("route {}", value.route), &path, node);
                city.routes.insert(value.route.clone(), value);
            }
        }
        for folder in files::folders(&self.files.folder("subscriptions")) {
            for path in self.list(&folder, &["yaml"]) {
                if let Some((value, node)) = self.document(&path, |r, n, _| subscription::read(r, n, env)) {
                    self.named(&path, value.subscription.as_str());
                    self.named(&folder, value.partner.as_str());
                    self.place(format!("subscription {}", value.subscription), &path, node);
                    if let Some(other) = city.subscriptions.insert(value.subscription.clone(), value) {
                        self.findings.push(Finding::error(
                            "SB-5007",
                            shown(&path),
                            Text::new(
                                format!(
                                    "Ein Abonnement dieses Namens gibt es schon bei {}.",
                                    other.partner
                                ),
                                format!("{} already has a subscription of this name", other.partner),
                            ),
                        ));
                    }
                }
            }
        }
        for path in self.list(&self.files.folder("tables"), &["json", "yaml"]) {
            if let Some((value, node)) = self.document(&path, |_, n, _| Some(n.to_value())) {
                let name = name_of(&path).to_owned();
                self.place(format!("table {name}"), &path, node);
                city.tables.insert(name, value);
            }
        }
    }

    /// `<contracts>/<partner>/<thing>/v1/`.
    fn contracts(&mut self, folder: &str) -> Vec<Contract> {
        let root = self.files.folder(folder);
        if !root.is_dir() {
            self.unreadable([files::unreadable(&root)]);
        }
        let mut contracts = Vec::new();
        for partner in files::folders(&root) {
            for thing in files::folders(&partner) {
                for version in files::folders(&thing) {
                    if let Some(contract) = self.contract(&version) {
                        self.named(&partner, contract.publisher.as_str());
                        let major = contract.version.split('.').next().unwrap_or_default().to_owned();
                        self.named(&version, &format!("v{major}"));
                        contracts.push(contract);
                    }
                }
            }
        }
        contracts
    }

    fn contract(&mut self, folder: &Path) -> Option<Contract> {
        let schema_path = folder.join("schema.json");
        let schema = files::read_text(&schema_path)
            .map_err(|finding| self.unreadable([finding]))
            .ok();
        let mut usage = Vec::new();
        for path in self.list(&folder.join("usage"), &["yaml"]) {
            if let Some((value, node)) = self.document(&path, |r, n, _| agreement::read(r, n)) {
                let object = format!("agreement {}", value.agreement);
                if self.is_new(&object, &path, ("Die Vereinbarung", "agreement")) {
                    self.place(object, &path, node);
                    usage.push(value);
                }
            }
        }
        let path = folder.join("contract.odcs.yaml");
        let (contract, node) = self.document(&path, |reader, node, text| {
            let with = Attachments {
                document: text.to_owned(),
                schema: schema.clone().unwrap_or_default(),
                usage,
            };
            odcs::read(reader, node, with)
        })?;
        let ty = contract.event_type.clone();
        if !self.is_new(&format!("contract {ty}"), &path, ("Der Vertrag", "contract")) {
            return None;
        }
        self.place(format!("contract {ty}"), &path, node.clone());
        self.place(
            format!("schema {ty}"),
            &schema_path,
            Node {
                at: (0, 0),
                kind: yaml::Kind::Null,
            },
        );
        schema.map(|_| contract)
    }

    fn plugins(&mut self, city: &mut City, folder: &str) {
        let root = self.files.folder(folder);
        for folder in files::folders(&root) {
            let path = folder.join("plugin.yaml");
            if !path.is_file() {
                continue;
            }
            let component = component_path(&folder, name_of(&folder));
            let digest =
                files::read_bytes(&component, COMPONENT_BYTES_MAX).map(|bytes| component_digest(&bytes));
            if digest.is_err() {
                self.findings.push(not_built(&component, name_of(&folder)));
            }
            let read = self.document(&path, |reader, node, text| {
                plugin::read(reader, node, text, digest.unwrap_or_default())
            });
            if let Some((mut value, node)) = read {
                self.vouched(&mut value, &component);
                self.named(&folder, &value.name);
                self.place(format!("plugin {}", value.full_name()), &path, node);
                city.plugins.push(value);
            }
        }
    }
}

/// The examples beside one contract.
pub(crate) struct ContractFolder {
    pub(crate) event_type: stadtbus_event::EventType,
    pub(crate) examples: Vec<PathBuf>,
}

pub(crate) use files::{name_of, read_text, shown};

/// Where the contracts of a folder that loads have their examples.
pub(crate) fn contract_folders(folder: &Path) -> Vec<ContractFolder> {
    let mut loader = Loader {
        files: Files::new(folder),
        places: Places::new(),
        findings: Vec::new(),
        unread: false,
    };
    let Some(root) = head::read(&loader.files).contracts else {
        return Vec::new();
    };
    loader.contracts(&root);
    let mut found: Vec<ContractFolder> = (loader.places.iter())
        .filter_map(|(object, (file, _))| {
            let event_type = stadtbus_event::EventType::parse(object.strip_prefix("contract ")?).ok()?;
            let examples = files::list(&Path::new(file).parent()?.join("examples"), &["json"]).0;
            Some(ContractFolder { event_type, examples })
        })
        .collect();
    found.sort_by(|a, b| a.event_type.cmp(&b.event_type));
    found
}
