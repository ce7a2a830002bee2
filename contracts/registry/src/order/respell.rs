//! The API's members, moved to where a file has them. Nodes keep their places, so faults point into the API's document.

use stadtbus_event::PartnerId;

use super::credential::{self, Given};
use super::{Fault, UNNAMED};
use crate::finding::Text;
use crate::reader::{Fields, Reader};
use crate::yaml::{Entry, Kind, Node};

/// Ways out by their name in `protocol`. `HTTP` is the API's own; the others are this bus's and say so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Http,
    Pull,
    Sse,
    Log,
}

pub(super) const HTTP: &str = "HTTP";
pub(super) const PULL: &str = "STADTBUS-PULL";
pub(super) const SSE: &str = "STADTBUS-SSE";
pub(super) const LOG: &str = "STADTBUS-LOG";

/// Compared with case (SUB-6).
const WAYS: &[(&str, Way)] = &[
    (HTTP, Way::Http),
    (PULL, Way::Pull),
    (SSE, Way::Sse),
    (LOG, Way::Log),
];

/// `id` and `status` are the manager's: ignored on input (SUB-6), so that what was read can be sent back.
const FIELDS: &[&str] = &[
    "id",
    "source",
    "types",
    "filters",
    "sink",
    "sinkcredential",
    "protocol",
    "protocolsettings",
    "config",
    "status",
];
const CONFIG: &[&str] = &["partner", "title", "purpose", "plugin", "order", "delivery"];

/// The order in the shape of a file, and its credential.
pub(super) fn respell(
    reader: &Reader,
    root: &Node,
    owner: &PartnerId,
    faults: &mut Vec<Fault>,
) -> Option<(Node, Given)> {
    let fields = reader.fields(root, FIELDS)?;
    let nothing = Node {
        kind: Kind::Map(Vec::new()),
        at: root.at,
    };
    let config_node = fields.get("config").unwrap_or(&nothing);
    let config = reader.fields(config_node, CONFIG)?;
    let way = match fields.get("protocol") {
        Some(node) => reader.one_of(node, WAYS),
        None => missing(faults, "/protocol", "protocol"),
    };
    let partner = config
        .get("partner")
        .cloned()
        .unwrap_or_else(|| text(owner.as_str(), root));
    let title = config.get("title").cloned().unwrap_or_else(|| {
        let whose = match &partner.kind {
            Kind::Text(whose) => whose,
            _ => owner.as_str(),
        };
        text(&format!("Bestellung von {whose}"), root)
    });
    let mut out = vec![
        entry("subscription", text(UNNAMED, root)),
        entry("partner", partner),
        entry("title", title),
    ];
    match config.get("purpose") {
        Some(purpose) => out.push(entry("purpose", purpose.clone())),
        None => missing(faults, "/config/purpose", "config.purpose").unwrap_or_default(),
    }
    match fields.get("types") {
        Some(types) => out.push(entry("types", types.clone())),
        None => missing(faults, "/types", "types").unwrap_or_default(),
    }
    for name in ["source", "filters"] {
        out.extend(fields.get(name).map(|node| entry(name, node.clone())));
    }
    for name in ["plugin", "order", "delivery"] {
        out.extend(config.get(name).map(|node| entry(name, node.clone())));
    }
    let way = way?;
    out.push(entry("sink", sink(reader, &fields, way, root, faults)?));
    let credential = credential::read(reader, root.get("sinkcredential"), way == Way::Http, faults)?;
    let node = Node {
        kind: Kind::Map(out),
        at: root.at,
    };
    Some((node, credential))
}

fn sink(
    reader: &Reader,
    fields: &Fields<'_>,
    way: Way,
    root: &Node,
    faults: &mut Vec<Fault>,
) -> Option<Node> {
    let nothing = Node {
        kind: Kind::Map(Vec::new()),
        at: root.at,
    };
    let node = fields.get("protocolsettings").unwrap_or(&nothing);
    let (name, inside) = match way {
        Way::Http => {
            let settings = reader.fields(node, &["method", "headers", "mode"])?;
            http(reader, fields, &settings, faults).map(|inside| ("webhook", inside))?
        }
        Way::Pull => reader.fields(node, &[]).map(|_| ("pull", Vec::new()))?,
        Way::Sse => reader.fields(node, &[]).map(|_| ("sse", Vec::new()))?,
        Way::Log => {
            let settings = reader.fields(node, &["source", "publishes"])?;
            let mut inside = Vec::new();
            for (name, pointer) in [
                ("source", "/protocolsettings/source"),
                ("publishes", "/protocolsettings/publishes"),
            ] {
                match settings.get(name) {
                    Some(node) => inside.push(entry(name, node.clone())),
                    None => missing(faults, pointer, &format!("protocolsettings.{name}")).unwrap_or_default(),
                }
            }
            ("log", inside)
        }
    };
    let inside = Node {
        kind: Kind::Map(inside),
        at: node.at,
    };
    Some(Node {
        kind: Kind::Map(vec![entry(name, inside)]),
        at: node.at,
    })
}

fn http(
    reader: &Reader,
    fields: &Fields<'_>,
    settings: &Fields<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Entry>> {
    let Some(sink) = fields.get("sink") else {
        return missing(faults, "/sink", "sink");
    };
    if matches!(&sink.kind, Kind::Text(url) if url.contains("${")) {
        reader.bad(
            sink,
            Text::new(
                "Umgebungsvariablen werden nur in Dateien ersetzt.",
                "environment variables are replaced in files only",
            ),
        );
    }
    settings.or("method", true, |r, n| r.one_of(n, &[("POST", true)]))?;
    if settings.get("headers").is_some() {
        let text = Text::new(
            "Eigene Kopfzeilen nimmt der Bus nicht an: sie stünden für alle lesbar in der Stadt.",
            "the bus takes no header fields of your own: they would stand in the city for all to read",
        );
        let hint = Text::new(
            "Zugangsdaten gehören in „sinkcredential“.",
            "A credential goes into `sinkcredential`.",
        );
        faults.push(Fault::new("SB-2014", "/protocolsettings/headers", text).hint(hint));
    }
    let mut inside = vec![entry("url", sink.clone())];
    inside.extend(settings.get("mode").map(|mode| entry("mode", mode.clone())));
    Some(inside)
}

fn missing<T>(faults: &mut Vec<Fault>, pointer: &str, name: &str) -> Option<T> {
    let text = Text::new(
        format!("Das Feld „{name}“ fehlt."),
        format!("the field `{name}` is missing"),
    );
    faults.push(Fault::new("SB-5004", pointer, text));
    None
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        at: value.at,
        value,
    }
}

fn text(text: &str, beside: &Node) -> Node {
    Node {
        kind: Kind::Text(text.to_owned()),
        at: beside.at,
    }
}
