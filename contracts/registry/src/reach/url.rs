//! The URL of a receiver, read so narrowly that it means the same to everyone who reads it.
//!
//! Resolvers take `2130706433`, `0x7f.1` and `0177.0.0.1` for addresses, browsers take more; here an address is
//! spelled in the one usual way or it is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Scheme};

use crate::finding::Text;

#[cfg(test)]
mod tests;

/// The longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// Where a connection is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case; it means what it resolves to at the moment.
    Name(Box<str>),
    /// An address.
    Address(IpAddr),
}

/// A receiver's URL, checked for form. Whether it may be connected to is decided at each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    host: Host,
    port: u16,
    plaintext: bool,
}

/// The rule that a URL breaks, as a clause in English and in German.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{en}")]
pub struct Malformed {
    /// English.
    pub en: &'static str,
    /// German.
    pub de: &'static str,
}

impl Malformed {
    /// The stable code, the same wherever it is said.
    pub const CODE: &'static str = "SB-5005";

    const fn new(de: &'static str, en: &'static str) -> Self {
        Self { en, de }
    }

    /// The refusal in both languages, the same wherever it is said.
    #[must_use]
    pub fn text(self) -> Text {
        Text::new(
            format!("Das Ziel ist nicht brauchbar: {}.", self.de),
            format!("The target cannot be used: {}.", self.en),
        )
    }
}

impl Endpoint {
    /// Reads an absolute `https` or `http` URL.
    ///
    /// # Errors
    /// [`Malformed`] with the rule that is broken.
    pub fn parse(url: &str) -> Result<Self, Malformed> {
        if url.len() > URL_BYTES_MAX {
            return Err(Malformed::new(
                "die URL ist länger als 2048 Bytes",
                "the URL is longer than 2048 bytes",
            ));
        }
        if url.contains('#') {
            return Err(Malformed::new(
                "die URL hat ein Fragment („#“), das nie gesendet wird",
                "the URL has a fragment ('#'), which is never sent",
            ));
        }
        Self::from_uri(url.parse().map_err(|_| Malformed::new("die URL ist keine vollständige wie https://example.org/events (andere Buchstaben als ASCII stehen prozentkodiert, in Rechnernamen als xn--)", "the URL is not an absolute URL such as https://example.org/events (other letters than ASCII are percent-coded, in host names written as xn--)"))?)
    }

    /// The same of a URL that was read before.
    ///
    /// # Errors
    /// [`Malformed`] with the rule that is broken.
    pub fn from_uri(uri: Uri) -> Result<Self, Malformed> {
        let plaintext = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => false,
            Some(scheme) if *scheme == Scheme::HTTP => true,
            _ => {
                return Err(Malformed::new(
                    "die URL beginnt weder mit https:// noch mit http://",
                    "the URL begins neither with https:// nor with http://",
                ));
            }
        };
        let authority = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .ok_or(Malformed::new(
                "die URL nennt keinen Rechner",
                "the URL names no host",
            ))?;
        if authority.contains('@') {
            return Err(Malformed::new(
                "die URL enthält einen Benutzernamen oder ein Passwort",
                "the URL carries a user name or password",
            ));
        }
        let host = uri.host().ok_or(Malformed::new(
            "die URL nennt keinen Rechner",
            "the URL names no host",
        ))?;
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
                port.ok_or(Malformed::new(
                    "der Port in der URL ist keine Zahl von 1 bis 65535",
                    "the port in the URL is no number from 1 to 65535",
                ))?
            }
            None => {
                return Err(Malformed::new(
                    "die URL nennt keinen Rechner",
                    "the URL names no host",
                ));
            }
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

    /// Whom it names.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, given or meant.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is `http`.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.plaintext
    }
}

fn read_host(host: &str) -> Result<Host, Malformed> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| {
            Malformed::new(
                "in den Klammern der URL steht keine IPv6-Adresse",
                "the URL has no IPv6 address in its brackets",
            )
        })?;
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
        return Err(Malformed::new(
            "der Rechner in der URL ist kein Rechnername",
            "the URL's host is no host name",
        ));
    }
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed::new(
            "der Rechner in der URL ist eine Adresse in ungebräuchlicher Schreibweise",
            "the URL's host is an address in an unusual spelling",
        ));
    }
    Ok(Host::Name(host.to_ascii_lowercase().into()))
}
