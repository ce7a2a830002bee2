//! A city, compiled: contracts, routes with their plugins, standing orders with theirs.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use stadtbus_broker::{BrokerError, LogName};
use stadtbus_contracts::{City, PluginRef, PluginUse, Registry, Route};
use stadtbus_event::PartnerId;
use stadtbus_plugin_host::Plugin;

use super::{Cities, Order};
use crate::{
    Refusal,
    log::log_of,
    transform::{GivenTables, STATE, StateStore, Transform, TransformError},
};

/// A route with its decode plugin in place.
pub struct LiveRoute {
    /// The route as the city has it.
    pub route: Route,
    /// Its plugin.
    pub transform: Transform,
}

impl LiveRoute {
    /// Whether the route takes this media type.
    ///
    /// # Errors
    /// `SB-1109` with those it takes.
    pub fn accepts(&self, content_type: &str) -> Result<(), Refusal> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if self
            .route
            .accepts
            .iter()
            .any(|accepted| accepted.eq_ignore_ascii_case(essence))
        {
            return Ok(());
        }
        Err(Refusal::new(
            "SB-1109",
            format!("This route takes {}.", self.route.accepts.join(", ")),
        ))
    }

    /// Whether this version of the route's plugin may publish this type.
    ///
    /// # Errors
    /// `SB-4111`.
    pub fn may_publish(&self, version: &Transform, ty: &str) -> Result<(), Refusal> {
        if self
            .route
            .publishes
            .iter()
            .any(|published| published.as_str() == ty)
            && version.produces(ty)
        {
            return Ok(());
        }
        Err(Refusal::new(
            "SB-4111",
            "The plugin's output has a type that this route may not publish.",
        ))
    }
}

/// A city in force.
pub struct LiveCity {
    /// Digest of the document.
    pub digest: String,
    /// Partners, contracts, agreements.
    pub registry: Arc<Registry>,
    /// Standing orders, in the order of the city.
    pub orders: Vec<Arc<Order>>,
    routes: HashMap<String, LiveRoute>,
    plugins: Plugins,
}

impl LiveCity {
    /// A city without plugins, for tests.
    #[cfg(test)]
    pub(crate) fn of(registry: Registry) -> Self {
        let registry = Arc::new(registry);
        let order = |subscription: &stadtbus_contracts::Subscription| {
            let order = Order::new(subscription.clone(), Arc::clone(&registry), None, None);
            Arc::new(order.unwrap())
        };
        Self {
            digest: "test".to_owned(),
            orders: registry.subscriptions().map(order).collect(),
            registry: Arc::clone(&registry),
            routes: HashMap::new(),
            plugins: HashMap::new(),
        }
    }

    /// What was made of a plugin, if this city has the very same.
    pub(super) fn deployed(&self, plugin: &PluginRef) -> Option<Arc<Plugin>> {
        let same = self.registry.city().plugins.contains(plugin);
        let name = format!("{}/{}", plugin.partner, plugin.name);
        self.plugins.get(&name).filter(|_| same).cloned()
    }

    /// The plugin of a subscription, as it stands there.
    fn placed(&self, subscription: &str) -> Option<Placed<'_>> {
        let city = self.registry.city();
        Some(Placed {
            city,
            used: city.subscription(subscription)?.plugin.as_ref()?,
            transform: self.order(subscription)?.transform.as_ref()?,
        })
    }

    /// The plugin of a route, as it stands there.
    fn placed_in(&self, route: &str) -> Option<Placed<'_>> {
        let live = self.routes.get(route)?;
        Some(Placed {
            city: self.registry.city(),
            used: &live.route.plugin,
            transform: &live.transform,
        })
    }

    /// A route by its name.
    #[must_use]
    pub fn route(&self, name: &str) -> Option<&LiveRoute> {
        self.routes.get(name)
    }

    /// A standing order by its subscription's id.
    #[must_use]
    pub fn order(&self, subscription: &str) -> Option<&Arc<Order>> {
        self.orders
            .iter()
            .find(|order| order.id().as_str() == subscription)
    }

    /// Who holds the contract of a type.
    #[must_use]
    pub fn publisher_of(&self, ty: &str) -> Option<&PartnerId> {
        self.registry
            .contract(ty)
            .map(|compiled| &compiled.contract().publisher)
    }

    /// The partners that have a log.
    #[must_use]
    pub fn publishers(&self) -> Vec<PartnerId> {
        let mut publishers: Vec<_> = self
            .registry
            .city()
            .contracts
            .iter()
            .map(|contract| contract.publisher.clone())
            .collect();
        publishers.sort();
        publishers.dedup();
        publishers
    }

    /// The logs of the city.
    #[must_use]
    pub fn logs(&self) -> Vec<LogName> {
        self.publishers()
            .iter()
            .filter_map(|partner| log_of(partner).ok())
            .collect()
    }

    /// The logs in which an order can match anything.
    ///
    /// # Errors
    /// Never for a valid city.
    pub fn logs_of(&self, order: &Order) -> Result<Vec<LogName>, BrokerError> {
        let mut logs = order
            .types()
            .filter_map(|ty| self.publisher_of(ty))
            .map(log_of)
            .collect::<Result<Vec<_>, _>>()?;
        logs.sort();
        logs.dedup();
        Ok(logs)
    }
}

/// Where a plugin is put to use.
struct Place<'l> {
    /// For people.
    name: String,
    /// JSON pointer to the use, in the document or the order that somebody sent.
    pointer: String,
    /// What stands there in the city in force.
    before: Option<Placed<'l>>,
}

/// A use of a plugin in the city in force.
struct Placed<'l> {
    city: &'l City,
    used: &'l PluginUse,
    transform: &'l Transform,
}

impl Place<'_> {
    /// What stands here already, where it would become the same: a city changes with each order, and most of it stays.
    fn unchanged(&self, registry: &Registry, plugin: &Arc<Plugin>, used: &PluginUse) -> Option<Transform> {
        let before = self.before.as_ref()?;
        let same = before.used == used
            && before.transform.is_of(plugin)
            && (used.tables.values())
                .all(|name| before.city.tables.get(name) == registry.city().tables.get(name));
        same.then(|| before.transform.clone())
    }
}

/// Deployed plugins by `partner/name`.
pub(super) type Plugins = HashMap<String, Arc<Plugin>>;

impl Cities {
    /// Puts a compiled registry and its deployed plugins together.
    pub(super) async fn assemble(
        &self,
        registry: Registry,
        digest: String,
        plugins: Plugins,
    ) -> Result<LiveCity, Refusal> {
        let registry = Arc::new(registry);
        let live = self.live.load_full();
        let mut orders = Vec::new();
        for subscription in registry.subscriptions() {
            let id = &subscription.subscription;
            let transform = match &subscription.plugin {
                Some(used) => {
                    let place = Place {
                        name: format!("{}.{id}", subscription.partner),
                        pointer: if registry.city().ordered.contains_key(id) {
                            "/config/plugin".to_owned()
                        } else {
                            format!("/city/subscriptions/{id}/plugin")
                        },
                        before: live.as_ref().and_then(|live| live.placed(id.as_str())),
                    };
                    Some(self.place(&registry, &plugins, used, &place).await?)
                }
                None => None,
            };
            let order = Order::new(
                subscription.clone(),
                Arc::clone(&registry),
                transform,
                self.keeper.as_deref(),
            )?;
            orders.push(Arc::new(order));
        }
        let mut routes = HashMap::new();
        for route in registry.city().routes.values() {
            let place = Place {
                name: format!("{}.{}", route.partner, route.route),
                pointer: format!("/city/routes/{}/plugin", route.route),
                before: live.as_ref().and_then(|live| live.placed_in(&route.route)),
            };
            let transform = self.place(&registry, &plugins, &route.plugin, &place).await?;
            routes.insert(
                route.route.clone(),
                LiveRoute {
                    route: route.clone(),
                    transform,
                },
            );
        }
        Ok(LiveCity {
            digest,
            registry,
            orders,
            routes,
            plugins,
        })
    }

    async fn place(
        &self,
        registry: &Registry,
        plugins: &Plugins,
        used: &PluginUse,
        place: &Place<'_>,
    ) -> Result<Transform, Refusal> {
        let name = used.name.to_string();
        let plugin = plugins.get(&name).ok_or_else(|| {
            Refusal::new(
                "SB-4009",
                format!(
                    "{} uses the plugin {name}, which the city does not have.",
                    place.name
                ),
            )
        })?;
        if let Some(same) = place.unchanged(registry, plugin, used) {
            return Ok(same);
        }
        let config =
            serde_json::to_vec(&used.config).map_err(|error| Refusal::new("SB-5005", error.to_string()))?;
        let config = Bytes::from(config);
        let mut named = Vec::new();
        for (inside, outside) in &used.tables {
            let table = registry.city().tables.get(outside).ok_or_else(|| {
                Refusal::new(
                    "SB-5006",
                    format!(
                        "{} uses the table {outside}, which the city does not have.",
                        place.name
                    ),
                )
            })?;
            named.push((inside.as_str(), outside.as_str(), table));
        }
        let tables = GivenTables::new(named);
        let faults = self.pool.check_config(plugin, &config, &tables.tables).await;
        if let Some(fault) = faults.map_err(TransformError::from)?.first() {
            let detail = format!(
                "{}: the plugin {name} refuses its configuration: {fault}",
                place.name
            );
            return Err(Refusal::new("SB-4010", detail).at(format!("{}/config{}", place.pointer, fault.at)));
        }
        let state = match &plugin.manifest().state {
            None => None,
            Some(state) => {
                let ttl = std::time::Duration::from_secs(state.ttl_s);
                Some(StateStore::new(self.broker.cells(STATE).await?, &place.name, ttl))
            }
        };
        Ok(Transform::new(
            Arc::clone(plugin),
            Arc::clone(&self.pool),
            config,
            tables,
            state,
        ))
    }
}
