//! Partners, their systems and sources, and the zones.

use std::collections::HashSet;

use stadtbus_event::PartnerId;

use super::{Check, Place, at};
use crate::finding::Text;
use crate::partner::{Permission, covers};

impl Check<'_> {
    pub(super) fn partners(&mut self) {
        let mut prefixes: Vec<(&PartnerId, &str)> = Vec::new();
        for partner in self.city.partners.values() {
            let object = format!("partner {}", partner.partner);
            let mut names = HashSet::new();
            for (i, system) in partner.systems.iter().enumerate() {
                let here = format!("/systems/{i}");
                if !names.insert(&system.system) {
                    self.error(
                        "SB-5007",
                        &at(&object, &here),
                        Text::new(
                            format!("Das System „{}“ steht zweimal da.", system.system),
                            format!("the system `{}` is given twice", system.system),
                        ),
                        None,
                    );
                }
                if system.may(Permission::Publish) && system.sources.is_empty() {
                    self.error("SB-5004", &at(&object, &here), Text::new(
                        "Ein System, das Ereignisse sendet, braucht mindestens eine Quelle unter „sources“.",
                        "a system that publishes needs at least one prefix in `sources`",
                    ), None);
                }
                for (j, prefix) in system.sources.iter().enumerate() {
                    let here = format!("/systems/{i}/sources/{j}");
                    self.source_prefix(&at(&object, &here), &partner.partner, prefix, &prefixes);
                }
            }
            prefixes.extend(
                partner
                    .systems
                    .iter()
                    .flat_map(|s| &s.sources)
                    .map(|p| (&partner.partner, p.as_str())),
            );
        }
    }

    fn source_prefix(
        &mut self,
        place: &Place<'_>,
        partner: &PartnerId,
        prefix: &str,
        others: &[(&PartnerId, &str)],
    ) {
        let own = format!("urn:{}:{partner}", self.city.name);
        if prefix.starts_with("urn:") && !covers(&own, prefix) {
            self.warn(
                "SB-5013",
                place,
                Text::new(
                    format!("Quellen von {partner} beginnen mit „{own}:“."),
                    format!("sources of {partner} start with `{own}:`"),
                ),
                None,
            );
        }
        let taken = others
            .iter()
            .find(|(_, p)| covers(p, prefix) || covers(prefix, p));
        if let Some((owner, _)) = taken {
            self.error(
                "SB-5007",
                place,
                Text::new(
                    format!("Diese Quelle überschneidet sich mit einer von {owner}."),
                    format!("this source overlaps with one of {owner}"),
                ),
                None,
            );
        }
    }

    pub(super) fn zones(&mut self) {
        let mut names = HashSet::new();
        for zone in &self.city.zones {
            if !names.insert(&zone.zone) {
                self.error(
                    "SB-5007",
                    &at("city", "/zones"),
                    Text::new(
                        format!("Die Zone „{}“ steht zweimal da.", zone.zone),
                        format!("the zone `{}` is given twice", zone.zone),
                    ),
                    None,
                );
            }
        }
    }
}
