//! Partners, their systems and sources, and the zones.

use std::collections::HashSet;

use stadtbus_event::PartnerId;

use super::{Check, Place, at};
use crate::finding::Text;
use crate::partner::{Partner, Permission, covers};

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
            self.trusted_sources(&object, partner);
        }
    }

    /// Keys are for a partner's own sources, each named once.
    fn trusted_sources(&mut self, object: &str, partner: &Partner) {
        let mut sources = HashSet::new();
        for (i, trusted) in partner.verifiability.iter().enumerate() {
            let here = format!("/verifiability/{i}/source");
            self.own_source(&at(object, &here), &partner.partner, &trusted.source);
            let mut ids = HashSet::new();
            let twice = trusted.keys.iter().find(|key| !ids.insert(&key.id));
            let source_twice = (!sources.insert(&trusted.source)).then_some(&trusted.source);
            for name in source_twice.into_iter().chain(twice.map(|key| &key.id)) {
                self.error(
                    "SB-5007",
                    &at(object, &here),
                    Text::new(
                        format!("„{name}“ steht unter „verifiability“ zweimal da."),
                        format!("`{name}` is given twice under `verifiability`"),
                    ),
                    None,
                );
            }
        }
    }

    /// What a plugin makes has an identity of the bus's and no signature, so it has no place where signatures are due.
    pub(super) fn unsigned_source(&mut self, place: &Place<'_>, partner: &PartnerId, source: &str) {
        let trusted = self
            .city
            .partners
            .get(partner)
            .into_iter()
            .flat_map(|p| &p.verifiability);
        let nearest = trusted
            .filter(|trusted| covers(&trusted.source, source))
            .max_by_key(|trusted| trusted.source.len());
        if nearest.is_some_and(|trusted| trusted.required) {
            self.error(
                "SB-5005",
                place,
                Text::new(
                    "Ereignisse dieser Quelle müssen signiert sein; was ein Plugin macht, ist es nie.",
                    "events of this source have to be signed; what a plugin makes never is",
                ),
                Some(Text::new(
                    "Für Plugins eine eigene Quelle nehmen, ohne „required: true“.",
                    "Give plugins a source of their own, without `required: true`.",
                )),
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
