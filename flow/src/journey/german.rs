//! The German for sentences of the bus that were written down in English: why an attempt failed, what became of an event.
//!
//! They are kept in one language, for facts outlive versions and readers. What is not the bus's own (a plugin's reason, what
//! somebody wrote) stays as it is.

use stadtbus_contracts::reach::{AddressClass, Denied};

/// English and German; what stands at `{}` is taken over, in German where it is a sentence or a phrase itself.
const SENTENCES: &[(&str, &str)] = &[
    (
        "{} attempts failed; the last one: {} {}",
        "{} Versuche gescheitert; der letzte: {} {}",
    ),
    (
        "It is too old for a further attempt (age_ms_max). The last attempt: {} {}",
        "Es ist zu alt für einen weiteren Versuch (age_ms_max). Der letzte Versuch: {} {}",
    ),
    (
        "It is too old for a further attempt (age_ms_max). The receiver never consented: {}",
        "Es ist zu alt für einen weiteren Versuch (age_ms_max). Der Empfänger hat nie zugestimmt: {}",
    ),
    (
        "It is too old for a further attempt (age_ms_max).",
        "Es ist zu alt für einen weiteren Versuch (age_ms_max).",
    ),
    (
        "The receiver asks to come again later ({}).",
        "Der Empfänger bittet um einen späteren Versuch ({}).",
    ),
    (
        "The receiver answered with a redirect ({}); the bus follows none.",
        "Der Empfänger antwortete mit einer Weiterleitung ({}); der Bus folgt keiner.",
    ),
    (
        "The receiver answered with a status that says nothing ({}).",
        "Der Empfänger antwortete mit einem Status, der nichts sagt ({}).",
    ),
    ("The receiver answered {}.", "Der Empfänger antwortete mit {}."),
    ("The receiver refused it ({}).", "Der Empfänger wies es ab ({})."),
    (
        "The receiver wants nothing any more (410).",
        "Der Empfänger will nichts mehr (410).",
    ),
    (
        "The target cannot be used: {}.",
        "Das Ziel ist nicht verwendbar: {}.",
    ),
    (
        "The receiver cannot be reached: {}.",
        "Der Empfänger ist nicht erreichbar: {}.",
    ),
    (
        "The receiver did not answer within {} ms.",
        "Der Empfänger antwortete nicht binnen {} ms.",
    ),
    (
        "The receiver's answer cannot be used: {}.",
        "Die Antwort des Empfängers ist nicht verwendbar: {}.",
    ),
    (
        "The subscription has a secret that this bus has no key to open.",
        "Das Abonnement hat ein Geheimnis, zu dem dieser Bus keinen Schlüssel hat.",
    ),
    (
        "There is no token for the receiver: {}.",
        "Für den Empfänger gibt es kein Token: {}.",
    ),
    ("It was released {} times.", "Es wurde {}-mal zurückgegeben."),
    ("The lease ran out {} times.", "Die Frist lief {}-mal ab."),
    ("The lease ran out.", "Die Frist lief ab."),
    ("Its key was buried.", "Sein Schlüssel wurde aufgegeben."),
    (
        "Its key was parked; it was skipped by {}.",
        "Sein Schlüssel war geparkt; übersprungen von {}.",
    ),
    (
        "It waits behind an earlier event of its key.",
        "Es wartet hinter einem früheren Ereignis seines Schlüssels.",
    ),
    ("It is in no log any more.", "Es steht in keinem Log mehr."),
    ("edited by {} on {}", "berichtigt von {} am {}"),
    // What stands in them.
    (
        "webhook-delivery: abort-message",
        "webhook-delivery: abort-message",
    ),
    (
        "its certificate is not accepted",
        "sein Zertifikat wird nicht anerkannt",
    ),
    (
        "it speaks no TLS the bus understands",
        "er spricht kein TLS, das der Bus versteht",
    ),
    (
        "it closed the connection without an answer",
        "er schloss die Verbindung ohne Antwort",
    ),
    ("it is not HTTP", "sie ist kein HTTP"),
    ("its head is too long", "ihr Kopf ist zu lang"),
    ("the connection failed", "die Verbindung scheiterte"),
    ("its name does not resolve", "sein Name ist nicht auflösbar"),
    (
        "its name resolves to too many addresses",
        "sein Name führt zu zu vielen Adressen",
    ),
    ("it refuses the connection", "er nimmt die Verbindung nicht an"),
    ("there is no way to it", "es führt kein Weg zu ihm"),
    (
        "the certificates of its zone cannot be used",
        "die Zertifikate seiner Zone sind nicht verwendbar",
    ),
    ("it answered {}", "die Antwort war {}"),
];

/// The same in German, if it is a sentence of the bus.
pub(super) fn german(english: &str) -> Option<String> {
    denied(english).or_else(|| {
        SENTENCES.iter().find_map(|(pattern, german)| {
            let found = matched(pattern, english)?;
            let mut parts = german.split("{}");
            let mut told = parts.next()?.to_owned();
            for (inner, part) in found.into_iter().zip(parts) {
                told.push_str(self::german(inner).as_deref().unwrap_or(inner));
                told.push_str(part);
            }
            Some(told)
        })
    })
}

/// What stands at each `{}`, if the text is of this pattern.
fn matched<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let inner = match parts.peek() {
            None => rest.strip_suffix(part)?,
            Some(_) => rest.split_once(part)?.0,
        };
        if inner.is_empty() {
            return None;
        }
        found.push(inner);
        rest = rest.get(inner.len() + part.len()..)?;
    }
    rest.is_empty().then_some(found)
}

/// Why an address is out of bounds is said in both languages by whoever decides it.
fn denied(english: &str) -> Option<String> {
    use AddressClass::{
        Benchmarking, Documentation, Embedding, LinkLocal, Loopback, Metadata, Multicast, Private, Public,
        Reserved, Shared, Unspecified,
    };
    let classes = [
        Public,
        Loopback,
        Private,
        Shared,
        LinkLocal,
        Metadata,
        Multicast,
        Unspecified,
        Documentation,
        Benchmarking,
        Embedding,
        Reserved,
    ];
    let by_class = classes
        .into_iter()
        .flat_map(|class| [Denied::Class(class), Denied::Never(class)]);
    [Denied::Own, Denied::Machine, Denied::Plaintext, Denied::Port]
        .into_iter()
        .chain(by_class)
        .map(Denied::text)
        .find(|text| *text.en == *english)
        .map(|text| text.de.into())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::{HeaderValue, StatusCode};

    use super::*;
    use crate::deliver::{egress::EgressError, outcome::Outcome};

    #[test]
    fn what_a_receiver_answers_is_told_in_german() {
        let abort = HeaderValue::from_static("abort-message");
        for status in 300..600 {
            let answer = Outcome::from_answer(StatusCode::from_u16(status).unwrap(), None, SystemTime::now());
            for outcome in [answer.clone(), answer.heeding(Some(&abort))] {
                let english = outcome.detail();
                let told = german(english).unwrap_or_else(|| panic!("{english}"));
                assert_ne!(told, english);
            }
        }
        for error in [
            EgressError::Unreachable("it refuses the connection"),
            EgressError::Unusable("it is not HTTP"),
            EgressError::TimedOut(5),
            EgressError::Forbidden(Denied::Class(AddressClass::Private)),
            EgressError::Forbidden(Denied::Own),
        ] {
            let english = error.to_string();
            let told = german(&english).unwrap_or_else(|| panic!("{english}"));
            let left = ["The ", "it ", " bus itself", "address"];
            assert!(!left.iter().any(|word| told.contains(word)), "{told}");
        }
    }

    #[test]
    fn sentences_within_sentences_are_told_in_german_and_other_words_stay() {
        for (english, told) in [
            (
                "3 attempts failed; the last one: SB-3003 The receiver cannot be reached: it refuses the connection.",
                Some(
                    "3 Versuche gescheitert; der letzte: SB-3003 Der Empfänger ist nicht erreichbar: er nimmt die Verbindung nicht an.",
                ),
            ),
            (
                "edited by amt/empfang on 2026-11-29T08:00:00.000Z",
                Some("berichtigt von amt/empfang am 2026-11-29T08:00:00.000Z"),
            ),
            (
                "The target cannot be used: it has a fragment.",
                Some("Das Ziel ist nicht verwendbar: it has a fragment."),
            ),
            ("the plugin says so", None),
            ("The receiver answered .", None),
            ("", None),
        ] {
            assert_eq!(german(english).as_deref(), told, "{english}");
        }
    }
}
