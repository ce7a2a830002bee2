//! What a receiver wants to be shown, as it comes with an order. It is kept sealed or not at all, and never told.

use std::fmt;

use super::Fault;
use crate::finding::Text;
use crate::reader::{Fields, Reader};
use crate::yaml::{Kind, Node};

/// The longest secret, and the longest identifier, of a credential, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 2_048;

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
}

impl fmt::Debug for SinkCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "ACCESSTOKEN(…)",
            Self::Plain { .. } => "PLAIN(…)",
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
}

const TYPES: &[(&str, Type)] = &[
    ("ACCESSTOKEN", Type::Token),
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
        Type::Refresh => {
            let text = Text::new(
                "Der Bus tauscht keine Tokens ein.",
                "the bus does not trade tokens for others",
            );
            let hint = Text::new(
                "ACCESSTOKEN mit einem lange gültigen Token oder PLAIN benutzen.",
                "Use ACCESSTOKEN with a token that lives long, or PLAIN.",
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
