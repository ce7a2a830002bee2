//! What a plugin is made of, from the lock file of its language, as a bill of materials (CycloneDX 1.6).
//!
//! Without time and without chance: the same source gives the same component. Where there is no lock file the bill says
//! that what it lists is not known to be all.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::carried::Carried;
use crate::error::PluginError;
use crate::manifest::Manifest;
use crate::shape::hex;

/// One thing a plugin is made of.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: String,
    version: String,
    /// Package URL; none for what comes from no registry.
    purl: Option<String>,
    /// Algorithm and hexadecimal digest.
    hash: Option<(&'static str, String)>,
}

/// Adds bill and licence to a component that was just made of the source in `dir`.
pub(super) fn carry(component: Vec<u8>, dir: &Path, manifest: &Manifest) -> Result<Vec<u8>, PluginError> {
    let license = manifest.license.clone().or_else(|| license_of(dir));
    let parts = parts(dir)?;
    let sbom = Some(bill(manifest, license.as_deref(), parts));
    Carried { sbom, license }.into_component(component)
}

fn bill(manifest: &Manifest, license: Option<&str>, parts: Option<Vec<Part>>) -> Value {
    let root = format!("{}@{}", manifest.name(), manifest.version);
    let mut component = json!({
        "type": "application", "bom-ref": root, "group": manifest.partner, "name": manifest.plugin,
        "version": manifest.version,
    });
    if let (Some(license), Some(fields)) = (license, component.as_object_mut()) {
        fields.insert("licenses".to_owned(), json!([{"expression": license}]));
    }
    let aggregate = if parts.is_some() { "complete" } else { "unknown" };
    let components: Vec<Value> = parts.unwrap_or_default().iter().map(Part::to_json).collect();
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": component},
        "components": components,
        "compositions": [{"aggregate": aggregate, "assemblies": [root]}],
    })
}

impl Part {
    fn to_json(&self) -> Value {
        let reference = self.purl.clone();
        let reference = reference.unwrap_or_else(|| format!("{}@{}", self.name, self.version));
        let mut json = json!({
            "type": "library", "bom-ref": reference, "name": self.name, "version": self.version,
        });
        if let Some(fields) = json.as_object_mut() {
            if let Some(purl) = &self.purl {
                fields.insert("purl".to_owned(), json!(purl));
            }
            if let Some((alg, content)) = &self.hash {
                fields.insert("hashes".to_owned(), json!([{"alg": alg, "content": content}]));
            }
        }
        json
    }
}

/// Reads what one kind of lock file names; else why it cannot be read.
type Reader = fn(&str) -> Result<Vec<Part>, String>;

/// Everything the lock file beside the plugin names; `None` where there is none.
fn parts(dir: &Path) -> Result<Option<Vec<Part>>, PluginError> {
    let readers: [(&str, Reader); 6] = [
        ("Cargo.lock", cargo),
        ("package-lock.json", npm),
        ("pylock.toml", python),
        ("uv.lock", python),
        ("poetry.lock", python),
        ("requirements.txt", requirements),
    ];
    for (file, read) in readers {
        let path = dir.join(file);
        if !path.is_file() {
            continue;
        }
        let unreadable =
            |why: String| PluginError::new("SB-5011", format!("{} cannot be read: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        let mut parts = read(&text).map_err(unreadable)?;
        parts.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        parts.dedup();
        return Ok(Some(parts));
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default, alias = "packages")]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: String,
    source: Option<Value>,
    checksum: Option<String>,
}

/// Crates: the plugin itself is the one without a source that nothing else is named by.
fn cargo(text: &str) -> Result<Vec<Part>, String> {
    let lock: Lock = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let part = |package: Package| {
        let from_registry = package.source.as_ref().is_some_and(|source| {
            source
                .as_str()
                .is_some_and(|source| source.starts_with("registry+"))
        });
        Part {
            purl: from_registry.then(|| format!("pkg:cargo/{}@{}", package.name, package.version)),
            hash: package.checksum.map(|checksum| ("SHA-256", checksum)),
            name: package.name,
            version: package.version,
        }
    };
    Ok(lock.package.into_iter().map(part).collect())
}

/// Packages of npm that are not only for development.
fn npm(text: &str) -> Result<Vec<Part>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let packages = lock.get("packages").and_then(Value::as_object);
    let packages = packages.ok_or("it has no `packages`; npm 7 or newer writes them")?;
    let mut parts = Vec::new();
    for (place, package) in packages {
        let flag = |name: &str| package.get(name).and_then(Value::as_bool).unwrap_or(false);
        let Some((_, name)) = place.rsplit_once("node_modules/") else {
            continue;
        };
        if flag("dev") || flag("link") {
            continue;
        }
        let text = |name: &str| package.get(name).and_then(Value::as_str);
        let version = text("version").unwrap_or_default();
        parts.push(Part {
            purl: Some(format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1))),
            hash: text("integrity").and_then(integrity),
            name: name.to_owned(),
            version: version.to_owned(),
        });
    }
    Ok(parts)
}

/// `sha512-<base64>` as the bill writes it.
fn integrity(text: &str) -> Option<(&'static str, String)> {
    use base64::Engine as _;
    let digest = text.strip_prefix("sha512-")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(digest).ok()?;
    Some(("SHA-512", hex(&bytes)))
}

/// The lock files of Python's tools agree on this much.
fn python(text: &str) -> Result<Vec<Part>, String> {
    let lock: Lock = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let part = |package: Package| pypi(&package.name, &package.version);
    Ok(lock.package.into_iter().map(part).collect())
}

/// `name==version` of each line; what is not pinned is no lock.
fn requirements(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let line = line.trim().trim_end_matches('\\').trim();
        if line.is_empty() || line.starts_with('-') {
            continue;
        }
        let pinned = line.split([' ', ';']).next().unwrap_or_default().split_once("==");
        let (name, version) = pinned.ok_or_else(|| format!("`{line}` is not pinned with =="))?;
        let name = name.split('[').next().unwrap_or(name);
        parts.push(pypi(name, version));
    }
    Ok(parts)
}

fn pypi(name: &str, version: &str) -> Part {
    Part {
        purl: Some(format!(
            "pkg:pypi/{}@{version}",
            name.to_lowercase().replace('_', "-")
        )),
        hash: None,
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// The licence that the package file of the language names.
fn license_of(dir: &Path) -> Option<String> {
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).ok();
    let toml = |file: &str, table: &str| {
        let parsed: toml::Table = toml::from_str(&read(file)?).ok()?;
        let license = parsed.get(table)?.get("license")?;
        license.as_str().map(str::to_owned)
    };
    let json = |file: &str| {
        let parsed: Value = serde_json::from_str(&read(file)?).ok()?;
        parsed.get("license")?.as_str().map(str::to_owned)
    };
    toml("Cargo.toml", "package")
        .or_else(|| json("package.json"))
        .or_else(|| toml("pyproject.toml", "project"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(parts: &[Part]) -> Vec<(&str, &str, Option<&str>)> {
        parts
            .iter()
            .map(|part| (part.name.as_str(), part.version.as_str(), part.purl.as_deref()))
            .collect()
    }

    #[test]
    fn each_lock_file_is_read() {
        let lock = "version = 4\n[[package]]\nname = \"mine\"\nversion = \"1.0.0\"\n[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nsource = \"registry+https://example.org\"\nchecksum = \"ab\"\n";
        let parts = cargo(lock).unwrap();
        let expected = [
            ("mine", "1.0.0", None),
            ("serde", "1.0.2", Some("pkg:cargo/serde@1.0.2")),
        ];
        assert_eq!(named(&parts), expected);
        assert_eq!(parts[1].hash, Some(("SHA-256", "ab".to_owned())));
        let lock = r#"{"packages": {"": {}, "node_modules/@a/b": {"version": "2.0.0", "integrity": "sha512-q83v"},
            "node_modules/c": {"version": "1.0.0", "dev": true}}}"#;
        let parts = npm(lock).unwrap();
        assert_eq!(named(&parts), [("@a/b", "2.0.0", Some("pkg:npm/%40a/b@2.0.0"))]);
        assert_eq!(parts[0].hash, Some(("SHA-512", "abcdef".to_owned())));
        let uv = "version = 1\n[[package]]\nname = \"Py_Ical\"\nversion = \"6.0\"\nsource = { registry = \"x\" }\n";
        assert_eq!(
            named(&python(uv).unwrap()),
            [("Py_Ical", "6.0", Some("pkg:pypi/py-ical@6.0"))]
        );
        let pylock = "lock-version = \"1.0\"\n[[packages]]\nname = \"attrs\"\nversion = \"25.1\"\n";
        assert_eq!(named(&python(pylock).unwrap()).len(), 1);
        let text = "# pins\nicalendar[x]==6.0 ; python_version > '3' \\\n    --hash=sha256:aa\n";
        assert_eq!(
            named(&requirements(text).unwrap()),
            [("icalendar", "6.0", Some("pkg:pypi/icalendar@6.0"))]
        );
        assert!(requirements("icalendar>=6\n").is_err());
        assert!(npm("{}").is_err());
    }
}
