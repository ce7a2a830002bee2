//! Who is speaking: every token that is not exactly right is refused, and says nothing about why it nearly was.

use serde_json::{Value, json};
use stadtbus_harness::{Issuer, Mode, TokenParts};

use crate::city::CityFolder;
use crate::support::{event, world};

struct Forged {
    name: &'static str,
    token: String,
    status: u16,
    codes: &'static [&'static str],
}

/// Tokens made from a good one by one change each.
async fn forgeries(issuer: &Issuer, foreign: &Issuer) -> Vec<Forged> {
    let good = issuer.issue("werk", "sender", "publish").await.unwrap();
    let parts = TokenParts::of(&good).unwrap();
    let now = parts.claims["iat"].as_i64().unwrap();
    let claim = |name: &str, value: Value| {
        let mut parts = parts.clone();
        set(&mut parts.claims, name, value);
        issuer.sign(&parts).unwrap()
    };
    let header = |name: &str, value: Value| {
        let mut parts = parts.clone();
        set(&mut parts.header, name, value);
        issuer.sign(&parts).unwrap()
    };
    let none = {
        let mut parts = parts.clone();
        set(&mut parts.header, "alg", json!("none"));
        format!("{}.", parts.unsigned())
    };
    let signature = good.rsplit_once('.').unwrap().1;
    let table: Vec<(&'static str, String, u16, &'static [&'static str])> = vec![
        ("no token", String::new(), 401, &["SB-1301"]),
        ("not a token", "abc".to_owned(), 401, &["SB-1302"]),
        ("alg none", none, 401, &["SB-1302"]),
        ("alg HS256", header("alg", json!("HS256")), 401, &["SB-1302"]),
        (
            "unknown kid",
            header("kid", json!("../../etc/passwd")),
            401,
            &["SB-1302"],
        ),
        (
            "key in the header",
            header("jwk", json!({"kty": "OKP"})),
            401,
            &["SB-1302", "none"],
        ),
        ("critical header", header("crit", json!(["x"])), 401, &["SB-1302"]),
        ("foreign key", foreign.sign(&parts).unwrap(), 401, &["SB-1302"]),
        (
            "signature cut",
            good[..good.len() - 4].to_owned(),
            401,
            &["SB-1302"],
        ),
        (
            "claims of another",
            format!(
                "{}.{signature}",
                claim("sub", json!("fremd/sender")).rsplit_once('.').unwrap().0
            ),
            401,
            &["SB-1302"],
        ),
        ("expired", claim("exp", json!(now - 3600)), 401, &["SB-1303"]),
        (
            "no expiry",
            claim("exp", Value::Null),
            401,
            &["SB-1302", "SB-1303"],
        ),
        (
            "expiry that is text",
            claim("exp", json!("morgen")),
            401,
            &["SB-1302", "SB-1303"],
        ),
        (
            "not yet valid",
            claim("nbf", json!(now + 3600)),
            401,
            &["SB-1303"],
        ),
        (
            "issuer of others",
            claim("iss", json!("anderswo")),
            401,
            &["SB-1304", "SB-1302"],
        ),
        (
            "audience of others",
            claim("aud", json!("anderswo")),
            401,
            &["SB-1304"],
        ),
        (
            "no audience",
            claim("aud", Value::Null),
            401,
            &["SB-1304", "SB-1302"],
        ),
        ("no subject", claim("sub", Value::Null), 403, &["SB-1307"]),
        (
            "subject without system",
            claim("sub", json!("werk")),
            403,
            &["SB-1307"],
        ),
        (
            "unknown partner",
            claim("sub", json!("niemand/sender")),
            403,
            &["SB-1307"],
        ),
        (
            "unknown system",
            claim("sub", json!("werk/keines")),
            403,
            &["SB-1307"],
        ),
        ("no scope", claim("scope", json!("subscribe")), 403, &["SB-1305"]),
    ];
    table
        .into_iter()
        .map(|(name, token, status, codes)| Forged {
            name,
            token,
            status,
            codes,
        })
        .collect()
}

fn set(object: &mut Value, name: &str, value: Value) {
    let object = object.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
}

#[tokio::test]
async fn every_forged_token_is_refused() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let dir = tempfile::tempdir().unwrap();
    let foreign = Issuer::create(dir.path()).await.unwrap();
    let mut wrong = Vec::new();
    for forged in forgeries(&world.issuer, &foreign).await {
        let answer = world
            .bus
            .client(&forged.token)
            .publish(&event("f-1", 1), Mode::Structured)
            .await
            .unwrap();
        // A header parameter that must be ignored may leave a token good; everything else is refused.
        if forged.codes.contains(&"none") && answer.status == 202 {
            continue;
        }
        if answer.status != forged.status || !forged.codes.contains(&answer.code().as_str()) {
            wrong.push(format!("{}: {} {}", forged.name, answer.status, answer.text()));
        }
        if answer.status == 401 && answer.header("www-authenticate").is_empty() {
            wrong.push(format!("{}: 401 without WWW-Authenticate", forged.name));
        }
        if forged.token.len() > 20
            && (answer.text().contains(&forged.token) || world.bus.log_text().contains(&forged.token))
        {
            wrong.push(format!("{}: the token is repeated", forged.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_scope_is_not_enough_where_the_city_gives_no_permission() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    // `empfang` may only subscribe and `sender` may not operate, whatever their tokens claim.
    let empfang = world
        .client("amt", "empfang", "publish subscribe operate")
        .await
        .unwrap();
    let sender = world
        .client("werk", "sender", "publish subscribe operate")
        .await
        .unwrap();
    let answers = [
        (
            "publishing as a recipient",
            empfang.publish(&event("p-1", 1), Mode::Structured).await.unwrap(),
        ),
        (
            "applying as a publisher",
            sender
                .put("/v1/city", &json!({"city": {}, "components": {}}))
                .await
                .unwrap(),
        ),
        (
            "another's subscription",
            sender
                .post("/v1/subscriptions/amt-alles/receive", &json!({"max": 1}))
                .await
                .unwrap(),
        ),
        (
            "pausing another's subscription",
            sender
                .post("/v1/subscriptions/amt-alles/pause", &json!({}))
                .await
                .unwrap(),
        ),
        (
            "retrying another's dead letters",
            sender
                .post("/v1/dead-letters/retry", &json!({"subscription": "amt-alles"}))
                .await
                .unwrap(),
        ),
    ];
    let wrong: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| {
            !(answer.status == 403 || answer.status == 404) || !answer.code().starts_with("SB-")
        })
        .map(|(name, answer)| format!("{name}: {} {}", answer.status, answer.text()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_door_but_health_and_metrics_asks_for_a_token() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let nobody = world.bus.client("");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(nobody.get(path).await.unwrap().status, 200, "{path}");
    }
    for path in [
        "/v1/subscriptions",
        "/v1/subscriptions/x",
        "/v1/dead-letters",
        "/v1/status",
        "/v1/tap",
        "/v1/events/werk/x/journey",
        "/v1/journey/LOG_WERK/1",
    ] {
        let answer = nobody.get(path).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "SB-1301"),
            "{path}"
        );
    }
    for path in [
        "/v1/events",
        "/v1/ingest/x",
        "/v1/subscriptions",
        "/v1/subscriptions:test",
        "/v1/subscriptions/x/receive",
        "/v1/city/plan",
        "/v1/dead-letters/retry",
    ] {
        let answer = nobody.post(path, &json!({})).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "SB-1301"),
            "{path}"
        );
    }
    assert_eq!(nobody.put("/v1/city", &json!({})).await.unwrap().status, 401);
}
