//! The distribution API (OCI 1.1) of one registry: blobs and manifests, with the two ways registries ask who is there.

use super::access::Login;
use super::digest;
use crate::client::wire::{Outgoing, Received, Wire};
use crate::say;
use crate::ui::{Exit, Failure};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use std::sync::Mutex;
use std::time::Duration;

/// How long one exchange may take: a component of some megabytes over a slow line.
const WITHIN: Duration = Duration::from_secs(120);
/// Registries hand on to their store at most so often.
const REDIRECTS_MAX: usize = 5;

/// A registry.
pub(crate) struct Registry {
    wire: Wire,
    host: String,
    scheme: &'static str,
    login: Option<Login>,
    /// What the registry wanted to see last time.
    authorization: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(alias = "access_token")]
    token: String,
}

/// A request to the registry itself.
struct Ask<'a> {
    method: Method,
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
}

impl Registry {
    /// The registry on `host`, over HTTPS unless `plain`.
    pub(crate) fn new(host: &str, login: Option<Login>, plain: bool) -> Self {
        Self {
            wire: Wire::new(WITHIN),
            host: host.to_owned(),
            scheme: if plain { "http" } else { "https" },
            login,
            authorization: Mutex::default(),
        }
    }

    /// The manifest under a tag or digest, if there is one.
    pub(super) async fn image(
        &self,
        repository: &str,
        wanted: &str,
        accept: &str,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let path = format!("/v2/{repository}/manifests/{wanted}");
        let headers = [(ACCEPT.as_str(), accept)];
        let answer = self.ask(&path, Method::GET, &headers, Bytes::new()).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body.to_vec())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&answer)),
        }
    }

    /// The content of this digest. Whether it is, is the caller's to see.
    pub(super) async fn blob(&self, repository: &str, digest: &str) -> Result<Vec<u8>, Failure> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let answer = self.ask(&path, Method::GET, &[], Bytes::new()).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body.to_vec());
        }
        Err(self.refused(&answer))
    }

    /// Uploads content, unless it is there.
    pub(super) async fn upload(&self, repository: &str, content: &[u8]) -> Result<(), Failure> {
        let digest = digest(content);
        let path = format!("/v2/{repository}/blobs/{digest}");
        let there = self.ask(&path, Method::HEAD, &[], Bytes::new()).await?;
        if there.status == StatusCode::OK {
            return Ok(());
        }
        let path = format!("/v2/{repository}/blobs/uploads/");
        let opened = self.ask(&path, Method::POST, &[], Bytes::new()).await?;
        let location = location(&opened.headers).filter(|_| opened.status == StatusCode::ACCEPTED);
        let location = location.ok_or_else(|| self.refused(&opened))?;
        let join = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{join}digest={}", digest.replace(':', "%3A"));
        let headers = [(CONTENT_TYPE.as_str(), "application/octet-stream")];
        let body = Bytes::copy_from_slice(content);
        let done = self.ask(&target, Method::PUT, &headers, body).await?;
        if done.status == StatusCode::CREATED {
            return Ok(());
        }
        Err(self.refused(&done))
    }

    /// Puts a manifest under a tag.
    pub(super) async fn publish(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        image: Vec<u8>,
    ) -> Result<(), Failure> {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let headers = [(CONTENT_TYPE.as_str(), media_type)];
        let done = self.ask(&path, Method::PUT, &headers, image.into()).await?;
        if done.status == StatusCode::CREATED {
            return Ok(());
        }
        Err(self.refused(&done))
    }

    /// One request, answered as whoever we are; the registry says how it wants to know that.
    async fn ask(
        &self,
        target: &str,
        method: Method,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Received, Failure> {
        let ask = Ask {
            method,
            headers,
            body,
        };
        let known = self.known();
        let answer = self.follow(target, &ask, known.as_deref()).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let Some(authorization) = self.introduce(&answer.headers).await? else {
            return Ok(answer);
        };
        let answer = self.follow(target, &ask, Some(&authorization)).await?;
        if let Ok(mut known) = self.authorization.lock() {
            *known = Some(authorization);
        }
        Ok(answer)
    }

    fn known(&self) -> Option<String> {
        self.authorization.lock().ok().and_then(|known| known.clone())
    }

    /// Follows a registry to its store. What we are to the registry is not for the store.
    async fn follow(
        &self,
        target: &str,
        ask: &Ask<'_>,
        authorization: Option<&str>,
    ) -> Result<Received, Failure> {
        let mut uri = self.uri(target)?;
        for _ in 0..=REDIRECTS_MAX {
            let own = uri.authority().is_some_and(|found| found.as_str() == self.host);
            let mut headers: Vec<(String, Vec<u8>)> = ask
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect();
            if let Some(value) = authorization.filter(|_| own) {
                headers.push((AUTHORIZATION.as_str().to_owned(), value.as_bytes().to_vec()));
            }
            let answer = self
                .exchange(ask.method.clone(), uri, headers, ask.body.clone())
                .await?;
            let reading = matches!(ask.method, Method::GET | Method::HEAD);
            match location(&answer.headers).filter(|_| reading && answer.status.is_redirection()) {
                Some(next) => uri = self.uri(&next)?,
                None => return Ok(answer),
            }
        }
        Err(self.failure("too many redirects"))
    }

    /// An address of the registry: a path, or where it sends us. Never in clear unless that was asked for.
    fn uri(&self, target: &str) -> Result<Uri, Failure> {
        let text = if target.starts_with('/') {
            format!("{}://{}{target}", self.scheme, self.host)
        } else {
            target.to_owned()
        };
        let uri: Option<Uri> = text.parse().ok();
        uri.filter(|uri| match uri.scheme_str() {
            Some("https") => true,
            Some("http") => self.scheme == "http",
            _ => false,
        })
        .ok_or_else(|| self.failure("an address that is not HTTPS"))
    }

    /// Answers the registry's question who is there: by name and password, or by a token from where it says.
    async fn introduce(&self, headers: &HeaderMap) -> Result<Option<String>, Failure> {
        let challenge = headers
            .get(WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        let Some((kind, parameters)) = challenge.and_then(|text| text.split_once(' ')) else {
            return Ok(None);
        };
        if kind.eq_ignore_ascii_case("basic") {
            return Ok(self.login.as_ref().map(Login::basic));
        }
        let parameter = |name: &str| parameter(parameters, name);
        let Some(realm) = parameter("realm").filter(|_| kind.eq_ignore_ascii_case("bearer")) else {
            return Ok(None);
        };
        let asked: Vec<String> = ["service", "scope"]
            .iter()
            .filter_map(|name| Some(format!("{name}={}", crate::client::segment(&parameter(name)?))))
            .collect();
        let join = if realm.contains('?') { '&' } else { '?' };
        let uri = self.uri(&format!("{realm}{join}{}", asked.join("&")))?;
        let own = self.login.as_ref().map(Login::basic);
        let headers = own.map(|value| (AUTHORIZATION.as_str().to_owned(), value.into_bytes()));
        let headers = headers.into_iter().collect();
        let answer = self.exchange(Method::GET, uri, headers, Bytes::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&answer));
        }
        let token: TokenAnswer = serde_json::from_slice(&answer.body)
            .map_err(|_| self.failure("its token service gave no token"))?;
        Ok(Some(format!("Bearer {}", token.token)))
    }

    async fn exchange(
        &self,
        method: Method,
        uri: Uri,
        headers: Vec<(String, Vec<u8>)>,
        body: Bytes,
    ) -> Result<Received, Failure> {
        let outgoing = Outgoing {
            method,
            uri,
            headers,
            body,
            title_case: false,
        };
        self.wire.send(outgoing).await.map_err(|why| self.failure(&why))
    }

    fn refused(&self, answer: &Received) -> Failure {
        let errors: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let code = errors
            .as_ref()
            .and_then(|errors| errors.pointer("/errors/0/code")?.as_str())
            .filter(|code| code.len() <= 60 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
            .unwrap_or_default();
        self.failure(format!("HTTP {} {code}", answer.status.as_u16()).trim())
    }

    fn failure(&self, detail: &str) -> Failure {
        let message = say!(
            "Die Registry {} tut nicht, worum sie gebeten wurde.",
            "The registry {} does not do what it was asked.",
            self.host
        );
        Failure::new("SB-6009", Exit::Unreachable, message).detail(detail)
    }
}

fn location(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(LOCATION)?.to_str().ok()?;
    Some(text.to_owned())
}

/// `name="value"` of a challenge.
pub(super) fn parameter(parameters: &str, name: &str) -> Option<String> {
    parameters.match_indices(name).find_map(|(at, _)| {
        let before = parameters.get(..at)?.chars().next_back();
        if before.is_some_and(|c| c != ' ' && c != ',') {
            return None;
        }
        let value = parameters.get(at + name.len()..)?.strip_prefix("=\"")?;
        Some(value.split('"').next()?.to_owned())
    })
}
