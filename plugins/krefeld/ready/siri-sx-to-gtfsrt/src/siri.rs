//! What is read of a SIRI delivery.

use std::collections::BTreeMap;

use roxmltree::Document;
use stadtbus_plugin::{Stop, reject};

use crate::xml::{self, Node, all, first, is, value};

/// Versions of SIRI that are read; a national profile may follow after a colon.
const VERSIONS: &[&str] = &["2.0", "2.0p", "2.1", "2.1p"];

/// One delivery of situations.
pub(crate) struct Delivery<'d> {
    /// When it was written, in seconds since 1970.
    pub(crate) written: u64,
    /// Whether it says only what has changed since the one before.
    pub(crate) changes_only: bool,
    /// The situations, each in its latest version, in the order of their keys.
    pub(crate) situations: Vec<Situation<'d>>,
}

/// One situation.
pub(crate) struct Situation<'d> {
    /// Who reports it, and the number there.
    pub(crate) id: String,
    /// Who reports it.
    pub(crate) participant: Option<&'d str>,
    /// Whether the public is told of it.
    pub(crate) is_public: bool,
    /// Its element.
    pub(crate) element: Node<'d>,
    version: u64,
}

/// Reads the delivery of a document.
///
/// # Errors
/// `not-siri`, `not-situation-exchange`, `siri-version`, `delivery-failed`, `delivery-incomplete`, and what is wrong with a
/// situation.
pub(crate) fn delivery<'d>(document: &'d Document<'d>) -> Result<Delivery<'d>, Stop> {
    let root = document.root_element();
    if !is(root, "Siri") {
        return Err(reject("not-siri", "the document is not a message of SIRI 2"));
    }
    let foreign = || {
        reject(
            "not-situation-exchange",
            "the message is not a delivery of situation exchange (SX)",
        )
    };
    let service = first(root, &["ServiceDelivery"]).ok_or_else(foreign)?;
    let exchange = all(service, &["SituationExchangeDelivery"]);
    let head = *exchange.first().ok_or_else(foreign)?;
    for part in &exchange {
        check_version(part.attribute("version").or_else(|| root.attribute("version")))?;
    }
    check_whole(service, &exchange)?;
    let written = first(head, &["ResponseTimestamp"]).or_else(|| first(service, &["ResponseTimestamp"]));
    let written = written.ok_or_else(|| reject("no-time", "the delivery has no ResponseTimestamp"))?;
    let producer = value(service, &["ProducerRef"]);
    let mut latest: BTreeMap<String, Situation<'d>> = BTreeMap::new();
    for part in &exchange {
        for element in all(*part, &["Situations", "PtSituationElement"]) {
            let situation = situation(element, producer)?;
            let known = latest.get(&situation.id).map(|known| known.version);
            if known.is_none_or(|known| known <= situation.version) {
                latest.insert(situation.id.clone(), situation);
            }
        }
    }
    Ok(Delivery {
        written: xml::seconds(written)?,
        changes_only: exchange
            .iter()
            .any(|part| first(*part, &["SubscriptionRef"]).is_some()),
        situations: latest.into_values().collect(),
    })
}

fn check_version(version: Option<&str>) -> Result<(), Stop> {
    let known = version.and_then(|version| version.split(':').next());
    if known.is_some_and(|version| VERSIONS.contains(&version.trim())) {
        return Ok(());
    }
    Err(reject(
        "siri-version",
        "the message is not of SIRI 2.0 or 2.1 by its version",
    ))
}

/// Half a delivery would end the alerts of the other half.
fn check_whole(service: Node<'_>, exchange: &[Node<'_>]) -> Result<(), Stop> {
    let says = |path: &[&str], word: &str| {
        let parts = exchange.iter().copied().chain([service]);
        parts
            .filter_map(|part| value(part, path))
            .any(|said| said == word)
    };
    if says(&["Status"], "false") || says(&["Status"], "0") {
        return Err(reject(
            "delivery-failed",
            "the producer says that it could not answer (Status)",
        ));
    }
    if says(&["MoreData"], "true") || says(&["MoreData"], "1") {
        return Err(reject(
            "delivery-incomplete",
            "the producer says that more belongs to this delivery (MoreData)",
        ));
    }
    Ok(())
}

fn situation<'d>(element: Node<'d>, producer: Option<&'d str>) -> Result<Situation<'d>, Stop> {
    let number = value(element, &["SituationNumber"]).ok_or_else(|| {
        xml::misplaced(
            "situation-without-number",
            "a situation has no SituationNumber",
            element,
        )
    })?;
    let participant = value(element, &["ParticipantRef"]).or(producer);
    let version = match first(element, &["Version"]) {
        None => 0,
        Some(version) => xml::content(version)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                xml::misplaced(
                    "version-unreadable",
                    "the Version of a situation is no number",
                    version,
                )
            })?,
    };
    Ok(Situation {
        id: match participant {
            Some(participant) => format!("{participant}:{number}"),
            None => number.to_owned(),
        },
        participant,
        is_public: is_public(element),
        element,
        version,
    })
}

/// Drafts are not decided, what has ended is over, and an exercise must not stop a city.
fn is_public(element: Node<'_>) -> bool {
    let progress = value(element, &["Progress"]).unwrap_or("open");
    let reality = value(element, &["Reality"]).unwrap_or("real");
    matches!(progress, "open" | "published" | "closing") && reality == "real"
}
