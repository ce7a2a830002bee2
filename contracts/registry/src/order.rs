//! Subscriptions in the field names of the CloudEvents Subscriptions API.
//!
//! *Promise*: what comes over the network is judged by the rules that hold for a file: the body is put into the shape
//! of a file, node by node, and read by the file's own reader, so that no rule exists twice. Each node keeps where it
//! stood, and each fault names that place as a JSON pointer. *Refuses*: unknown members and protocols, orders nobody
//! agreed to, header fields in clear text. *What it leaves to others*: who may order, which id it gets, how a
//! credential is sealed.

mod credential;
mod respell;
mod shown;
mod tree;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use stadtbus_event::{PartnerId, SubscriptionId};

pub use credential::{
    CERTIFICATE_BYTES_MAX, CREDENTIAL_BYTES_MAX, ClientCertificate, ClientCredentials, Given, SinkCredential,
};
pub use shown::{Config, Representation};

use crate::check;
use crate::city::City;
use crate::finding::{Finding, Severity, Text};
use crate::reader::Reader;
use crate::strict_json;
use crate::subscription::{self, Subscription};
use crate::yaml::Node;
use tree::Tree;

/// The largest subscription that is read, in bytes.
pub const ORDER_BYTES_MAX: usize = 64 << 10;

/// What an order is called before it has its id. Ids of orders hold a digit group, so it is never taken.
const UNNAMED: &str = "order";

/// One thing that is wrong with an order, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable code: `SB-2014`, `SB-5002` to `SB-5014`.
    pub code: &'static str,
    /// Whether the order could be carried out all the same.
    pub severity: Severity,
    /// JSON pointer into the order.
    pub pointer: String,
    /// One sentence; never a credential.
    pub detail: Text,
    /// What to do about it, where that is known.
    pub hint: Option<Text>,
}

impl Fault {
    fn new(code: &'static str, pointer: impl Into<String>, detail: Text) -> Self {
        Self {
            code,
            severity: Severity::Error,
            pointer: pointer.into(),
            detail,
            hint: None,
        }
    }

    fn hint(mut self, hint: Text) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Whether an order is refused for it. Beyond errors that is the order nobody agreed to: a file may wait for its
    /// agreement, but who orders over the network is told at once and not by silence.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Error || self.code == "SB-5014"
    }
}

/// An order that could be read; see [`Draft::judge`].
#[derive(Debug, Clone)]
pub struct Draft {
    /// What was ordered. Its id is a placeholder until the manager assigns one.
    pub subscription: Subscription,
    /// The credential that came with it.
    pub credential: Given,
    node: Node,
    tree: Tree,
}

impl Draft {
    /// Reads a subscription as the API spells it. `owner` is whose it is where it does not say (`config.partner`).
    ///
    /// # Errors
    /// Everything that is wrong with its form, at once.
    pub fn read(body: &[u8], owner: &PartnerId) -> Result<Self, Vec<Fault>> {
        let value = strict_json::parse(body).map_err(|fault| {
            vec![match fault {
                strict_json::Fault::NotJson => {
                    let text = Text::new("Das ist kein lesbares JSON.", "this is not readable JSON");
                    Fault::new("SB-5002", "", text)
                }
                strict_json::Fault::NameTwice => {
                    let text = Text::new("Ein Feld steht zweimal da.", "a field is given twice");
                    Fault::new("SB-5007", "", text)
                }
            }]
        })?;
        let tree = Tree::of(&value);
        let reader = Reader::new("");
        let mut faults = Vec::new();
        let respelled = respell::respell(&reader, &tree.root, owner, &mut faults);
        // What lacks a required member has been told so in the API's words; the file's reader would say it in others.
        let read = respelled
            .filter(|_| faults.is_empty())
            .and_then(|(node, credential)| {
                Some((subscription::read(&reader, &node, &|_| None)?, node, credential))
            });
        faults.extend(
            reader
                .into_findings()
                .into_iter()
                .map(|finding| tree.fault(finding)),
        );
        match read {
            Some((subscription, node, credential)) if faults.is_empty() => Ok(Self {
                subscription,
                credential,
                node,
                tree,
            }),
            _ => Err(sorted(faults)),
        }
    }

    /// The same order under the id that the manager assigned.
    #[must_use]
    pub fn named(mut self, id: SubscriptionId) -> Self {
        self.subscription.subscription = id;
        self
    }

    /// What is wrong with the order in this city, by the rules for files; refusing faults come first.
    #[must_use]
    pub fn judge(&self, city: &City, now: SystemTime) -> Vec<Fault> {
        let findings = check::one(city, &self.subscription, &self.node, now);
        sorted(
            findings
                .into_iter()
                .map(|finding| self.tree.fault(finding))
                .collect(),
        )
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by(|a, b| {
        (!a.refuses(), a.severity != Severity::Error, &a.pointer, a.code).cmp(&(
            !b.refuses(),
            b.severity != Severity::Error,
            &b.pointer,
            b.code,
        ))
    });
    faults.dedup();
    faults
}

/// The orders of a city that contradict the rest of it, each with the first contradiction: such a city cannot be
/// applied.
#[must_use]
pub fn impossible(city: &City, now: SystemTime) -> Vec<(SubscriptionId, Finding)> {
    let findings = check::check(city, &check::Places::new(), now);
    let about = |order: &Subscription| {
        let object = format!("subscription {}", order.subscription);
        findings
            .iter()
            .find(|finding| finding.severity == Severity::Error && *finding.file == *object)
            .cloned()
    };
    city.ordered
        .values()
        .filter_map(|order| Some((order.subscription.clone(), about(order)?)))
        .collect()
}
