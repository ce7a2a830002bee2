//! The receiver's consent, as `http-webhook.md` §4 has it.

#![allow(
    clippy::disallowed_methods,
    reason = "a test writes down how many it starts at once"
)]

use std::time::Instant;

use super::*;

const ORIGIN: &str = "bus.krefeld.example";

fn asker() -> Webhook {
    Webhook::new(door()).with_origin(HeaderValue::from_static(ORIGIN))
}

fn asked(receiver: &Receiver, handshake: Handshake) -> WebhookTarget {
    target(receiver, Mode::Structured, SOON).asking(handshake)
}

fn methods(receiver: &Receiver) -> Vec<String> {
    let method = |seen: Seen| seen.head.split(' ').next().unwrap_or_default().to_owned();
    receiver.seen().into_iter().map(method).collect()
}

async fn delivered(webhook: &Webhook, target: &WebhookTarget) -> Outcome {
    webhook.deliver(target, &event(), ID, 1, None).await
}

const WITHHELD: Option<&str> = Some("SB-3010");

/// HOOK-8, HOOK-9: what the question says, and which answers are consent.
#[tokio::test]
async fn hook_9_only_the_allowed_origin_is_consent() {
    let named = format!("webhook-allowed-origin: {ORIGIN}\r\n");
    let with_rate = format!("{named}webhook-allowed-rate: 120\r\n");
    let cases: &[(u16, &str, Option<&str>)] = &[
        (200, &named, None),
        (204, &with_rate, None),
        (
            200,
            "webhook-allowed-origin: *\r\nwebhook-allowed-rate: *\r\n",
            None,
        ),
        (405, "webhook-allowed-origin: *\r\n", None),
        (200, "", WITHHELD),
        (200, "allow: POST, OPTIONS\r\n", WITHHELD),
        (200, "webhook-allowed-rate: *\r\n", WITHHELD),
        (200, "webhook-allowed-origin: other.example\r\n", WITHHELD),
        (200, "webhook-allowed-origin: **\r\n", WITHHELD),
        (200, "access-control-allow-origin: *\r\n", WITHHELD),
        (404, "", WITHHELD),
        (500, "", WITHHELD),
        (302, "location: /elsewhere\r\n", WITHHELD),
    ];
    for (status, headers, code) in cases {
        let (status, headers) = (*status, (*headers).to_owned());
        let answer = headers.clone();
        let receiver = Receiver::start(move |_| Act::status(status, &answer, "")).await;
        let turn = asker().turn(&asked(&receiver, Handshake::Required)).await;
        let found = match &turn {
            Turn::Now => None,
            Turn::NotYet => panic!("nobody let go"),
            Turn::Withheld => WITHHELD,
            Turn::No(outcome) => outcome.code(),
        };
        assert_eq!(found, *code, "{status} {headers:?}");
        assert_eq!(
            methods(&receiver),
            ["OPTIONS"],
            "{status} {headers:?}: asked once, followed nowhere"
        );
        let seen = receiver.seen().remove(0);
        assert!(
            seen.head.starts_with("OPTIONS /events HTTP/1.1\r\n"),
            "{}",
            seen.head
        );
        assert_eq!(seen.header("webhook-request-origin"), Some(ORIGIN));
        assert_eq!(seen.header("webhook-request-rate"), Some("6000"));
        assert_eq!(
            seen.header("webhook-request-callback"),
            None,
            "no callback is offered without a public address (HOOK-10)"
        );
        assert_eq!(
            seen.header("authorization"),
            None,
            "the question needs no credential"
        );
    }
}

/// HOOK-11, HOOK-1: after consent every delivery says who it is from; without the handshake none does.
#[tokio::test]
async fn hook_11_deliveries_carry_the_origin_after_consent() {
    let cases = [
        (
            Handshake::Required,
            "webhook-allowed-origin: *\r\n",
            vec!["OPTIONS", "POST", "POST"],
            Some(ORIGIN),
        ),
        (
            Handshake::Offered,
            "webhook-allowed-origin: *\r\n",
            vec!["OPTIONS", "POST", "POST"],
            Some(ORIGIN),
        ),
        (Handshake::Offered, "", vec!["OPTIONS", "POST", "POST"], None),
        (
            Handshake::Off,
            "webhook-allowed-origin: *\r\n",
            vec!["POST", "POST"],
            None,
        ),
    ];
    for (handshake, answer, expected, origin) in cases {
        let receiver = Receiver::start(move |_| Act::status(200, answer, "")).await;
        let (webhook, target) = (asker(), asked(&receiver, handshake));
        for _ in 0..2 {
            assert_eq!(webhook.turn(&target).await, Turn::Now, "{handshake:?} {answer:?}");
            assert_eq!(
                delivered(&webhook, &target).await,
                Outcome::Delivered { status: 200 }
            );
        }
        assert_eq!(methods(&receiver), expected, "{handshake:?} {answer:?}");
        for seen in receiver
            .seen()
            .iter()
            .filter(|seen| seen.head.starts_with("POST"))
        {
            assert_eq!(
                seen.header("webhook-request-origin"),
                origin,
                "{handshake:?} {answer:?}"
            );
        }
    }
}

/// HOOK-11: the rate that was allowed is kept, in the order of asking.
#[tokio::test]
async fn hook_11_the_allowed_rate_is_kept() {
    let allowed = "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 600\r\n";
    let receiver = Receiver::start(move |_| Act::status(200, allowed, "")).await;
    let (webhook, target) = (asker(), asked(&receiver, Handshake::Required));
    let started = Instant::now();
    let turn = || webhook.turn(&target);
    let turns = tokio::join!(turn(), turn(), turn(), turn(), turn(), turn());
    let now = || Turn::Now;
    assert_eq!(turns, (now(), now(), now(), now(), now(), now()));
    assert!(
        started.elapsed() >= Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        methods(&receiver),
        ["OPTIONS"],
        "however many wait, it is asked once"
    );
}

/// HOOK-11: a wait for the rate does not hold up a lane that stops.
#[tokio::test]
async fn hook_11_who_only_waits_is_let_go() {
    let allowed = "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 1\r\n";
    let receiver = Receiver::start(move |_| Act::status(200, allowed, "")).await;
    let (webhook, target) = (asker(), asked(&receiver, Handshake::Required));
    assert_eq!(webhook.turn(&target).await, Turn::Now);
    let waiting = webhook.turn(&target);
    tokio::pin!(waiting);
    let both = async {
        loop {
            target.let_go();
            tokio::task::yield_now().await;
        }
    };
    let turn = tokio::select! {
        turn = &mut waiting => turn,
        () = both => unreachable!(),
        () = tokio::time::sleep(SOON) => panic!("still waiting"),
    };
    assert_eq!(turn, Turn::NotYet);
}

/// HOOK-8, HOOK-9: consent is asked for anew after a refusal, and a target that withholds it is not pestered.
#[tokio::test]
async fn hook_8_asked_anew_after_a_refusal_and_not_in_between() {
    let receiver = Receiver::start(|n| match n {
        1 => Act::status(403, "", ""),
        _ => Act::status(200, "webhook-allowed-origin: *\r\n", ""),
    })
    .await;
    let (webhook, target) = (asker(), asked(&receiver, Handshake::Required));
    for _ in 0..2 {
        assert_eq!(webhook.turn(&target).await, Turn::Now);
        delivered(&webhook, &target).await;
    }
    assert_eq!(methods(&receiver), ["OPTIONS", "POST", "OPTIONS", "POST"]);

    let deaf = Receiver::start(|_| Act::status(200, "", "")).await;
    let target = asked(&deaf, Handshake::Required);
    for _ in 0..5 {
        assert_eq!(webhook.turn(&target).await, Turn::Withheld);
    }
    assert_eq!(methods(&deaf).len(), 1, "asked once in the time of a pause");
    let patient = asker().asking_again_after(Duration::ZERO);
    let target = asked(&deaf, Handshake::Required);
    for _ in 0..3 {
        assert_eq!(patient.turn(&target).await, Turn::Withheld);
    }
    assert_eq!(methods(&deaf).len(), 4, "asked again after the pause");
}

/// HOOK-8: a target that cannot be asked is one that cannot be reached, whoever insists on its consent.
#[tokio::test]
async fn hook_8_who_cannot_be_asked_is_tried_again() {
    let receiver = Receiver::start(|_| Act::AnswerAndClose(Vec::new())).await;
    let (webhook, target) = (asker(), asked(&receiver, Handshake::Required));
    for asked in 1..=2 {
        match webhook.turn(&target).await {
            Turn::No(outcome) => assert_eq!(outcome.code(), Some("SB-3003")),
            turn => panic!("{turn:?}"),
        }
        assert_eq!(methods(&receiver).len(), asked);
    }
    assert_eq!(webhook.turn(&asked_anyway(&receiver)).await, Turn::Now);
}

fn asked_anyway(receiver: &Receiver) -> WebhookTarget {
    asked(receiver, Handshake::Offered)
}

/// HOOK-10: the question names an address at which the receiver consents later, and what it says there holds.
#[tokio::test]
async fn hook_10_consent_may_come_later_by_callback() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let broker: Arc<dyn stadtbus_broker::Broker> =
        Arc::new(stadtbus_broker_memory::MemoryBroker::new(Default::default()));
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let keeper = Arc::new(crate::deliver::credential::Keeper::from_text(key).unwrap());
    let consents = Arc::new(Consents::new(broker, keeper, "https://bus.example"));
    let webhook = asker().with_consents(Some(Arc::clone(&consents)));
    let target = asked(&receiver, Handshake::Required).of_subscription("amt.amt-hook");
    assert_eq!(webhook.turn(&target).await, Turn::Withheld);
    let seen = receiver.seen().remove(0);
    let address = seen
        .header("webhook-request-callback")
        .unwrap_or_default()
        .to_owned();
    let (path, proof) = address.split_once("?key=").unwrap();
    assert_eq!(path, "https://bus.example/v1/webhook-consents/amt.amt-hook");

    // The pause before the next question does not hold it up.
    let allowed = crate::deliver::consents::Allowed { rate: None };
    consents
        .take("amt.amt-hook", &receiver.url(), proof, allowed)
        .await
        .unwrap();
    assert_eq!(webhook.turn(&target).await, Turn::Now);
    assert_eq!(delivered(&webhook, &target).await.code(), None);
    assert_eq!(methods(&receiver), ["OPTIONS", "POST"]);
    assert_eq!(receiver.seen()[1].header("webhook-request-origin"), Some(ORIGIN));

    // A target that is new to a process is asked, and what was consented before holds.
    let again = asked(&receiver, Handshake::Required).of_subscription("amt.amt-hook");
    assert_eq!(webhook.turn(&again).await, Turn::Now);
    let other = asked(&receiver, Handshake::Required).of_subscription("amt.amt-zwei");
    assert_eq!(webhook.turn(&other).await, Turn::Withheld, "for nobody else");
}
