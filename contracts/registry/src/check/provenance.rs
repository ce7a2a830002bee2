//! The keys that may sign plugins, and the signatures of those that are signed.

use std::collections::HashSet;

use super::{Check, at};
use crate::finding::Text;

/// Most keys of a partner: those in use, those they replace, and those to come.
const PLUGIN_KEYS_MAX: usize = 16;

impl Check<'_> {
    pub(super) fn provenance(&mut self) {
        self.plugin_keys();
        self.plugin_signatures();
    }

    fn plugin_keys(&mut self) {
        for partner in self.city.partners.values() {
            let object = format!("partner {}", partner.partner);
            if partner.plugin_keys.len() > PLUGIN_KEYS_MAX {
                let text = Text::new(
                    format!("Mehr als {PLUGIN_KEYS_MAX} Schlüssel für Plugins."),
                    format!("more than {PLUGIN_KEYS_MAX} keys for plugins"),
                );
                self.error("SB-5005", &at(&object, "/plugin_keys"), text, None);
            }
            let mut ids = HashSet::new();
            for (i, key) in partner.plugin_keys.iter().take(PLUGIN_KEYS_MAX).enumerate() {
                let here = format!("/plugin_keys/{i}");
                if !ids.insert(key.id.as_str()) {
                    let text = Text::new(
                        format!("Der Schlüssel „{}“ steht zweimal da.", key.id),
                        format!("the key `{}` is given twice", key.id),
                    );
                    self.error("SB-5007", &at(&object, &here), text, None);
                }
                if !key.is_sound() {
                    let text = Text::new(
                        "Das ist kein öffentlicher Ed25519-Schlüssel.",
                        "this is no public Ed25519 key",
                    );
                    let make = "stadtbus plugin key --out integrator.pem";
                    let hint = Some(Text::new(make, make));
                    self.error("SB-5005", &at(&object, &format!("{here}/public_key")), text, hint);
                }
            }
        }
    }

    /// What is signed must be signed well, wherever the city comes from. Whether it must be signed at all is the bus's to
    /// say. A component that is not built yet has nothing that could have been signed.
    fn plugin_signatures(&mut self) {
        let city = self.city;
        for plugin in city.plugins.iter().filter(|plugin| !plugin.digest.is_empty()) {
            let Err(why) = city.vouched(plugin) else { continue };
            let object = format!("plugin {}", plugin.full_name());
            let name = plugin.versioned_name();
            let text = Text::new(format!("{name}: {}", why.de), format!("{name}: {}", why.en));
            let sign = "stadtbus plugin sign FOLDER --signing-key integrator.pem";
            self.error("SB-4021", &at(&object, ""), text, Some(Text::new(sign, sign)));
        }
    }
}
