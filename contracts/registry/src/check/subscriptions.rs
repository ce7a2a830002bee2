//! Subscriptions: may they have what they order, can their filters ever match, do their outputs
//! have contracts, do derivations run in circles.

use std::collections::{HashMap, HashSet};

use stadtbus_event::EventType;

use super::{Check, at};
use crate::contract::Contract;
use crate::delivery::bounds_text;
use crate::finding::{Text, did_you_mean};
use crate::plugin::Role;
use crate::sink::{LogSink, Sink};
use crate::subscription::Subscription;

impl<'c> Check<'c> {
    pub(super) fn subscription(&mut self, subscription: &Subscription) {
        let object = format!("subscription {}", subscription.subscription);
        if !self.partner_exists(&at(&object, "/partner"), &subscription.partner) {
            return;
        }
        let mut contracts = Vec::new();
        for (i, ty) in subscription.types.iter().enumerate() {
            let here = format!("/types/{i}");
            if let Some(contract) = self.contract_of(&at(&object, &here), ty) {
                self.permission(&object, &here, subscription, contract);
                contracts.push(contract);
            }
        }
        self.source(&object, subscription, &contracts);
        self.filters(&object, subscription, &contracts);
        self.in_order(&object, subscription, &contracts);
        self.subscription_plugin(&object, subscription);
        match &subscription.sink {
            Sink::Webhook(webhook) => self.webhook(&object, &webhook.url),
            Sink::Log(log) => self.derivation(&object, subscription, log),
            Sink::Pull {} | Sink::Sse {} => {}
        }
        if let Some((name, min, max)) = subscription.delivery.out_of_bounds() {
            self.error(
                "SB-5005",
                &at(&object, "/delivery"),
                bounds_text(name, min, max),
                None,
            );
        }
    }

    /// Says at writing time what the router would say at routing time.
    fn permission(
        &mut self,
        object: &str,
        pointer: &str,
        subscription: &Subscription,
        contract: &'c Contract,
    ) {
        if contract.publisher == subscription.partner {
            return;
        }
        let ty = &contract.event_type;
        let mine: Vec<_> = contract
            .usage
            .iter()
            .filter(|a| a.recipient == subscription.partner)
            .collect();
        if mine.is_empty() {
            let partner = &subscription.partner;
            self.warn("SB-5014", &at(object, pointer), Text::new(
                format!("Für {partner} gibt es keine Nutzungsvereinbarung über „{ty}“; es wird nichts geliefert."),
                format!("{partner} has no usage agreement for `{ty}`; nothing will be delivered"),
            ), Some(Text::new(
                format!("{} um eine Vereinbarung bitten (usage/{partner}.yaml beim Vertrag).", contract.publisher),
                format!("Ask {} for an agreement (usage/{partner}.yaml beside the contract).", contract.publisher),
            )));
        } else if !mine.iter().any(|a| a.purpose == subscription.purpose) {
            self.warn("SB-5014", &at(object, "/purpose"), Text::new(
                format!("Die Nutzungsvereinbarung über „{ty}“ deckt diesen Zweck nicht; es wird nichts geliefert."),
                format!("the usage agreement for `{ty}` does not cover this purpose; nothing will be delivered"),
            ), did_you_mean(&subscription.purpose, mine.iter().map(|a| a.purpose.as_str()).collect::<Vec<_>>()));
        } else if !mine
            .iter()
            .any(|a| a.purpose == subscription.purpose && a.to.ends() > self.now)
        {
            self.warn(
                "SB-5014",
                &at(object, pointer),
                Text::new(
                    format!("Die Nutzungsvereinbarung über „{ty}“ ist abgelaufen; es wird nichts geliefert."),
                    format!("the usage agreement for `{ty}` has run out; nothing will be delivered"),
                ),
                None,
            );
        }
    }

    /// Events of a type come only from the sources of the partner that publishes it.
    fn source(&mut self, object: &str, subscription: &Subscription, contracts: &[&Contract]) {
        let Some(source) = &subscription.source else {
            return;
        };
        let city = self.city;
        let publishers = || contracts.iter().filter_map(|c| city.partners.get(&c.publisher));
        if contracts.is_empty() || publishers().any(|partner| partner.owns_source(source)) {
            return;
        }
        let known: Vec<&str> = publishers()
            .flat_map(|partner| partner.systems.iter().flat_map(|system| &system.sources))
            .map(String::as_str)
            .collect();
        self.unknown(
            &at(object, "/source"),
            ("Eine Quelle dieser Ereignistypen", "source of these event types"),
            source,
            known,
        );
    }

    fn subscription_plugin(&mut self, object: &str, subscription: &Subscription) {
        let Some(used) = &subscription.plugin else { return };
        let Some(plugin) = self.plugin_in_use(
            object,
            "/plugin/name",
            "/plugin/tables",
            &subscription.partner,
            used,
        ) else {
            return;
        };
        if plugin.role == Role::Decode {
            self.error(
                "SB-5005",
                &at(object, "/plugin/name"),
                Text::new(
                    "Ein Plugin der Rolle „decode“ gehört zu einer Annahme, nicht zu einem Abonnement.",
                    "a plugin of role `decode` belongs to a route, not to a subscription",
                ),
                None,
            );
        }
        for (i, ty) in subscription
            .types
            .iter()
            .enumerate()
            .filter(|(_, ty)| !plugin.consumes.contains(ty))
        {
            let here = format!("/types/{i}");
            self.error(
                "SB-5005",
                &at(object, &here),
                Text::new(
                    format!("Das Plugin {} verarbeitet „{ty}“ nicht.", used.name),
                    format!("the plugin {} does not consume `{ty}`", used.name),
                ),
                None,
            );
        }
    }

    fn derivation(&mut self, object: &str, subscription: &Subscription, log: &LogSink) {
        self.own_source(
            &at(object, "/sink/log/source"),
            &subscription.partner,
            &log.source,
        );
        let place = at(object, "/sink/log/source");
        self.unsigned_source(&place, &subscription.partner, &log.source);
        self.publishes(
            object,
            "/sink/log/publishes",
            &subscription.partner,
            &log.publishes,
        );
        let plugin = subscription
            .plugin
            .as_ref()
            .map(|used| self.city.plugin(&used.name));
        match plugin {
            None => self.error(
                "SB-5004",
                &at(object, "/sink/log"),
                Text::new(
                    "Eine Ableitung braucht ein Plugin der Rolle „transform“.",
                    "a derivation needs a plugin of role `transform`",
                ),
                None,
            ),
            Some(Some(plugin)) if plugin.role == Role::Transform => {
                self.produces(object, "/sink/log/publishes", plugin, &log.publishes);
            }
            Some(Some(_)) => self.error(
                "SB-5005",
                &at(object, "/plugin/name"),
                Text::new(
                    "In das Protokoll führt nur ein Plugin der Rolle „transform“.",
                    "only a plugin of role `transform` leads into the log",
                ),
                None,
            ),
            // That the plugin does not exist has been said.
            Some(None) => {}
        }
    }

    /// Derivations that feed one another: the hop limit would end it, but no one can mean it.
    pub(super) fn loops(&mut self) {
        let mut next: HashMap<&EventType, Vec<&EventType>> = HashMap::new();
        for subscription in self.city.standing_orders() {
            if let Sink::Log(log) = &subscription.sink {
                for ty in &subscription.types {
                    next.entry(ty).or_default().extend(&log.publishes);
                }
            }
        }
        for subscription in self.city.standing_orders() {
            let Sink::Log(log) = &subscription.sink else {
                continue;
            };
            let mut seen: HashSet<&EventType> = HashSet::new();
            let mut open: Vec<&EventType> = log.publishes.iter().collect();
            while let Some(ty) = open.pop() {
                if seen.insert(ty) {
                    open.extend(next.get(ty).into_iter().flatten());
                }
            }
            if let Some(ty) = subscription.types.iter().find(|ty| seen.contains(ty)) {
                let object = format!("subscription {}", subscription.subscription);
                self.warn("SB-5005", &at(&object, "/sink/log/publishes"), Text::new(
                    format!("Aus „{ty}“ entsteht über Ableitungen wieder „{ty}“; die Sprunggrenze bricht den Kreis ab."),
                    format!("derivations turn `{ty}` into `{ty}` again; the hop limit will cut the circle"),
                ), None);
            }
        }
    }
}
