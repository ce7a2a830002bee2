//! What an order must keep to, and how one is stored: its id, its tag, its credential.

use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use stadtbus_contracts::{
    City, SealedCredential, Severity, Sink, Subscription, Text,
    order::{Draft, Fault, Given, SinkCredential},
};
use stadtbus_event::{PartnerId, SubscriptionId};
use stadtbus_flow::{
    Refusal,
    deliver::egress::{Denied, EgressError, Identity},
};

use super::{Judged, Refused, shown};
use crate::Bus;

/// Gives an order its id: the partner's name, and what nobody can have chosen before.
pub(super) fn named(draft: Draft) -> Result<Draft, Refusal> {
    let random: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(12)
        .collect();
    let id = SubscriptionId::parse(&format!("{}-{random}", draft.subscription.partner))
        .map_err(|error| Refusal::new("SB-5005", error.to_string()))?;
    Ok(draft.named(id))
}

pub(super) fn judged(draft: &Draft, city: &City) -> Judged {
    let faults = draft.judge(city, SystemTime::now());
    if faults.iter().any(Fault::refuses) {
        Err(faults)
    } else {
        Ok(faults)
    }
}

/// The order as it is stored, if there is one and the caller means this state of it.
pub(super) fn ordered(city: &City, id: &str, headers: &HeaderMap) -> Result<Subscription, Refusal> {
    of_no_folder(city, id)?;
    let order = city
        .ordered
        .get(id)
        .ok_or_else(|| Refusal::new("SB-2001", "You have no such subscription."))?;
    if is_meant(headers, &tag(order)) {
        return Ok(order.clone());
    }
    let refusal = Refusal::new("SB-2012", "The subscription was changed since you read it.");
    Err(refusal.hint(format!("stadtbus subscription show {id}")))
}

/// `If-Match` (RFC 9110 § 13.1.1); without it any state is meant.
fn is_meant(headers: &HeaderMap, tag: &str) -> bool {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    let names = |text: &str| text.split(',').map(str::trim).any(|one| one == "*" || one == tag);
    values.peek().is_none() || values.any(|value| value.to_str().is_ok_and(names))
}

pub(super) fn of_no_folder(city: &City, id: &str) -> Result<(), Refusal> {
    let Some(own) = city.subscriptions.get(id) else {
        return Ok(());
    };
    let file = shown::file(own);
    Err(Refusal::new(
        "SB-2011",
        format!("This subscription is defined in the city's folder, in {file}; it is changed there."),
    )
    .hint("stadtbus apply FOLDER"))
}

/// Names one state of a subscription, its sealed credential included.
pub(super) fn tag(subscription: &Subscription) -> String {
    let bytes = serde_json::to_vec(subscription).unwrap_or_default();
    let digest: String = stadtbus_contracts::component_digest(&bytes)
        .chars()
        .take(32)
        .collect();
    format!("\"{digest}\"")
}

pub(super) fn too_many(partner: &PartnerId, most: usize) -> Refusal {
    Refusal::new(
        "SB-1408",
        format!("{partner} has ordered {most} subscriptions already; more are not taken."),
    )
    .hint("Cancel one, or ask the operators to raise limits.subscriptions_ordered_max.")
}

/// The credential of an order, sealed. Without a key nothing is kept.
pub(super) fn sealed(bus: &Bus, draft: &Draft) -> Result<Option<SealedCredential>, Refusal> {
    let (Given::New(credential), Sink::Webhook(webhook)) = (&draft.credential, &draft.subscription.sink)
    else {
        return Ok(None);
    };
    let unsafe_here = |why: &str| {
        let detail = format!("This bus cannot keep a credential safely: {why}.");
        Refusal::new("SB-2014", detail)
            .at("/sinkcredential")
            .hint("Operators: set credentials.key_file; subscribers: order without a credential, or pull.")
    };
    if let SinkCredential::Certificate(shown) = credential {
        Identity::from_pem(&shown.certificate, &shown.key, shown.authority.as_deref()).map_err(|error| {
            Refusal::new("SB-2014", error.to_string())
                .at("/sinkcredential")
                .hint("Certificate, its private key and the receiver's authority, all in PEM.")
        })?;
    }
    let keeper = bus.cities.keeper().ok_or_else(|| unsafe_here("it has no key"))?;
    keeper
        .seal(credential, &draft.subscription.subscription, &webhook.url)
        .map(Some)
        .map_err(unsafe_here)
}

/// The credential that stays where none is given. It was given for one address and goes to no other.
pub(super) fn kept(before: &Subscription, after: &Subscription) -> Result<Option<SealedCredential>, Refusal> {
    let (Sink::Webhook(before), Sink::Webhook(after)) = (&before.sink, &after.sink) else {
        return Ok(None);
    };
    if before.credential.is_some() && before.url != after.url {
        return Err(Refusal::new(
            "SB-2014",
            "The credential was given for another sink; give it again, or null for none.",
        )
        .at("/sinkcredential"));
    }
    Ok(before.credential.clone())
}

pub(super) fn put_credential(subscription: &mut Subscription, credential: Option<SealedCredential>) {
    if let Sink::Webhook(webhook) = &mut subscription.sink {
        webhook.credential = credential;
    }
}

/// Whether the target may be delivered to at this moment, and the bus may ask where tokens for it are given, judged as
/// every delivery judges it. A name that nobody knows yet is worth a look and no reason to refuse.
pub(in crate::http) async fn reachable(bus: &Bus, draft: &Draft) -> Result<Vec<Fault>, Refused> {
    let Sink::Webhook(webhook) = &draft.subscription.sink else {
        return Ok(Vec::new());
    };
    let mut places = vec![("/sink", &webhook.url)];
    if let Given::New(SinkCredential::Client(client)) = &draft.credential {
        places.push(("/sinkcredential/tokenendpoint", &client.endpoint));
    }
    let mut worth_a_look = Vec::new();
    for (pointer, url) in places {
        let fault = |code, severity, detail, hint| Fault {
            code,
            severity,
            pointer: pointer.to_owned(),
            detail,
            hint,
        };
        match bus.egress.check(url, None).await {
            Ok(()) => {}
            Err(EgressError::Forbidden(denied)) => {
                let hint = Some(denied.hint());
                return Err(vec![fault(Denied::CODE, Severity::Error, denied.text(), hint)].into());
            }
            Err(error) => {
                let text = Text::new(
                    "Der Name des Empfängers ist zurzeit nicht bekannt.",
                    error.to_string(),
                );
                worth_a_look.push(fault(error.code(), Severity::Warning, text, None));
            }
        }
    }
    Ok(worth_a_look)
}
