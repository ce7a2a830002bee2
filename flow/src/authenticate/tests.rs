use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;

use super::*;

mod table;
mod world;

use table::{Row, claim_rows, form_rows, header_rows};
use world::{AUDIENCE, ISSUER, World, now_s};

#[test]
fn every_token_is_judged_as_the_table_says() {
    let world = World::new();
    let verifier = Verifier::new(world.config()).unwrap();
    let rows: Vec<Row> = [header_rows(&world), claim_rows(&world), form_rows(&world)].concat();
    assert!(rows.len() >= 60, "{} tokens", rows.len());
    let names: BTreeMap<&str, ()> = rows.iter().map(|row| (row.0, ())).collect();
    assert_eq!(names.len(), rows.len(), "each row has its own name");
    let judge = |token: &str| {
        let verdict = verifier.verify(Some(&format!("Bearer {token}")));
        if let Err(error) = &verdict {
            let text = format!("{error} {}", error.hint());
            assert!(
                !token.split('.').any(|part| part.len() > 8 && text.contains(part)),
                "{text} repeats the token"
            );
        }
        verdict.map(|_| ()).map_err(|error| error.code())
    };
    let wrong: Vec<_> = rows
        .iter()
        // Twice: what was refused once is refused again, what was remembered is remembered rightly.
        .flat_map(|row| [row, row])
        .map(|(name, token, expected)| (*name, judge(token), *expected))
        .filter(|(_, found, expected)| found != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_a_bearer_header_is_looked_at() {
    let world = World::new();
    let verifier = Verifier::new(world.config()).unwrap();
    let good = world.own_token(json!({}), json!({}));
    for (header, expected) in [
        (None, Err("SB-1301")),
        (Some(String::new()), Err("SB-1301")),
        (Some("Bearer".into()), Err("SB-1301")),
        (Some("Basic bmduOng=".into()), Err("SB-1301")),
        (Some(good.clone()), Err("SB-1301")),
        (Some(format!("DPoP {good}")), Err("SB-1301")),
        (Some(format!("Bearer {good}, Bearer {good}")), Err("SB-1302")),
        (Some(format!("bearer {good}")), Ok(())),
        (Some(format!("BEARER   {good} ")), Ok(())),
    ] {
        let verdict = verifier
            .verify(header.as_deref())
            .map(|_| ())
            .map_err(|error| error.code());
        assert_eq!(verdict, expected, "{header:?}");
    }
}

#[test]
fn a_token_says_who_and_what() {
    let world = World::new();
    let verifier = Verifier::new(world.config()).unwrap();
    let request = TokenRequest {
        partner: PartnerId::parse("fb37").unwrap(),
        system: SystemId::parse("leitstelle").unwrap(),
        scopes: Scopes::parse("subscribe operate").unwrap(),
        ttl: Duration::from_secs(3600),
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
    };
    let before = now_s();
    let token = world.own.issue(&request).unwrap();
    let principal = verifier.verify(Some(&format!("Bearer {token}"))).unwrap();
    assert_eq!(
        (principal.partner.as_str(), principal.system.as_str()),
        ("fb37", "leitstelle")
    );
    assert_eq!(
        principal.scopes,
        Scopes {
            publish: false,
            subscribe: true,
            operate: true
        }
    );
    let expires_s = principal
        .expires_at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!((before + 3600..=now_s() + 3600).contains(&expires_s));
    assert_eq!(principal.token_id.len(), 36);
    assert_eq!(principal.require_publish().unwrap_err().code(), "SB-1305");
    principal.require_subscribe().unwrap();
    principal.require_operate().unwrap();
    let other = verifier
        .verify(Some(&format!("Bearer {}", world.own.issue(&request).unwrap())))
        .unwrap();
    assert_ne!(other.token_id, principal.token_id);

    let none = verifier
        .verify(Some(&format!(
            "Bearer {}",
            world.own_token(json!({}), json!({"scope": null}))
        )))
        .unwrap();
    assert_eq!(none.scopes, Scopes::default());
    let strange = json!({"scope": "openid publish  admin PUBLISH", "jti": null});
    let strange = verifier
        .verify(Some(&format!("Bearer {}", world.own_token(json!({}), strange))))
        .unwrap();
    assert_eq!(
        strange.scopes,
        Scopes {
            publish: true,
            ..Scopes::default()
        }
    );
    assert_eq!(strange.token_id.len(), 32);
}

#[test]
fn the_issuer_refuses_tokens_without_sense() {
    let issuer = Issuer::from_pem(&generate_key().unwrap()).unwrap();
    let good = TokenRequest {
        partner: PartnerId::parse("ngn").unwrap(),
        system: SystemId::parse("leitwarte").unwrap(),
        scopes: Scopes::default().with(Scope::Publish),
        ttl: TOKEN_TTL_MAX,
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
    };
    issuer.issue(&good).unwrap();
    for bad in [
        TokenRequest {
            ttl: Duration::ZERO,
            ..good.clone()
        },
        TokenRequest {
            ttl: TOKEN_TTL_MAX + Duration::from_secs(1),
            ..good.clone()
        },
        TokenRequest {
            scopes: Scopes::default(),
            ..good.clone()
        },
        TokenRequest {
            issuer: String::new(),
            ..good.clone()
        },
        TokenRequest {
            audience: String::new(),
            ..good.clone()
        },
    ] {
        assert_eq!(issuer.issue(&bad).unwrap_err().code(), "SB-1007", "{bad:?}");
    }
}

#[test]
fn keys_are_what_they_should_be() {
    let world = World::new();
    assert_ne!(generate_key().unwrap(), world.own_pem);
    assert!(world.own_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(world.own_pem.lines().all(|line| line.len() <= 64));
    assert!(!format!("{:?}", world.own).contains(world.own_pem.lines().nth(1).unwrap()));
    // RFC 8037 appendix A: the key and its thumbprint.
    let seed = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap();
    let mut der = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    der.extend(seed);
    let text = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der)
    );
    assert_eq!(
        Issuer::from_pem(&text).unwrap().key_id(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    for bad in [
        "",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        world.own.public_pem(),
        "AAAA",
    ] {
        assert_eq!(Issuer::from_pem(bad).unwrap_err().code(), "SB-1007");
    }

    let with = |algorithm, pem: &str| {
        let mut config = world.config();
        config.issuers[0].algorithm = algorithm;
        config.issuers[0].keys[0].public_pem = pem.to_owned();
        Verifier::new(config).map(|_| ())
    };
    let (ec, p384) = (World::ec_pem(&world.ec), World::ec_pem(&world.p384));
    with(SignatureAlgorithm::Es256, &ec).unwrap();
    for (algorithm, pem) in [
        (SignatureAlgorithm::Es256, p384.as_str()),
        (SignatureAlgorithm::Es256, world.own.public_pem()),
        (SignatureAlgorithm::EdDsa, ec.as_str()),
        (SignatureAlgorithm::EdDsa, world.own_pem.as_str()),
        (SignatureAlgorithm::EdDsa, "nonsense"),
    ] {
        assert!(with(algorithm, pem).is_err(), "{algorithm:?} {pem}");
    }
    let mut twice = world.config();
    let key = twice.issuers[0].keys[0].clone();
    twice.issuers[0].keys.push(key);
    assert!(Verifier::new(twice).is_err());
    let mut twice = world.config();
    let issuer = twice.issuers[0].clone();
    twice.issuers.push(issuer);
    assert!(Verifier::new(twice).is_err());
}

#[test]
fn a_repeat_comes_from_memory_and_a_changed_trust_forgets() {
    let world = World::new();
    let verifier = Verifier::new(world.config()).unwrap();
    let header = format!("Bearer {}", world.own_token(json!({}), json!({})));
    let first = verifier.verify(Some(&header)).unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify(Some(&header)).unwrap()));
    assert_eq!(verifier.remembered(), 1);

    // The key is replaced while tokens are on their way.
    let next = Issuer::from_pem(&generate_key().unwrap()).unwrap();
    let mut both = world.config();
    both.issuers[0].keys.push(TrustedKey {
        key_id: next.key_id().into(),
        public_pem: next.public_pem().into(),
    });
    verifier.reload(both.clone()).unwrap();
    assert!(
        !Arc::ptr_eq(&first, &verifier.verify(Some(&header)).unwrap()),
        "verified anew"
    );
    both.issuers[0].keys.remove(0);
    verifier.reload(both).unwrap();
    assert_eq!(verifier.verify(Some(&header)).unwrap_err().code(), "SB-1302");
    assert!(
        verifier
            .reload(VerifierConfig {
                issuers: vec![bad_issuer()],
                ..VerifierConfig::default()
            })
            .is_err()
    );
    assert_eq!(
        verifier.verify(Some(&header)).unwrap_err().code(),
        "SB-1302",
        "a bad change changes nothing"
    );
}

fn bad_issuer() -> TrustedIssuer {
    TrustedIssuer {
        issuer: String::new(),
        audience: AUDIENCE.into(),
        algorithm: SignatureAlgorithm::EdDsa,
        keys: Vec::new(),
    }
}

#[test]
fn memory_is_bounded_and_ends_with_the_token() {
    let world = World::new();
    let verifier = Verifier::new(VerifierConfig {
        cache_entries_max: 4,
        ..world.config()
    })
    .unwrap();
    for n in 0..20 {
        let header = format!(
            "Bearer {}",
            world.own_token(json!({}), json!({"jti": format!("j-{n}")}))
        );
        verifier.verify(Some(&header)).unwrap();
        verifier.verify(Some("Bearer a.b.c")).unwrap_err();
        assert!(verifier.remembered() <= 4);
    }
    assert_eq!(verifier.remembered(), 4);

    let cache = super::cache::Cache::new(2);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let leeway = Duration::from_secs(30);
    let principal = |ends_s: u64| {
        Arc::new(Principal {
            partner: PartnerId::parse("ngn").unwrap(),
            system: SystemId::parse("leitwarte").unwrap(),
            scopes: Scopes::default(),
            token_id: "t".into(),
            expires_at: start + Duration::from_secs(ends_s),
        })
    };
    let later = |s: u64| start + Duration::from_secs(s);
    cache.put([1; 32], principal(100), start, leeway);
    cache.put([2; 32], principal(10), start, leeway);
    assert!(
        cache.get(&[2; 32], later(40), leeway).is_some(),
        "the leeway counts"
    );
    assert!(cache.get(&[2; 32], later(41), leeway).is_none(), "it is over");
    cache.put([3; 32], principal(100), later(41), leeway);
    assert!(
        cache.get(&[1; 32], later(41), leeway).is_some(),
        "what is over makes room before what is older"
    );
    cache.put([4; 32], principal(100), later(41), leeway);
    assert!(
        cache.get(&[1; 32], later(41), leeway).is_none(),
        "the oldest makes room"
    );
    assert!(cache.get(&[3; 32], later(41), leeway).is_some());
}

/// A new version of the library must not loosen a rule unseen.
#[test]
fn every_rule_of_the_library_is_set() {
    let rules = super::verifier::validation(jsonwebtoken::Algorithm::EdDSA, "i", "a", 30);
    let only = |name: &str| Some(std::collections::HashSet::from([name.to_owned()]));
    assert_eq!(
        rules,
        jsonwebtoken::Validation {
            required_spec_claims: ["exp", "aud", "iss", "sub"].map(str::to_owned).into(),
            leeway: 30,
            reject_tokens_expiring_in_less_than: 0,
            validate_exp: true,
            validate_nbf: true,
            validate_aud: true,
            aud: only("a"),
            iss: only("i"),
            sub: None,
            algorithms: vec![jsonwebtoken::Algorithm::EdDSA],
        }
    );
}

/// `cargo test --release -p stadtbus-flow -- --ignored --nocapture the_cost_of_a_token`
#[test]
#[ignore = "a measurement, not a check"]
fn the_cost_of_a_token() {
    let world = World::new();
    let verifier = Verifier::new(world.config()).unwrap();
    let header = format!("Bearer {}", world.own_token(json!({}), json!({})));
    let measure = |verifier: &Verifier, runs: u32| {
        let start = std::time::Instant::now();
        for _ in 0..runs {
            verifier.verify(Some(&header)).unwrap();
        }
        start.elapsed() / runs
    };
    let forgetful = Verifier::new(VerifierConfig {
        cache_entries_max: 0,
        ..world.config()
    })
    .unwrap();
    println!(
        "verified {:?}, repeated {:?}",
        measure(&forgetful, 2_000),
        measure(&verifier, 200_000)
    );
}
