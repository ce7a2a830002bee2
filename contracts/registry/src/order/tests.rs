use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use stadtbus_event::{PartnerId, SubscriptionId};

use super::*;
use crate::load;

mod credentials;

const TYPE: &str = "de.teststadt.werk.thing.v1";

fn city() -> City {
    load(Path::new("tests/cities/sound"), &|_| None).unwrap()
}

fn owner() -> PartnerId {
    PartnerId::parse("amt").unwrap()
}

fn good() -> Value {
    json!({
        "types": [TYPE], "protocol": "HTTP", "sink": "https://amt.example/stadtbus",
        "config": {"purpose": "https://w3id.org/dpv#ServiceProvision", "title": "Dinge"}
    })
}

/// `good` with the member at the pointer put there, or taken away by `null`.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut order = good();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value.clone());
        }
    }
    order
}

fn faults(order: &Value) -> Vec<Fault> {
    match Draft::read(order.to_string().as_bytes(), &owner()) {
        Ok(draft) => draft.judge(&city(), SystemTime::now()),
        Err(faults) => faults,
    }
}

#[test]
fn what_is_wrong_is_named_by_code_and_pointer() {
    type Case = (
        &'static str,
        Vec<(&'static str, Value)>,
        &'static str,
        &'static str,
        &'static str,
    );
    let cases: &[Case] = &[
        // SUB-6: sink and protocol are required, protocols are compared with case.
        (
            "no protocol",
            vec![("/protocol", Value::Null)],
            "SB-5004",
            "/protocol",
            "",
        ),
        ("no sink", vec![("/sink", Value::Null)], "SB-5004", "/sink", ""),
        (
            "case",
            vec![("/protocol", json!("http"))],
            "SB-5005",
            "/protocol",
            "Did you mean `HTTP`?",
        ),
        (
            "foreign protocol",
            vec![("/protocol", json!("MQTT5"))],
            "SB-5005",
            "/protocol",
            "",
        ),
        (
            "no purpose",
            vec![("/config/purpose", Value::Null)],
            "SB-5004",
            "/config/purpose",
            "",
        ),
        ("no types", vec![("/types", Value::Null)], "SB-5004", "/types", ""),
        (
            "empty types",
            vec![("/types", json!([]))],
            "SB-5005",
            "/types",
            "",
        ),
        (
            "unknown member",
            vec![("/filtres", json!([]))],
            "SB-5003",
            "/filtres",
            "Did you mean `filters`?",
        ),
        (
            "unknown setting",
            vec![("/config/titel", json!("x"))],
            "SB-5003",
            "/config/titel",
            "Did you mean `title`?",
        ),
        // SUB-4, SUB-1.
        (
            "dialect",
            vec![("/filters", json!([{"exakt": {"id": "1"}}]))],
            "SB-5003",
            "/filters/0/exakt",
            "Did you mean `exact`?",
        ),
        (
            "empty all",
            vec![("/filters", json!([{"all": []}]))],
            "SB-5005",
            "/filters/0",
            "",
        ),
        (
            "attribute",
            vec![(
                "/filters",
                json!([{"exact": {"id": "1"}}, {"exact": {"subjekt": "x"}}]),
            )],
            "SB-5006",
            "/filters/1/exact/subjekt",
            "Did you mean `subject`?",
        ),
        (
            "type",
            vec![("/types", json!(["de.teststadt.werk.thimg.v1"]))],
            "SB-5006",
            "/types/0",
            "Did you mean `de.teststadt.werk.thing.v1`?",
        ),
        (
            "purpose",
            vec![("/config/purpose", json!("https://w3id.org/dpv#ServiceProvisions"))],
            "SB-5014",
            "/config/purpose",
            "Did you mean",
        ),
        (
            "partner",
            vec![("/config/partner", json!("ampt"))],
            "SB-5006",
            "/config/partner",
            "Did you mean `amt`?",
        ),
        (
            "source",
            vec![("/source", json!("urn:teststadt:werk:sis"))],
            "SB-5006",
            "/source",
            "Did you mean `urn:teststadt:werk:sys`?",
        ),
        (
            "address",
            vec![("/sink", json!("ftp://amt.example/"))],
            "SB-5005",
            "/sink",
            "",
        ),
        (
            "variable",
            vec![("/sink", json!("${HOME:-https://x.example}"))],
            "SB-5005",
            "/sink",
            "",
        ),
        (
            "delivery",
            vec![("/config/delivery", json!({"attempts_max": 0}))],
            "SB-5005",
            "/config/delivery/attempts_max",
            "",
        ),
        (
            "method",
            vec![("/protocolsettings", json!({"method": "PUT"}))],
            "SB-5005",
            "/protocolsettings/method",
            "",
        ),
        (
            "headers",
            vec![("/protocolsettings", json!({"headers": {"x-key": "geheim"}}))],
            "SB-2014",
            "/protocolsettings/headers",
            "sinkcredential",
        ),
        (
            "refresh",
            vec![("/sinkcredential", json!({"credentialtype": "REFRESHTOKEN"}))],
            "SB-2014",
            "/sinkcredential/credentialtype",
            "ACCESSTOKEN",
        ),
        (
            "token",
            vec![(
                "/sinkcredential",
                json!({"credentialtype": "ACCESSTOKEN", "accesstoken": "ge heim"}),
            )],
            "SB-2014",
            "/sinkcredential/accesstoken",
            "",
        ),
        (
            "token to be fetched from nowhere",
            vec![(
                "/sinkcredential",
                json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": "amt.example/token", "clientid": "a", "clientsecret": "geheim"}),
            )],
            "SB-5005",
            "/sinkcredential/tokenendpoint",
            "",
        ),
        (
            "token to be fetched without a secret",
            vec![(
                "/sinkcredential",
                json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": "https://amt.example/token", "clientid": "a"}),
            )],
            "SB-5004",
            "/sinkcredential",
            "",
        ),
        (
            "pulled",
            vec![
                ("/protocol", json!("STADTBUS-PULL")),
                ("/sinkcredential", json!({"credentialtype": "PLAIN"})),
            ],
            "SB-2014",
            "/sinkcredential",
            "",
        ),
        (
            "log",
            vec![("/protocol", json!("STADTBUS-LOG"))],
            "SB-5004",
            "/protocolsettings/publishes",
            "",
        ),
    ];
    for (name, changes, code, pointer, hint) in cases {
        let found = faults(&with(changes));
        let first = found
            .first()
            .unwrap_or_else(|| panic!("{name}: nothing is wrong"));
        assert_eq!(
            (first.code, first.pointer.as_str()),
            (*code, *pointer),
            "{name}: {found:?}"
        );
        assert!(first.refuses(), "{name}");
        let said = first
            .hint
            .as_ref()
            .map(|hint| hint.en.to_string())
            .unwrap_or_default();
        assert!(said.contains(hint), "{name}: {said}");
        assert!(!format!("{found:?}").contains("heim\""), "{name}: {found:?}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let order = with(&[
        ("/protocol", json!("http")),
        ("/config/titel", json!("x")),
        ("/types", Value::Null),
    ]);
    let places: Vec<_> = faults(&order).into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(places, ["/config/titel", "/protocol", "/types"]);
}

#[test]
fn no_document_is_an_order() {
    for (body, code) in [
        ("", "SB-5002"),
        ("[1]", "SB-5005"),
        ("{\"sink\":1,\"sink\":2}", "SB-5007"),
        ("- a", "SB-5002"),
    ] {
        let refused = Draft::read(body.as_bytes(), &owner()).unwrap_err();
        assert_eq!(refused[0].code, code, "{body}");
    }
}

/// What is shown can be ordered again and is the same; id and status are the manager's (SUB-6).
#[test]
fn what_is_shown_can_be_sent_back() {
    let settings = [
        (
            "HTTP",
            json!({"mode": "binary"}),
            json!([{"not": {"prefix": {"subject": "x"}}}]),
        ),
        ("STADTBUS-PULL", json!({}), json!([])),
        (
            "STADTBUS-SSE",
            json!({}),
            json!([{"exact": {"source": "urn:teststadt:werk:sys"}}]),
        ),
    ];
    for (protocol, settings, filters) in settings {
        let order = with(&[
            ("/id", json!("chosen-by-the-client")),
            ("/status", json!({"anything": 1})),
            ("/protocol", json!(protocol)),
            ("/protocolsettings", settings),
            ("/filters", filters),
            ("/source", json!("urn:teststadt:werk:sys")),
        ]);
        let draft = Draft::read(order.to_string().as_bytes(), &owner()).unwrap();
        assert_eq!(draft.judge(&city(), SystemTime::now()), [], "{protocol}");
        let id = SubscriptionId::parse("amt-1").unwrap();
        let shown = Representation::of(&draft.named(id.clone()).subscription);
        assert_eq!((shown.id.as_str(), shown.protocol.as_str()), ("amt-1", protocol));
        let back = serde_json::to_vec(&shown).unwrap();
        let again = Draft::read(&back, &PartnerId::parse("werk").unwrap())
            .unwrap()
            .named(id);
        assert_eq!(Representation::of(&again.subscription), shown, "{protocol}");
    }
}

#[test]
fn an_order_that_the_city_makes_impossible_is_named() {
    let mut city = city();
    let draft = Draft::read(good().to_string().as_bytes(), &owner()).unwrap();
    let id = SubscriptionId::parse("amt-1").unwrap();
    city.ordered
        .insert(id.clone(), draft.named(id.clone()).subscription);
    assert_eq!(impossible(&city, SystemTime::now()), []);
    let mut next = City {
        ordered: Default::default(),
        ..city.clone()
    };
    next.contracts
        .retain(|contract| contract.event_type.as_str() != TYPE);
    next.subscriptions.clear();
    next.routes.clear();
    next.keep_orders_of(&city);
    let found = impossible(&next, SystemTime::now());
    assert_eq!(
        found
            .iter()
            .map(|(id, why)| (id.as_str(), why.code))
            .collect::<Vec<_>>(),
        [("amt-1", "SB-5006")]
    );
    // A folder that defines the same subscription of the same partner takes it over.
    let mut moved = City {
        ordered: Default::default(),
        ..city.clone()
    };
    moved.subscriptions.insert(id.clone(), city.ordered[&id].clone());
    moved.keep_orders_of(&city);
    assert!(moved.ordered.is_empty());
    // Of another partner it is a contradiction.
    moved.subscriptions[&id].partner = PartnerId::parse("werk").unwrap();
    moved.keep_orders_of(&city);
    assert_eq!(impossible(&moved, SystemTime::now())[0].1.code, "SB-5007");
}
