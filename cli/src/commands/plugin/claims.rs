//! What a component imports beside what its manifest asks to be granted. An import nobody grants gets nothing; a grant nobody
//! uses is one that a second person need not have approved.

use serde::Serialize;
use stadtbus_plugin_host::Manifest;

const LOG: &str = "stadtbus:plugin/log@";
const LOOKUP: &str = "stadtbus:plugin/lookup@";

/// One grant or import.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Claim {
    /// What the manifest asks for: `state:<key>`, `table:<name>`, `log`; none for an import without a grant.
    pub(super) grant: Option<String>,
    /// The import that uses it; none where nothing does. State is no import: it comes and goes with each call.
    pub(super) import: Option<String>,
    /// Whether one goes with the other.
    pub(super) fits: bool,
}

/// All grants that the manifest asks for, then the imports that have none.
pub(super) fn claims(manifest: &Manifest, imports: &[String]) -> Vec<Claim> {
    let import = |name: &str| imports.iter().find(|import| import.starts_with(name)).cloned();
    let mut claims: Vec<Claim> = manifest
        .grants()
        .into_iter()
        .map(|grant| {
            let used_by = match grant.split(':').next() {
                Some("state") => {
                    return Claim {
                        grant: Some(grant),
                        import: None,
                        fits: true,
                    };
                }
                Some("table") => LOOKUP,
                _ => LOG,
            };
            let import = import(used_by);
            let fits = import.is_some();
            Claim {
                grant: Some(grant),
                import,
                fits,
            }
        })
        .collect();
    if manifest.tables.is_empty() {
        claims.extend(import(LOOKUP).map(|import| Claim {
            grant: None,
            import: Some(import),
            fits: false,
        }));
    }
    claims
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(lines: &str, imports: &[&str]) -> Vec<(Option<String>, Option<String>, bool)> {
        let yaml = format!(
            "plugin: p\npartner: ngn\nversion: 1.0.0\nrole: transform\nconsumes: [a.b.v1]\nproduces: [a.c.v1]\n{lines}"
        );
        let imports: Vec<String> = imports.iter().map(|name| (*name).to_owned()).collect();
        let claims = claims(&Manifest::parse(&yaml).unwrap(), &imports);
        claims
            .into_iter()
            .map(|claim| (claim.grant, claim.import, claim.fits))
            .collect()
    }

    #[test]
    fn grants_and_imports_are_held_against_each_other() {
        let (log, lookup) = ("stadtbus:plugin/log@1.1.0", "stadtbus:plugin/lookup@1.1.0");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found("", &[log]), [(text("log"), text(log), true)]);
        assert_eq!(
            found("", &["stadtbus:plugin/types@1.1.0"]),
            [(text("log"), None, false)]
        );
        assert_eq!(found("log: false\n", &[]), []);
        let all = "log: false\ntables: [a, b]\nstate: {key: /id}\n";
        assert_eq!(
            found(all, &[lookup]),
            [
                (text("state:/id"), None, true),
                (text("table:a"), text(lookup), true),
                (text("table:b"), text(lookup), true)
            ]
        );
        assert_eq!(
            found("log: false\ntables: [a]\n", &[]),
            [(text("table:a"), None, false)]
        );
        assert_eq!(found("log: false\n", &[lookup]), [(None, text(lookup), false)]);
    }
}
