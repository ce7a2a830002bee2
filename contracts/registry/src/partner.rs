//! The organisations of a city and their credentialed applications.

use serde::{Deserialize, Serialize};
use stadtbus_event::{PartnerId, SystemId};

use crate::finding::Text;
use crate::provenance::{self, PluginKey};
use crate::reader::Reader;
use crate::rules;
use crate::trust::{self, TrustedSource};
use crate::yaml::Node;

/// An organisation on the bus: the tenant, part of every key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// Its short name.
    pub partner: PartnerId,
    /// Its full name, as on a letterhead.
    pub name: String,
    /// What it is to the city.
    pub kind: PartnerKind,
    /// Whom to call; a role, never a person.
    pub contact: Contact,
    /// A suspended partner keeps its data but neither publishes nor receives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// Its credentialed applications.
    pub systems: Vec<System>,
    /// The keys by which its sources sign. Empty: signatures are carried, not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verifiability: Vec<TrustedSource>,
    /// The keys by which its integrators sign its plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugin_keys: Vec<PluginKey>,
}

/// What a partner is to the city.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartnerKind {
    /// A department of the administration.
    Department,
    /// A company of the Konzern Stadt.
    Subsidiary,
    /// Anybody else.
    ThirdParty,
}

/// Whom to call; a role, never a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The role, in German.
    pub role: String,
    /// Its mailbox.
    pub mail: String,
}

/// One credentialed application of a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its short name within the partner.
    pub system: SystemId,
    /// What it is, in German.
    pub title: String,
    /// What its tokens may ask for.
    pub may: Vec<Permission>,
    /// Prefixes of the event sources it may use; a prefix covers whole segments (`:` or `/`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// What a system may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Send events.
    Publish,
    /// Take events.
    Subscribe,
    /// Run the platform.
    Operate,
}

impl Permission {
    /// The word in scopes and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Operate => "operate",
        }
    }
}

impl Partner {
    /// The system of this name.
    pub fn system(&self, id: &str) -> Option<&System> {
        self.systems.iter().find(|s| s.system.as_str() == id)
    }

    /// Whether any publishing system of the partner may use the source.
    pub fn owns_source(&self, source: &str) -> bool {
        self.systems
            .iter()
            .any(|s| s.may(Permission::Publish) && s.owns_source(source))
    }
}

impl System {
    /// Whether the system holds the permission.
    pub fn may(&self, permission: Permission) -> bool {
        self.may.contains(&permission)
    }

    /// Whether the source lies under one of the system's prefixes.
    pub fn owns_source(&self, source: &str) -> bool {
        self.sources.iter().any(|prefix| covers(prefix, source))
    }
}

/// Whether `prefix` covers `source` at a segment boundary: `urn:a` covers `urn:a:b`, not `urn:ab`.
pub fn covers(prefix: &str, source: &str) -> bool {
    let prefix = prefix.trim_end_matches([':', '/']);
    match source.strip_prefix(prefix) {
        Some(rest) => !prefix.is_empty() && (rest.is_empty() || rest.starts_with([':', '/'])),
        None => false,
    }
}

const KINDS: &[(&str, PartnerKind)] = &[
    ("department", PartnerKind::Department),
    ("subsidiary", PartnerKind::Subsidiary),
    ("third-party", PartnerKind::ThirdParty),
];
const PERMISSIONS: &[(&str, Permission)] = &[
    ("publish", Permission::Publish),
    ("subscribe", Permission::Subscribe),
    ("operate", Permission::Operate),
];

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Partner> {
    let fields = reader.fields(
        node,
        &[
            "partner",
            "name",
            "kind",
            "contact",
            "suspended",
            "systems",
            "verifiability",
            "plugin_keys",
        ],
    )?;
    let partner = fields.required("partner", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    let name = fields.required("name", Reader::text);
    let kind = fields.required("kind", |r, n| r.one_of(n, KINDS));
    let contact = fields.required("contact", read_contact);
    let suspended = fields.or("suspended", false, Reader::boolean);
    let systems = fields.required("systems", |r, n| r.list(n, read_system));
    let plugin_keys = fields.or("plugin_keys", Vec::new(), |r, n| r.list(n, provenance::read_key));
    let verifiability = fields.or("verifiability", Vec::new(), |r, n| r.list(n, trust::read));
    Some(Partner {
        partner: partner?,
        name: name?,
        kind: kind?,
        contact: contact?,
        suspended: suspended?,
        systems: systems?,
        verifiability: verifiability?,
        plugin_keys: plugin_keys?,
    })
}

fn read_contact(reader: &Reader, node: &Node) -> Option<Contact> {
    let fields = reader.fields(node, &["role", "mail"])?;
    let role = fields.required("role", Reader::text);
    let mail = fields.required("mail", |r, n| {
        let mail = r.text(n)?;
        let ok = mail
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
        if !ok {
            r.bad(
                n,
                Text::new("Das ist keine E-Mail-Adresse.", "this is not an e-mail address"),
            );
        }
        ok.then_some(mail)
    });
    Some(Contact {
        role: role?,
        mail: mail?,
    })
}

fn read_system(reader: &Reader, node: &Node) -> Option<System> {
    let fields = reader.fields(node, &["system", "title", "may", "sources"])?;
    let system = fields.required("system", |r, n| r.parsed(n, rules::NAME, SystemId::parse));
    let title = fields.required("title", Reader::text);
    let may = fields.required("may", |r, n| r.list(n, |r, n| r.one_of(n, PERMISSIONS)));
    let sources = fields.or("sources", Vec::new(), |r, n| r.list(n, Reader::text));
    Some(System {
        system: system?,
        title: title?,
        may: may?,
        sources: sources?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_prefix_covers_whole_segments_only() {
        for (prefix, source, covered) in [
            ("urn:krefeld:ngn:leitwarte", "urn:krefeld:ngn:leitwarte", true),
            ("urn:krefeld:ngn", "urn:krefeld:ngn:leitwarte", true),
            ("urn:krefeld:ngn:", "urn:krefeld:ngn:leitwarte", true),
            ("https://ngn.example/a", "https://ngn.example/a/b", true),
            ("urn:krefeld:ngn", "urn:krefeld:ngn2:x", false),
            ("urn:krefeld:ngn:leitwarte", "urn:krefeld:ngn", false),
            ("", "urn:krefeld:ngn", false),
            (":", ":x", false),
        ] {
            assert_eq!(super::covers(prefix, source), covered, "{prefix} {source}");
        }
    }
}
