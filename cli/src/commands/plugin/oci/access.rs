//! Who we are to a registry: from the environment, or from the file in which container tools keep it.

use crate::ui::{Failure, t};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The arguments of all commands that speak with a registry.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Access {
    #[arg(
        long, env = "STADTBUS_REGISTRY_AUTH_FILE", value_name = t("DATEI", "FILE"),
        help = t("Zugangsdaten (auths, wie in ~/.docker/config.json); sonst STADTBUS_REGISTRY_USER und …_PASSWORD", "Credentials (auths, as in ~/.docker/config.json); else STADTBUS_REGISTRY_USER and …_PASSWORD")
    )]
    auth_file: Option<PathBuf>,
    #[arg(long, help = t("HTTP statt HTTPS: nur für eine Registry auf dieser Maschine", "HTTP instead of HTTPS: only for a registry on this machine"))]
    pub(crate) plain_http: bool,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login(String);

/// Shows nothing of it.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[derive(Deserialize)]
struct AuthFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<String>,
}

impl Login {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self(STANDARD.encode(format!("{user}:{password}")))
    }

    /// The value of the header field.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", self.0)
    }
}

impl Access {
    /// What there is for a host. A file that was named must be right; the one of the container tools need not be there.
    pub(crate) fn login(&self, host: &str) -> Result<Option<Login>, Failure> {
        self.login_with(host, &|name| std::env::var(name).ok())
    }

    fn login_with(&self, host: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Login>, Failure> {
        if let Some(file) = &self.auth_file {
            return in_file(file, host);
        }
        if let Some(user) = env("STADTBUS_REGISTRY_USER") {
            let password = env("STADTBUS_REGISTRY_PASSWORD").unwrap_or_default();
            return Ok(Some(Login::new(&user, &password)));
        }
        let folder = env("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| env("HOME").map(|home| Path::new(&home).join(".docker")));
        let file = folder.map(|folder| folder.join("config.json"));
        match file.filter(|file| file.is_file()) {
            Some(file) => in_file(&file, host),
            None => Ok(None),
        }
    }
}

fn in_file(file: &Path, host: &str) -> Result<Option<Login>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    // What is wrong in it is not shown: it holds passwords.
    let read: AuthFile = serde_json::from_str(&text)
        .map_err(|_| Failure::file(file, &t("kein JSON mit auths", "not JSON with auths")))?;
    let named = |name: &str| {
        let name = name.trim_start_matches("https://").trim_start_matches("http://");
        name.split('/').next() == Some(host)
    };
    let found = read.auths.into_iter().find(|(name, _)| named(name));
    Ok(found.and_then(|(_, auth)| auth.auth).map(Login))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )]

    use super::*;

    fn access(auth_file: Option<PathBuf>) -> Access {
        Access {
            auth_file,
            plain_http: false,
        }
    }

    #[test]
    fn credentials_come_from_the_file_or_the_environment_and_go_to_their_host_only() {
        let file = std::env::temp_dir().join(format!("stadtbus-auths-{}.json", std::process::id()));
        std::fs::write(
            &file,
            r#"{"auths": {"https://registry.example/v2/": {"auth": "dTpw"}, "other.example": {}}}"#,
        )
        .unwrap();
        let none = |_: &str| None;
        let with_file = access(Some(file.clone()));
        let found = with_file.login_with("registry.example", &none).unwrap();
        assert_eq!(found, Some(Login::new("u", "p")));
        assert_eq!(with_file.login_with("other.example", &none).unwrap(), None);
        assert_eq!(
            with_file.login_with("registry.example:5000", &none).unwrap(),
            None
        );
        std::fs::write(&file, "{ \"geheim\"").unwrap();
        let failure = with_file.login_with("registry.example", &none).unwrap_err();
        assert_eq!(failure.code(), "SB-6003");
        assert!(!format!("{failure:?}").contains("geheim"));
        std::fs::remove_file(&file).unwrap();
        let env = |name: &str| (name == "STADTBUS_REGISTRY_USER").then(|| "u".to_owned());
        let found = access(None).login_with("registry.example", &env).unwrap();
        assert_eq!(found, Some(Login::new("u", "")));
        assert_eq!(format!("{:?}", Login::new("u", "p")), "Login(…)");
    }
}
