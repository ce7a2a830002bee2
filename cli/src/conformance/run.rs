//! The run: one case after the other, then what came out at the other end.

use super::cases::{Case, Claim, Expect, Mode, Takes, Token};
use super::judge::{self, Finding, Verdict};
use super::message::{Meaning, Plain};
use super::readback::{self, Came, Source};
use crate::client::wire::{Outgoing, Received, Wire};
use crate::say;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Uri};
use std::time::{Duration, Instant};

/// Attempts at a case that is answered with "later".
const ATTEMPTS_MAX: u32 = 4;
/// Longest pause an answer may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After so many cases in a row without any answer the rest is not asked.
const SILENCE_MAX: u32 = 3;

/// What is tested, and what is known of it.
#[derive(Debug)]
pub(crate) struct Target {
    /// The address.
    pub(crate) uri: Uri,
    /// The token, if there is one.
    pub(crate) token: Option<String>,
    /// Header fields of every request.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// What the endpoint claims.
    pub(crate) claims: Vec<Claim>,
    /// What data it takes.
    pub(crate) takes: Takes,
    /// Whether it answers with the event.
    pub(crate) echo: bool,
    /// Where events come out.
    pub(crate) readback: Option<Source>,
    /// The plain event.
    pub(crate) plain: Plain,
}

/// A case and what became of it.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The case.
    pub(crate) case: Case,
    /// The verdict.
    pub(crate) finding: Finding,
    /// The status it was answered with.
    pub(crate) status: Option<u16>,
    /// How long that took.
    pub(crate) micros: u64,
    /// What was sent, while what comes out at the other end is still to decide.
    sent: Option<Vec<Meaning>>,
}

/// Runs the cases in their order.
pub(crate) async fn run(wire: &Wire, target: &Target, cases: Vec<Case>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::with_capacity(cases.len());
    let mut silence = 0;
    for case in cases {
        let before = prevented(target, &case, &judged, silence);
        if let Some(finding) = before {
            judged.push(verdict(case, finding));
            continue;
        }
        let one = ask(wire, target, case).await;
        silence = if one.status.is_some() { 0 } else { silence + 1 };
        judged.push(one);
    }
    if let Some(source) = &target.readback {
        read_back(wire, source, &target.plain, &mut judged).await;
    }
    judged
}

fn verdict(case: Case, finding: Finding) -> Judged {
    Judged {
        case,
        finding,
        status: None,
        micros: 0,
        sent: None,
    }
}

/// Why a case is not asked at all.
fn prevented(target: &Target, case: &Case, judged: &[Judged], silence: u32) -> Option<Finding> {
    if let Some(claim) = case.claim.filter(|claim| !target.claims.contains(claim)) {
        let word = claim.word();
        return Some(Finding {
            verdict: Verdict::NotClaimed,
            reason: say!("nur mit --claim {word}", "with --claim {word} only"),
        });
    }
    if silence >= SILENCE_MAX {
        return Some(Finding::untestable(say!(
            "der Endpunkt antwortet nicht mehr",
            "the endpoint does not answer any more"
        )));
    }
    if case.needs > target.takes {
        let text = say!(
            "der Endpunkt nimmt solche Daten nicht (--takes)",
            "the endpoint does not take such data (--takes)"
        );
        return Some(Finding::untestable(text));
    }
    if case.token.is_some() && target.token.is_none() {
        return Some(Finding::untestable(say!("nur mit --token", "with --token only")));
    }
    let mode_works = judged.iter().all(|one| {
        let same = one.case.baseline && one.case.send.mode == case.send.mode;
        !same || one.finding.verdict == Verdict::Pass
    });
    if !case.baseline && !mode_works {
        let text = say!(
            "auch ein schlichtes Ereignis dieses Modus wird nicht angenommen",
            "not even a plain event of this mode is accepted"
        );
        return Some(Finding::untestable(text));
    }
    None
}

async fn ask(wire: &Wire, target: &Target, case: Case) -> Judged {
    let message = target.plain.message(&case);
    let started = Instant::now();
    let answered = match outgoing(target, &case, message.headers, message.body) {
        Ok(outgoing) => patiently(wire, outgoing).await,
        Err(reason) => Err(reason),
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let received = match answered {
        Ok(received) => received,
        Err(reason) => {
            let finding = Finding::fail(say!("keine Antwort: {reason}", "no answer: {reason}"));
            return Judged {
                micros,
                ..verdict(case, finding)
            };
        }
    };
    let status = Some(received.status.as_u16());
    let mut sent = None;
    let finding = judge::answer(&case, &received).unwrap_or_else(|| {
        if target.echo {
            return returned(
                &case,
                &message.events,
                &readback::echoed(&received),
                &target.plain,
            );
        }
        sent = target.readback.is_some().then_some(message.events);
        without_readback(target, &case)
    });
    Judged {
        finding,
        status,
        micros,
        sent,
        case,
    }
}

/// The verdict as far as the answer alone goes.
fn without_readback(target: &Target, case: &Case) -> Finding {
    if case.expect == Expect::NotPassedOn && target.readback.is_none() {
        return Finding::untestable(say!(
            "angenommen; was daraus wird, zeigt nur --echo oder --readback",
            "accepted; what becomes of it is seen with --echo or --readback only"
        ));
    }
    Finding::pass()
}

/// The verdict on what came out at the other end.
fn returned(case: &Case, sent: &[Meaning], came: &Came, plain: &Plain) -> Finding {
    if case.expect == Expect::NotPassedOn {
        return if came.contains_key(&plain.id(&case.case)) {
            Finding::fail(say!("es kam als Ereignis heraus", "it came out as an event"))
        } else {
            Finding::pass()
        };
    }
    let mut wrong = Vec::new();
    for event in sent {
        match came.get(&event.id) {
            None => wrong.push(say!(
                "angenommen, aber nicht herausgekommen",
                "accepted, but it did not come out"
            )),
            Some(back) => wrong.extend(judge::differences(event, back, case.exact)),
        }
    }
    if wrong.is_empty() {
        Finding::pass()
    } else {
        Finding::fail(wrong.join("; "))
    }
}

async fn read_back(wire: &Wire, source: &Source, plain: &Plain, judged: &mut [Judged]) {
    let open = judged.iter().filter_map(|one| one.sent.as_ref());
    let wanted: Vec<String> = open.flatten().map(|event| event.id.clone()).collect();
    let came = readback::fetch(wire, source, &wanted).await;
    for one in judged {
        let Some(sent) = one.sent.take() else { continue };
        one.finding = match &came {
            Ok(came) => returned(&one.case, &sent, came, plain),
            Err(reason) => Finding::untestable(reason.clone()),
        };
    }
}

/// One case's request, with the token where it belongs.
fn outgoing(
    target: &Target,
    case: &Case,
    own: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
) -> Result<Outgoing, String> {
    let token = target.token.as_deref();
    let usual = (case.send.mode != Mode::Options).then_some(Token::Header);
    let mut headers = target.headers.clone();
    let mut uri = target.uri.clone();
    match (case.token.or(usual), token) {
        (Some(Token::Header), Some(token)) => headers.push(bearer(token)),
        (Some(Token::Wrong), _) => headers.push(bearer("not-a-token")),
        (Some(Token::Query), Some(token)) => uri = with_token(&uri, token)?,
        (Some(Token::QueryWrong), _) => uri = with_token(&uri, "not-a-token")?,
        _ => {}
    }
    headers.extend(own);
    Ok(Outgoing {
        method: match case.send.mode {
            Mode::Options => Method::OPTIONS,
            _ => Method::POST,
        },
        uri,
        headers,
        body: Bytes::from(body),
        title_case: case.send.title_case,
    })
}

fn bearer(token: &str) -> (String, Vec<u8>) {
    ("authorization".to_owned(), format!("Bearer {token}").into_bytes())
}

fn with_token(uri: &Uri, token: &str) -> Result<Uri, String> {
    let sign = if uri.query().is_some() { '&' } else { '?' };
    let text = format!("{uri}{sign}access_token={}", crate::client::segment(token));
    text.parse().map_err(|_| "access_token".to_owned())
}

/// Asks again where the answer is "later", a bounded number of times.
async fn patiently(wire: &Wire, outgoing: Outgoing) -> Result<Received, String> {
    let mut attempt = 1;
    loop {
        let received = wire.send(outgoing.clone()).await?;
        let later = matches!(received.status.as_u16(), 429 | 503);
        if !later || attempt == ATTEMPTS_MAX {
            return Ok(received);
        }
        let asked = received
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        tokio::time::sleep(
            asked
                .map_or(Duration::from_secs(1), Duration::from_secs)
                .min(PAUSE_MAX),
        )
        .await;
        attempt += 1;
    }
}
