//! What a receiver wants to be shown, as it comes with an order. It is kept sealed or not at all, and never told.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fault;
use crate::finding::Text;
use crate::reach::{Endpoint, Malformed};
use crate::reader::{Fields, Reader};
use crate::yaml::{Kind, Node};

/// The longest secret, and the longest identifier, of a credential, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 2_048;

/// The longest PEM text of a credential, in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 16 << 10;

/// A credential in clear, on its way from the request to the seal. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum SinkCredential {
    /// `ACCESSTOKEN`: sent as a bearer token (RFC 6750).
    Token(String),
    /// `PLAIN`: sent as user and password (RFC 7617).
    Plain {
        /// The account; without a colon.
        identifier: String,
        /// The password.
        secret: String,
    },
    /// `CLIENTCREDENTIALS`: the bus fetches a bearer token by itself (RFC 6749 §4.4). Not one of the API's own types.
    Client(ClientCredentials),
    /// `CLIENTCERTIFICATE`: the bus shows a certificate when it connects (mutual TLS). Not one of the API's own types.
    Certificate(ClientCertificate),
}

/// What the bus shows itself by. All in PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate, and what leads up to its authority.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The authority of the receiver's own certificate, where it is not a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// Nothing of it.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CLIENTCERTIFICATE(…)")
    }
}

/// What a token is fetched by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// Where tokens are given.
    pub endpoint: String,
    /// The client's name.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What the token shall be good for, divided by blanks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// Nothing of it.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CLIENTCREDENTIALS(…)")
    }
}

impl fmt::Debug for SinkCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "ACCESSTOKEN(…)",
            Self::Plain { .. } => "PLAIN(…)",
            Self::Client(_) => "CLIENTCREDENTIALS(…)",
            Self::Certificate(_) => "CLIENTCERTIFICATE(…)",
        })
    }
}

/// What an order says about its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Nothing: a replaced subscription keeps the one it has.
    Nothing,
    /// `null`: there shall be none.
    Removed,
    /// A new one.
    New(SinkCredential),
}

#[derive(Clone, Copy)]
enum Type {
    Plain,
    Token,
    Refresh,
    Client,
    Certificate,
}

const TYPES: &[(&str, Type)] = &[
    ("ACCESSTOKEN", Type::Token),
    ("CLIENTCERTIFICATE", Type::Certificate),
    ("CLIENTCREDENTIALS", Type::Client),
    ("PLAIN", Type::Plain),
    ("REFRESHTOKEN", Type::Refresh),
];
const FIELDS: &[&str] = &[
    "credentialtype",
    "identifier",
    "secret",
    "accesstoken",
    "accesstokenexpiresutc",
    "accesstokentype",
    "refreshtoken",
    "refreshtokenendpoint",
    "tokenendpoint",
    "clientid",
    "clientsecret",
    "scope",
    "certificate",
    "privatekey",
    "authority",
];
const AT: &str = "/sinkcredential";

/// Reads `sinkcredential`; `taken` says whether the protocol shows the receiver one.
pub(super) fn read(
    reader: &Reader,
    node: Option<&Node>,
    taken: bool,
    faults: &mut Vec<Fault>,
) -> Option<Given> {
    let Some(node) = node else {
        return Some(Given::Nothing);
    };
    if node.kind == Kind::Null {
        return Some(Given::Removed);
    }
    if !taken {
        let text = Text::new(
            "Dieses Protokoll zeigt dem Empfänger keine Zugangsdaten; hier meldet sich der Empfänger an.",
            "this protocol shows the receiver no credential; here the receiver authenticates",
        );
        faults.push(Fault::new("SB-2014", AT, text));
        return None;
    }
    let fields = reader.fields(node, FIELDS)?;
    match fields.required("credentialtype", |r, n| r.one_of(n, TYPES))? {
        Type::Token => token(&fields, faults),
        Type::Plain => plain(&fields, faults),
        Type::Client => client(&fields, faults),
        Type::Certificate => certificate(&fields, faults),
        Type::Refresh => {
            let text = Text::new(
                "Der Bus tauscht keine Tokens gegen andere ein.",
                "the bus does not trade tokens for others",
            );
            let hint = Text::new(
                "CLIENTCREDENTIALS, ACCESSTOKEN mit einem lange gültigen Token oder PLAIN benutzen.",
                "Use CLIENTCREDENTIALS, ACCESSTOKEN with a token that lives long, or PLAIN.",
            );
            faults.push(Fault::new("SB-2014", format!("{AT}/credentialtype"), text).hint(hint));
            None
        }
    }
    .map(Given::New)
}

fn token(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<SinkCredential> {
    let token = fields.required("accesstoken", Reader::text)?;
    let bearer = fields.or("accesstokentype", true, |r, n| {
        r.one_of(n, &[("bearer", true), ("Bearer", true)])
    })?;
    let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if !bearer || !visible || token.len() > CREDENTIAL_BYTES_MAX {
        faults.push(unfit("accesstoken"));
        return None;
    }
    Some(SinkCredential::Token(token))
}

fn plain(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<SinkCredential> {
    let identifier = fields.required("identifier", Reader::text)?;
    let secret = fields.required("secret", Reader::text)?;
    let fits = |text: &str| text.len() <= CREDENTIAL_BYTES_MAX && !text.chars().any(char::is_control);
    if !fits(&identifier) || identifier.contains(':') {
        faults.push(unfit("identifier"));
        return None;
    }
    if !fits(&secret) {
        faults.push(unfit("secret"));
        return None;
    }
    Some(SinkCredential::Plain { identifier, secret })
}

fn client(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<SinkCredential> {
    let endpoint = fields.required("tokenendpoint", Reader::text)?;
    let id = fields.required("clientid", Reader::text)?;
    let secret = fields.required("clientsecret", Reader::text)?;
    let scope = fields.optional("scope", Reader::text)?;
    let fits = |text: &str| text.len() <= CREDENTIAL_BYTES_MAX && !text.chars().any(char::is_control);
    let members = [
        ("clientid", Some(&id)),
        ("clientsecret", Some(&secret)),
        ("scope", scope.as_ref()),
    ];
    for (member, text) in members {
        if text.is_some_and(|text| !fits(text)) {
            faults.push(unfit(member));
            return None;
        }
    }
    if let Err(malformed) = Endpoint::parse(&endpoint) {
        let place = format!("{AT}/tokenendpoint");
        faults.push(Fault::new(Malformed::CODE, place, malformed.text()));
        return None;
    }
    Some(SinkCredential::Client(ClientCredentials {
        endpoint,
        id,
        secret,
        scope,
    }))
}

fn certificate(fields: &Fields<'_>, faults: &mut Vec<Fault>) -> Option<SinkCredential> {
    let certificate = fields.required("certificate", Reader::text)?;
    let key = fields.required("privatekey", Reader::text)?;
    let authority = fields.optional("authority", Reader::text)?;
    let members = [
        ("certificate", Some(&certificate)),
        ("privatekey", Some(&key)),
        ("authority", authority.as_ref()),
    ];
    for (member, pem) in members {
        if pem.is_some_and(|pem| pem.len() > CERTIFICATE_BYTES_MAX) {
            let text = Text::new("Das ist länger als 16 KiB.", "this is longer than 16 KiB");
            faults.push(Fault::new("SB-2014", format!("{AT}/{member}"), text));
            return None;
        }
    }
    Some(SinkCredential::Certificate(ClientCertificate {
        certificate,
        key,
        authority,
    }))
}

fn unfit(member: &str) -> Fault {
    let text = Text::new(
        "Das kann nicht in einem HTTP-Kopf stehen.",
        "this cannot stand in an HTTP header",
    );
    let hint = Text::new(
        "Höchstens 2048 Bytes, keine Steuerzeichen; ein Token ohne Leerzeichen, ein Name ohne Doppelpunkt.",
        "At most 2048 bytes, no control characters; a token without spaces, a name without a colon.",
    );
    Fault::new("SB-2014", format!("{AT}/{member}"), text).hint(hint)
}
