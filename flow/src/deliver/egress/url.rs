//! The URL of a receiver, read so narrowly that it means the same to everyone who reads it.
//!
//! Resolvers take `2130706433`, `0x7f.1` and `0177.0.0.1` for addresses, browsers take more; here an address is
//! spelled in the one usual way or it is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Scheme};

use super::EgressError;

#[cfg(test)]
mod tests;

/// The longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// Where a connection is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(Box<str>),
    Address(IpAddr),
}

/// A receiver's URL, checked for form. Whether it may be connected to is decided at each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) uri: Uri,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) plaintext: bool,
}

impl Endpoint {
    /// Reads an absolute `https` or `http` URL.
    ///
    /// # Errors
    /// [`EgressError::Target`] with the rule that is broken.
    pub fn parse(url: &str) -> Result<Self, EgressError> {
        if url.len() > URL_BYTES_MAX {
            return Err(EgressError::Target("the URL is longer than 2048 bytes"));
        }
        if url.contains('#') {
            return Err(EgressError::Target(
                "the URL has a fragment ('#'), which is never sent",
            ));
        }
        let not_a_url = "the URL is not an absolute URL such as https://example.org/events (other letters than ASCII are percent-coded, in host names written as xn--)";
        Self::from_uri(url.parse().map_err(|_| EgressError::Target(not_a_url))?)
    }

    pub(super) fn from_uri(uri: Uri) -> Result<Self, EgressError> {
        let plaintext = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => false,
            Some(scheme) if *scheme == Scheme::HTTP => true,
            _ => {
                return Err(EgressError::Target(
                    "the URL begins neither with https:// nor with http://",
                ));
            }
        };
        let authority = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .ok_or(EgressError::Target("the URL names no host"))?;
        if authority.contains('@') {
            return Err(EgressError::Target("the URL carries a user name or password"));
        }
        let host = uri.host().ok_or(EgressError::Target("the URL names no host"))?;
        let port = match authority.strip_prefix(host) {
            Some("") => {
                if plaintext {
                    80
                } else {
                    443
                }
            }
            Some(rest) => {
                let digits = rest
                    .strip_prefix(':')
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
                let port = digits
                    .and_then(|digits| digits.parse().ok())
                    .filter(|port| *port != 0);
                port.ok_or(EgressError::Target(
                    "the port in the URL is no number from 1 to 65535",
                ))?
            }
            None => return Err(EgressError::Target("the URL names no host")),
        };
        let host = read_host(host)?;
        Ok(Self {
            uri,
            host,
            port,
            plaintext,
        })
    }

    /// The URL.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

fn read_host(host: &str) -> Result<Host, EgressError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner
            .parse()
            .map_err(|_| EgressError::Target("the URL has no IPv6 address in its brackets"))?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.is_empty() || host.len() > 253 || !host.split('.').all(label) {
        return Err(EgressError::Target("the URL's host is no host name"));
    }
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EgressError::Target(
            "the URL's host is an address in an unusual spelling",
        ));
    }
    Ok(Host::Name(host.to_ascii_lowercase().into()))
}
