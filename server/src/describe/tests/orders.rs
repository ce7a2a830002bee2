//! Orders, how they stand and how they are tried: what is described against what is written and read.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_contracts::{
    Severity, Subscription, Text,
    order::{Draft, Fault},
};
use stadtbus_event::PartnerId;
use stadtbus_flow::{
    city::Impossible,
    journey::DryRun,
    lanes::{
        Broken, LaneReport, Pause, Sight,
        watch::{Quiet, Watch},
    },
};

use super::{
    city::{PURPOSE, city},
    types::{judge, listed, members},
};
use crate::{describe::openapi::components, http::written};

fn sight(quiet: Option<Quiet>) -> Sight {
    Sight {
        watch: Watch {
            since_ms: 1_767_225_600_000,
            matched_ms: 0,
            selection: String::new(),
        },
        quiet,
        unmatched_for: Duration::from_secs(100_000),
    }
}

fn report(sight: &Sight) -> LaneReport {
    LaneReport {
        subscription: "amt-e".to_owned(),
        partner: "amt".to_owned(),
        lag: 1,
        waiting: 2,
        parked: 2,
        parked_keys: 1,
        leased: 3,
        oldest_age: Duration::from_millis(1500),
        level: true,
        breaker: Some(Broken {
            since_ms: 1_767_225_600_000,
            failures: 20,
            next: Some(Duration::from_secs(5)),
        }),
        plugin_breaker: Some(Broken {
            since_ms: 1_767_225_600_000,
            failures: 20,
            next: None,
        }),
        paused: Some(Pause {
            code: "SB-2004".to_owned(),
            reason: "Pause".to_owned(),
        }),
        balance: None,
        sight: sight.clone(),
    }
}

#[test]
fn a_subscription_is_shown_as_described() {
    let fault = Fault {
        code: "SB-5017",
        severity: Severity::Warning,
        pointer: "/filters/0".to_owned(),
        detail: Text::new("seltsam", "odd"),
        hint: None,
    };
    let sample = city();
    let quiets = [
        None,
        Some(Quiet::NoMatch),
        Some(Quiet::NoEvents),
        Some(Quiet::NotPermitted("SB-1308")),
    ];
    for (id, quiet) in ["amt-a", "amt-b", "amt-c", "amt-d"].into_iter().zip(quiets) {
        let subscription: Subscription = serde_json::from_value(sample["subscriptions"][id].clone()).unwrap();
        let sight = sight(quiet);
        let elsewhere = written(&subscription, false, None, &sight, &[]);
        let here = written(
            &subscription,
            true,
            Some(&report(&sight)),
            &sight,
            std::slice::from_ref(&fault),
        );
        for shown in [&elsewhere["shown"], &here["shown"]] {
            assert_eq!(judge("ShownSubscription", shown), Vec::<String>::new(), "{shown}");
        }
        assert_eq!(judge("LaneReport", &here["lane"]), Vec::<String>::new());
        assert_eq!(members(&here["lane"]), listed("LaneReport"));
        let mut status = members(&here["shown"]["status"]);
        status.extend(members(&elsewhere["shown"]["status"]));
        assert_eq!(status, listed("SubscriptionStatus"));
        if id == "amt-a" {
            // The others have no settings.
            assert_eq!(members(&here["shown"]), listed("ShownSubscription"));
        }
        let described = &components()["ShownSubscription"]["properties"]["config"]["properties"];
        assert_eq!(members(&here["shown"]["config"]), members(described));
    }
}

#[test]
fn what_is_shown_can_be_sent_back() {
    let sample = city();
    for id in ["amt-a", "amt-b", "amt-c", "amt-d"] {
        let subscription: Subscription = serde_json::from_value(sample["subscriptions"][id].clone()).unwrap();
        let sight = sight(None);
        let shown = written(&subscription, true, Some(&report(&sight)), &sight, &[])["shown"].clone();
        assert_eq!(
            judge("SubscriptionOrder", &shown),
            Vec::<String>::new(),
            "{id} by schema"
        );
        let read = Draft::read(shown.to_string().as_bytes(), &subscription.partner);
        assert!(read.is_ok(), "{id} by type: {read:?}");
    }
}

#[test]
fn an_order_is_the_one_that_is_read() {
    let owner = PartnerId::parse("amt").unwrap();
    let token = json!({"credentialtype": "ACCESSTOKEN", "accesstoken": "abc", "accesstokentype": "bearer"});
    let plain = json!({"credentialtype": "PLAIN", "identifier": "amt", "secret": "geheim wort"});
    for (name, pointer, value, good) in [
        ("as it is", "/id", json!("x"), true),
        ("what is the bus's to say", "/status", json!({"lag": 1}), true),
        ("token", "/sinkcredential", token, true),
        ("password", "/sinkcredential", plain, true),
        (
            "token to be fetched",
            "/sinkcredential",
            json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": "https://a.example/t", "clientid": "a", "clientsecret": "b", "scope": "c"}),
            true,
        ),
        (
            "certificate",
            "/sinkcredential",
            json!({"credentialtype": "CLIENTCERTIFICATE", "certificate": "-", "privatekey": "-", "authority": "-"}),
            true,
        ),
        (
            "certificate without its key",
            "/sinkcredential",
            json!({"credentialtype": "CLIENTCERTIFICATE", "certificate": "-"}),
            false,
        ),
        (
            "token to be fetched by nobody",
            "/sinkcredential",
            json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": "https://a.example/t", "clientsecret": "b"}),
            false,
        ),
        ("no credential", "/sinkcredential", Value::Null, true),
        (
            "token to be traded",
            "/sinkcredential",
            json!({"credentialtype": "REFRESHTOKEN"}),
            false,
        ),
        (
            "user with a colon",
            "/sinkcredential",
            json!({"credentialtype": "PLAIN", "identifier": "a:b", "secret": "c"}),
            false,
        ),
        ("source", "/source", json!("urn:a"), true),
        ("empty source", "/source", json!(" "), false),
        ("no types", "/types", json!([]), false),
        ("type", "/types", json!(["Ä"]), false),
        ("protocol", "/protocol", json!("http"), false),
        ("way of its own", "/protocol", json!("MQTT"), false),
        ("mode", "/protocolsettings", json!({"mode": "binary"}), true),
        ("method", "/protocolsettings", json!({"method": "PUT"}), false),
        ("headers", "/protocolsettings", json!({"headers": {}}), false),
        (
            "data",
            "/filters",
            json!([{"x-data": {"/a": {"atLeast": 3}}}]),
            true,
        ),
        ("filter", "/filters", json!([{"exactly": {"id": "a"}}]), false),
        ("partner", "/config/partner", json!("AMT"), false),
        ("delivery", "/config/delivery", json!({"concurrency": 0}), false),
        (
            "order by key",
            "/config/order",
            json!({"by": "partitionkey"}),
            true,
        ),
        (
            "order by data",
            "/config/order",
            json!({"by": "/a~1b/0", "on_failure": "dead-letter"}),
            true,
        ),
        (
            "order by what cannot be",
            "/config/order",
            json!({"by": "a-b"}),
            false,
        ),
        ("order by nothing", "/config/order", json!({}), false),
        ("more", "/more", json!(1), false),
        ("more of the bus", "/config/more", json!(1), false),
    ] {
        let mut order = json!({
            "types": ["de.probe.offen.v1"], "sink": "https://amt.example/", "protocol": "HTTP", "config": {"purpose": PURPOSE},
        });
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        order.pointer_mut(parent).unwrap()[member] = value;
        let read = Draft::read(order.to_string().as_bytes(), &owner);
        assert_eq!(read.is_ok(), good, "{name} by type: {read:?}");
        assert_eq!(
            judge("SubscriptionOrder", &order).is_empty(),
            good,
            "{name} by schema"
        );
    }
}

#[test]
fn a_dry_run_and_a_plan_are_written_as_described() {
    let verdict = json!({
        "subscription": "amt-a", "partner": "amt", "outcome": "refused", "detail": "no", "detail_de": "nein", "rule": "purpose",
        "code": "SB-1308", "purpose": PURPOSE, "agreement": "urn:a",
    });
    let run = json!({
        "event": {"id": "1", "source": "urn:a", "type": "a.b"},
        "acceptable": {"accepted": false, "publisher": "werk", "contract": "urn:a@1.0.0", "code": "SB-1203", "pointer": "/data",
            "detail": "no", "hint": "yes"},
        "subscriptions": [verdict], "proposed": verdict,
    });
    let typed: DryRun = serde_json::from_value(run).unwrap();
    let impossible = Impossible {
        subscription: "amt-e".to_owned(),
        code: "SB-5003",
        detail: "no".to_owned(),
        hint: Some("yes".to_owned()),
    };
    for (name, value) in [
        ("DryRun", json!(typed)),
        ("Acceptable", json!(typed.acceptable)),
        ("Verdict", json!(typed.subscriptions[0])),
        ("ImpossibleOrder", json!(impossible)),
    ] {
        assert_eq!(judge(name, &value), Vec::<String>::new(), "{name}");
        assert_eq!(members(&value), listed(name), "{name}");
    }
}
