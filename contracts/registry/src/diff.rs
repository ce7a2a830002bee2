//! What changes between two cities, in the words a person decides by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::city::City;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Added, changed or removed.
    pub kind: ChangeKind,
    /// `partner`, `contract`, `agreement`, `route`, `subscription`, `table`, `plugin`, `zone`, `city`.
    pub what: String,
    /// Its id.
    pub id: String,
    /// For a change: the fields that differ; else a short description.
    pub summary: String,
}

/// Added, changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Only in the new city.
    Added,
    /// In both, differently.
    Changed,
    /// Only in the old city.
    Removed,
}

/// All changes from `old` (nothing, for a first load) to `new`, ordered by what and id.
pub fn diff(old: Option<&City>, new: &City) -> Vec<Change> {
    let before = old.map(objects).unwrap_or_default();
    let after = objects(new);
    let mut changes = Vec::new();
    for ((what, id), value) in &after {
        match before.get(&(what, id.clone())) {
            None => changes.push(change(ChangeKind::Added, what, id, describe(value))),
            Some(earlier) if earlier != value => {
                changes.push(change(ChangeKind::Changed, what, id, differing(earlier, value)));
            }
            Some(_) => {}
        }
    }
    for ((what, id), value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        changes.push(change(ChangeKind::Removed, what, id, describe(value)));
    }
    changes.sort_by(|a, b| (&a.what, &a.id).cmp(&(&b.what, &b.id)));
    changes
}

fn change(kind: ChangeKind, what: &str, id: &str, summary: String) -> Change {
    Change {
        kind,
        what: what.to_owned(),
        id: id.to_owned(),
        summary,
    }
}

fn objects(city: &City) -> BTreeMap<(&'static str, String), Value> {
    let mut all = BTreeMap::new();
    let json = |value: &dyn erased::ToJson| value.to_json();
    let mut add = |what: &'static str, id: String, value: Value| {
        all.insert((what, id), value);
    };
    add(
        "city",
        city.name.clone(),
        serde_json::json!({"title": city.title}),
    );
    city.partners
        .values()
        .for_each(|p| add("partner", p.partner.to_string(), json(p)));
    for contract in &city.contracts {
        let mut value = json(contract);
        if let Some(map) = value.as_object_mut() {
            // Agreements are changes of their own: they are what a data protection officer reads.
            map.remove("usage");
        }
        add("contract", contract.event_type.to_string(), value);
        contract
            .usage
            .iter()
            .for_each(|a| add("agreement", a.agreement.clone(), json(a)));
    }
    city.routes
        .values()
        .for_each(|r| add("route", r.route.clone(), json(r)));
    city.standing_orders()
        .for_each(|s| add("subscription", s.subscription.to_string(), json(s)));
    city.tables
        .iter()
        .for_each(|(name, table)| add("table", name.clone(), table.clone()));
    city.plugins
        .iter()
        .for_each(|p| add("plugin", p.full_name().to_string(), json(p)));
    city.zones
        .iter()
        .for_each(|z| add("zone", z.zone.clone(), json(z)));
    all
}

mod erased {
    use serde::Serialize;
    use serde_json::Value;

    /// Lets one closure turn every noun into a value.
    pub(super) trait ToJson {
        fn to_json(&self) -> Value;
    }

    impl<T: Serialize> ToJson for T {
        fn to_json(&self) -> Value {
            serde_json::to_value(self).unwrap_or_default()
        }
    }
}

fn describe(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let parties = text("recipient").map(|who| format!("{who}: {}", text("purpose").unwrap_or_default()));
    parties
        .or_else(|| text("title"))
        .or_else(|| text("name"))
        .or_else(|| text("version"))
        .unwrap_or_default()
}

fn differing(old: &Value, new: &Value) -> String {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return "content".to_owned();
    };
    let mut names: Vec<&str> = (old.keys().chain(new.keys()))
        .filter(|name| old.get(*name) != new.get(*name))
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(12);
    names.join(", ")
}
