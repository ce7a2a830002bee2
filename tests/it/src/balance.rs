//! What was accepted for a subscription is what became of it, and nothing else: at every moment, whatever dies.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stadtbus_harness::{Bus, BusOptions, Client, Failure, Receiver, Reply, World, eventually};

use crate::city::{CityFolder, PURPOSE, QUICK, TYPE};
use crate::support::{LATER, LEASE, SOON, changed, event, list, publish, recipient, sender, world_with};

/// A policy whose second attempt is scheduled far away.
const PATIENT: &str = "attempts_max: 3, first_delay_ms: 600000, delay_ms_max: 600000, timeout_ms: 1000";

/// The heads of an account that are not 0.
type Heads = BTreeMap<String, i64>;

fn heads(told: &[(&str, i64)]) -> Heads {
    told.iter()
        .map(|(head, events)| ((*head).to_owned(), *events))
        .collect()
}

fn told(balance: &Value) -> Heads {
    let numbers = balance.as_object().unwrap().iter();
    numbers
        .filter_map(|(head, value)| Some((head.clone(), value.as_i64().filter(|n| *n != 0)?)))
        .collect()
}

async fn ask(client: &Client, subscription: &str) -> Result<Value, Failure> {
    let path = format!("/v1/subscriptions/{subscription}/balance");
    Ok(client.get(&path).await?.expect(200)?.json())
}

/// Waits until the accounts stand like this. Until then each of them adds up all the same, whenever it is asked.
async fn until(client: &Client, expected: &[(&str, &[(&str, i64)])]) {
    for (subscription, expected) in expected {
        let expected = heads(expected);
        eventually(
            LATER,
            &format!("the balance of {subscription}: {expected:?}"),
            || async {
                let balance = ask(client, subscription).await?;
                assert_eq!(balance["difference"], json!(0), "{balance}");
                if told(&balance) == expected {
                    Ok(())
                } else {
                    Err(Failure::new(balance.to_string()))
                }
            },
        )
        .await
        .unwrap();
    }
}

/// Whether the receiver takes what it is sent.
fn taking(receiver: &Receiver) {
    receiver.set_steady(Reply::Status(204));
}

/// One subscription for each head, and what each will have come to.
const STANDING: &[(&str, &[(&str, i64)])] = &[
    (
        "amt-alles",
        &[("accepted", 5), ("delivered", 2), ("expired", 1), ("pending", 2)],
    ),
    (
        "amt-bekommt",
        &[("accepted", 5), ("delivered", 4), ("expired", 1)],
    ),
    ("amt-filtert", &[("accepted", 5), ("filtered", 5)]),
    ("amt-folge", &[("accepted", 5), ("expired", 1), ("parked", 4)]),
    (
        "amt-lehnt-ab",
        &[("accepted", 5), ("dead_lettered", 4), ("expired", 1)],
    ),
    ("amt-wartet", &[("accepted", 5), ("expired", 1), ("pending", 4)]),
    ("fremd-alles", &[("accepted", 5), ("refused", 5)]),
];

struct Stage {
    world: World,
    options: BusOptions,
    refusing: Receiver,
    failing: Receiver,
    _away: Receiver,
    _taking: Receiver,
    operator: Client,
    amt: Client,
    sender: Client,
}

async fn stage() -> Stage {
    let receiver = async |status| {
        let receiver = Receiver::start().await.unwrap();
        receiver.set_steady(Reply::Status(status));
        receiver
    };
    let (refusing, failing) = (receiver(400).await, receiver(500).await);
    let (away, taking) = (receiver(503).await, receiver(204).await);
    let city = CityFolder::new();
    city.webhook("amt-bekommt", &taking.url("/t"), QUICK);
    city.webhook("amt-lehnt-ab", &refusing.url("/r"), QUICK);
    city.webhook("amt-wartet", &away.url("/w"), PATIENT);
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city.subscribe(
        "amt-filtert",
        "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]",
    );
    let url = failing.url("/f");
    city.subscribe(
        "amt-folge",
        &format!("sink: {{webhook: {{url: \"{url}\"}}}}\norder: {{by: /nr}}\ndelivery: {{{QUICK}}}"),
    );
    city.subscribe_as("fremd", "fremd-alles", TYPE, PURPOSE, "sink: {pull: {}}");
    let options = BusOptions {
        extra_config: "[limits]\nlease_ttl_ms = 2000\nbalance_look_s = 1\n".to_owned(),
        ..BusOptions::default()
    };
    let world = world_with(&city, options.clone()).await;
    Stage {
        operator: world.client("stadt", "betrieb", "operate").await.unwrap(),
        amt: recipient(&world).await,
        sender: sender(&world).await,
        world,
        options,
        refusing,
        failing,
        _away: away,
        _taking: taking,
    }
}

impl Stage {
    /// One event too late, four in time; two of them are taken.
    async fn play(&self) {
        let late = changed(event("zu-spaet", 1), "expirytime", json!("2026-01-01T00:00:00Z"));
        publish(&self.sender, &late).await;
        for n in 1..=4 {
            publish(&self.sender, &event(&format!("b-{n}"), n)).await;
        }
        self.take(2).await;
    }

    async fn take(&self, count: u32) {
        let mut taken = 0;
        while taken < count {
            let events = self
                .amt
                .receive("amt-alles", count - taken, SOON, LEASE)
                .await
                .unwrap();
            self.amt
                .settle("amt-alles", "acknowledge", &events, json!({}))
                .await
                .unwrap()
                .expect(200)
                .unwrap();
            taken += u32::try_from(events.len()).unwrap();
        }
    }

    /// Waits until so many were accepted for the pull subscription, and takes all of them if asked to.
    async fn taken(&self, accepted: i64, all: bool) {
        eventually(LATER, "all of the pull subscription", || async {
            if all {
                let events = self.amt.receive("amt-alles", 10, SOON / 10, LEASE).await?;
                self.amt
                    .settle("amt-alles", "acknowledge", &events, json!({}))
                    .await?;
            }
            let balance = ask(&self.amt, "amt-alles").await?;
            assert_eq!(balance["difference"], json!(0), "{balance}");
            if balance["accepted"] == json!(accepted) && (!all || balance["pending"] == json!(0)) {
                Ok(())
            } else {
                Err(Failure::new(balance.to_string()))
            }
        })
        .await
        .unwrap();
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.amt.post(path, &body).await.unwrap();
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer.json()
    }
}

#[tokio::test]
async fn every_event_is_under_one_head_over_crashes_and_second_tries() {
    let mut stage = stage().await;
    stage.play().await;
    until(&stage.operator, STANDING).await;

    // Whatever the crash repeats, nothing is counted twice. Only what a receiver acknowledged a moment before is open again.
    stage.world.bus.kill_hard().await.unwrap();
    stage.world.bus.start_again().await.unwrap();
    until(&stage.operator, &STANDING[1..]).await;

    // Standing still loses nothing, and nothing is settled by it.
    stage.post("/v1/subscriptions/amt-alles/pause", json!({})).await;
    publish(&stage.sender, &event("b-5", 5)).await;
    stage.taken(6, false).await;
    stage.post("/v1/subscriptions/amt-alles/resume", json!({})).await;
    stage.taken(6, true).await;

    // A second time is a replay's, and no business of the balance.
    let replays = "/v1/subscriptions/amt-bekommt/replays";
    stage.post(replays, json!({"from_position": 1})).await;
    stage._taking.wait_for("/t", 9, LATER).await.unwrap();

    // What was given up and what was parked come to another end.
    let given_up: &[_] = &[("accepted", 6), ("dead_lettered", 5), ("expired", 1)];
    until(&stage.operator, &[("amt-lehnt-ab", given_up)]).await;
    taking(&stage.refusing);
    taking(&stage.failing);
    stage
        .post("/v1/dead-letters/retry", json!({"subscription": "amt-lehnt-ab"}))
        .await;
    let parked = stage
        .amt
        .get("/v1/subscriptions/amt-folge/parked")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let key = list(&parked)[0]["id"].as_str().unwrap().to_owned();
    let resume = format!("/v1/subscriptions/amt-folge/parked/{key}/resume");
    stage.post(&resume, json!({})).await;
    let all_delivered: &[_] = &[("accepted", 6), ("delivered", 5), ("expired", 1)];
    let after: &[(&str, &[_])] = &[
        ("amt-alles", all_delivered),
        ("amt-bekommt", all_delivered),
        ("amt-filtert", &[("accepted", 6), ("filtered", 6)]),
        ("amt-folge", all_delivered),
        ("amt-lehnt-ab", all_delivered),
        ("amt-wartet", &[("accepted", 6), ("expired", 1), ("pending", 5)]),
        ("fremd-alles", &[("accepted", 6), ("refused", 6)]),
    ];
    until(&stage.operator, after).await;
    taken_over(stage, after).await;
}

/// Another process takes over from one that was killed.
async fn taken_over(mut stage: Stage, before: &[(&str, &[(&str, i64)])]) {
    let (dir, nats) = (stage.world.dir().join("other"), &stage.world.nats);
    let other = Bus::start(
        &dir,
        &nats.url(),
        &nats.monitor(),
        &stage.world.issuer,
        &stage.options,
    )
    .await
    .unwrap();
    stage.world.bus.kill_hard().await.unwrap();
    let there = other.client(stage.operator.token());
    until(&there, before).await;
    publish(&other.client(stage.sender.token()), &event("b-6", 6)).await;
    let one_more: &[_] = &[("accepted", 7), ("delivered", 6), ("expired", 1)];
    until(
        &there,
        &[
            ("amt-bekommt", one_more),
            ("amt-folge", one_more),
            ("amt-lehnt-ab", one_more),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_change_of_the_subscription_leaves_no_hole() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world_with(&city, BusOptions::default()).await;
    let operator = world.client("stadt", "betrieb", "operate").await.unwrap();
    let sender = sender(&world).await;
    for n in 1..=3 {
        publish(&sender, &event(&format!("w-{n}"), n)).await;
    }
    let open: &[_] = &[("accepted", 3), ("pending", 3)];
    until(&operator, &[("amt-alles", open)]).await;
    // What is open and not wanted any more is filtered, and so is what comes.
    let none = "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]";
    city.subscribe("amt-alles", none);
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("w-4", 4)).await;
    let filtered: &[_] = &[("accepted", 4), ("filtered", 4)];
    until(&operator, &[("amt-alles", filtered)]).await;
    // What it does not ask for any more is not counted any more.
    city.subscribe_as("amt", "amt-alles", crate::city::TYPE_CLOSED, PURPOSE, none);
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("w-5", 5)).await;
    publish(
        &sender,
        &changed(event("w-6", 6), "type", json!(crate::city::TYPE_CLOSED)),
    )
    .await;
    let closed: &[_] = &[("accepted", 5), ("filtered", 5)];
    until(&operator, &[("amt-alles", closed)]).await;
}

#[tokio::test]
async fn the_balance_is_shown_to_those_concerned_and_measured() {
    let stage = stage().await;
    stage.play().await;
    until(&stage.operator, STANDING).await;
    let listed = async |client: &Client| {
        let answer = client.get("/v1/balances").await?.expect(200)?.json();
        Ok::<_, Failure>(answer["balances"].as_array().unwrap().clone())
    };
    // The list tells of the last look, which comes by itself.
    eventually(LATER, "all balances in the list", || async {
        let found = listed(&stage.operator).await?;
        let of = |name: &str| {
            found
                .iter()
                .find(|one| one["subscription"] == json!(name))
                .map(told)
        };
        let all = STANDING
            .iter()
            .all(|(name, expected)| of(name) == Some(heads(expected)));
        if all {
            Ok(())
        } else {
            Err(Failure::new(json!(found).to_string()))
        }
    })
    .await
    .unwrap();
    let own = listed(&stage.amt).await.unwrap();
    assert!(
        own.len() == 6 && own.iter().all(|one| one["partner"] == json!("amt")),
        "{own:?}"
    );
    let foreign = stage
        .sender
        .get("/v1/subscriptions/amt-alles/balance")
        .await
        .unwrap();
    assert_eq!((foreign.status, foreign.code()), (404, "SB-2001".to_owned()));

    let metrics = stage.operator.get("/metrics").await.unwrap().text();
    for line in [
        "stadtbus_subscription_balance_difference{subscription=\"amt-folge\"} 0",
        "stadtbus_subscription_balance_events{subscription=\"amt-folge\",term=\"parked\"} 4",
        "stadtbus_subscription_balance_events{subscription=\"fremd-alles\",term=\"refused\"} 5",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    for lang in ["de", "en"] {
        let said = async |more: &[&str]| {
            let args = [&["balance", "--lang", lang, "--no-color"], more].concat();
            let done = stage
                .world
                .bus
                .command(stage.operator.token(), &args, &[])
                .await
                .unwrap();
            done.success("balance").unwrap().stdout
        };
        let (one, all) = (said(&["amt-alles"]).await, said(&[]).await);
        insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[time]")]}, {
            insta::assert_snapshot!(format!("balance_one_{lang}"), one);
            insta::assert_snapshot!(format!("balance_all_{lang}"), all);
        });
    }
}
