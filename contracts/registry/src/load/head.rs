//! `city.yaml`: the name of the city and where the rest lies.

use stadtbus_event::PartnerId;

use super::files::{self, Files, shown};
use crate::finding::Finding;
use crate::reader::Reader;
use crate::rules;
use crate::yaml::{self, Node};
use crate::zone::{self, Zone};

/// What could be read of `city.yaml`; the rest is empty, so that one mistake there does not hide
/// those in other files.
#[derive(Default)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) contracts: Option<String>,
    pub(super) plugins: Option<String>,
    pub(super) zones: Vec<Zone>,
    pub(super) findings: Vec<Finding>,
    pub(super) place: Option<(String, Node)>,
}

pub(super) fn read(files: &Files) -> Head {
    let path = files.root().join("city.yaml");
    let file = shown(&path);
    let node = match files::read_text(&path).and_then(|text| yaml::parse(&file, &text)) {
        Ok(node) => node,
        Err(finding) => {
            return Head {
                findings: vec![finding],
                ..Head::default()
            };
        }
    };
    let reader = Reader::new(&file);
    let mut head = Head::default();
    if let Some(fields) = reader.fields(&node, &["city", "title", "contracts", "plugins", "zones"]) {
        // The rule of a partner's name is the rule of a city's.
        let name = fields.required("city", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
        head.name = name.map(|name| name.as_str().to_owned()).unwrap_or_default();
        head.title = fields.required("title", Reader::text).unwrap_or_default();
        head.contracts = fields.required("contracts", Reader::text);
        head.plugins = fields.optional("plugins", Reader::text).flatten();
        let zones = fields.or("zones", Vec::new(), |r, n| r.list(n, zone::read));
        head.zones = zones.unwrap_or_default();
    }
    head.findings = reader.into_findings();
    for zone in &mut head.zones {
        if let Err(finding) = read_ca(files, zone) {
            head.findings.push(finding);
        }
    }
    head.place = Some((file, node));
    head
}

/// The certificates themselves in the place of the file that a zone names.
fn read_ca(files: &Files, zone: &mut Zone) -> Result<(), Finding> {
    let Some(named) = zone.ca.take() else {
        return Ok(());
    };
    let path = files.folder(&named);
    let text = files::read_text(&path)?;
    zone::check_ca(&text).map_err(|rule| Finding::error("SB-5005", shown(&path), rule))?;
    zone.ca = Some(text);
    Ok(())
}
