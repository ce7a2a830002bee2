//! What became of an attempt is written down in English, once. Whoever reads a journey in German gets the bus's own
//! sentences in German; what a plugin or a receiver said stays as it was said.

use std::borrow::Cow;

use stadtbus_contracts::reach::AddressClass;

/// Sentences of deliveries and of what ends them, `{}` for what stands in between.
const SENTENCES: &[(&str, &str)] = &[
    (
        "{} attempts failed; the last one: {} {}",
        "{} Versuche gescheitert; der letzte: {} {}",
    ),
    (
        "It is too old for a further attempt (age_ms_max). The last attempt: {} {}",
        "Für einen weiteren Versuch ist es zu alt (age_ms_max). Der letzte Versuch: {} {}",
    ),
    (
        "It is too old for a further attempt (age_ms_max).",
        "Für einen weiteren Versuch ist es zu alt (age_ms_max).",
    ),
    (
        "It is too old for a further attempt (age_ms_max). The receiver never consented: {}",
        "Für einen weiteren Versuch ist es zu alt (age_ms_max). Der Empfänger hat nie zugestimmt: {}",
    ),
    ("It is in no log any more.", "Es steht in keinem Log mehr."),
    (
        "The target cannot be used: {}.",
        "Das Ziel ist nicht verwendbar: {}.",
    ),
    ("It was released {} times.", "Es wurde {}-mal zurückgegeben."),
    (
        "The lease ran out {} times.",
        "Die Frist zum Bestätigen lief {}-mal ab.",
    ),
    ("The lease ran out.", "Die Frist zum Bestätigen lief ab."),
    (
        "It waits behind an earlier event of its key.",
        "Es wartet hinter einem früheren Ereignis seines Schlüssels.",
    ),
    ("Its key was buried.", "Sein Schlüssel wurde aufgegeben."),
    (
        "Its key was parked; it was skipped by {}.",
        "Sein Schlüssel war geparkt; {} hat es übersprungen.",
    ),
    (
        "Its key is being buried by {}.",
        "Sein Schlüssel wird von {} aufgegeben.",
    ),
    ("edited by {} on {}", "berichtigt von {} am {}"),
    (
        "The receiver refused it (webhook-delivery: abort-message).",
        "Der Empfänger lehnt es ab (webhook-delivery: abort-message).",
    ),
    (
        "The receiver refused it ({}).",
        "Der Empfänger lehnt es ab (Antwort {}).",
    ),
    (
        "The receiver asks to come again later ({}).",
        "Der Empfänger bittet, später wiederzukommen (Antwort {}).",
    ),
    (
        "The receiver answered with a redirect ({}); the bus follows none.",
        "Der Empfänger verweist an eine andere Adresse (Antwort {}); der Bus folgt keinem Verweis.",
    ),
    (
        "The receiver answered with a status that says nothing ({}).",
        "Der Empfänger antwortet etwas, das nichts besagt (Antwort {}).",
    ),
    (
        "The receiver answered {}.",
        "Der Empfänger ist gestört (Antwort {}).",
    ),
    (
        "The receiver wants nothing any more (410).",
        "Der Empfänger will nichts mehr (Antwort 410).",
    ),
    (
        "The receiver cannot be reached: {}.",
        "Der Empfänger ist nicht erreichbar: {}.",
    ),
    (
        "The receiver did not answer within {} ms.",
        "Der Empfänger hat nicht innerhalb von {} ms geantwortet.",
    ),
    (
        "The receiver's answer cannot be used: {}.",
        "Die Antwort des Empfängers ist unbrauchbar: {}.",
    ),
    (
        "The receiver may not be connected to: {}.",
        "Der Empfänger darf nicht angesprochen werden: {}.",
    ),
    (
        "There is no token for the receiver: {}.",
        "Für den Empfänger ist kein Token zu bekommen: {}.",
    ),
    (
        "The subscription has a secret that this bus has no key to open.",
        "Das Abonnement hat ein Geheimnis, für das dieser Bus keinen Schlüssel hat.",
    ),
    ("its name does not resolve", "sein Name lässt sich nicht auflösen"),
    (
        "its name resolves to too many addresses",
        "sein Name führt zu mehr Adressen, als redlich ist",
    ),
    ("it refuses the connection", "er nimmt keine Verbindung an"),
    ("there is no way to it", "es führt kein Weg zu ihm"),
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
        "er hat die Verbindung ohne Antwort geschlossen",
    ),
    (
        "the certificates of its zone cannot be used",
        "die Zertifikate seiner Zone sind nicht verwendbar",
    ),
    ("it answered {}", "die Antwort war {}"),
    ("the connection failed", "die Verbindung ist gescheitert"),
    ("it is not HTTP", "sie ist kein HTTP"),
    ("its head is too long", "ihr Kopf ist zu lang"),
    ("it leads to the bus itself", "er ist der Bus selbst"),
    (
        "it leads to the machine of the bus, which only a zone for exactly this address opens",
        "er liegt auf dem Rechner des Busses, den nur eine Zone für genau diese Adresse öffnet",
    ),
    (
        "it leads to a {}, which no zone of the city opens for this port",
        "er ist eine {}, die keine Zone der Stadt für diesen Port öffnet",
    ),
    (
        "it leads to a {}, which is never delivered to",
        "er ist eine {}, an die nie zugestellt wird",
    ),
    (
        "it is http, and no zone of the city allows delivery without encryption there",
        "er ist http, und keine Zone der Stadt erlaubt dort Zustellung ohne Verschlüsselung",
    ),
    (
        "it is a port to which no zone of the city opens the way",
        "er ist ein Port, zu dem keine Zone der Stadt den Weg öffnet",
    ),
];

const CLASSES: &[AddressClass] = &[
    AddressClass::Public,
    AddressClass::Loopback,
    AddressClass::Private,
    AddressClass::Shared,
    AddressClass::LinkLocal,
    AddressClass::Metadata,
    AddressClass::Multicast,
    AddressClass::Unspecified,
    AddressClass::Documentation,
    AddressClass::Benchmarking,
    AddressClass::Embedding,
    AddressClass::Reserved,
];

/// How deep one sentence stands in another: attempts, the last of them, its reason, the class of an address.
const DEPTH_MAX: u32 = 4;

/// A sentence of the bus in German; nothing where it is somebody else's.
pub(super) fn german(sentence: &str) -> Option<String> {
    within(sentence, DEPTH_MAX)
}

fn within(sentence: &str, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let class = CLASSES.iter().find(|class| class.words() == sentence);
    if let Some(class) = class {
        return Some(class.german().to_owned());
    }
    SENTENCES.iter().find_map(|(english, german)| {
        let parts = between(english, sentence)?;
        let parts = parts
            .into_iter()
            .map(|part| within(part, depth).map_or(Cow::Borrowed(part), Cow::Owned));
        Some(filled(german, parts))
    })
}

/// What stands where the pattern leaves room; nothing if the sentence is another.
fn between<'a>(pattern: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut literals = pattern.split("{}");
    let mut rest = sentence.strip_prefix(literals.next()?)?;
    let mut parts = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        let (part, behind) = if literals.peek().is_none() {
            (rest.strip_suffix(literal)?, "")
        } else {
            rest.split_once(literal)?
        };
        parts.push(part);
        rest = behind;
    }
    rest.is_empty().then_some(parts)
}

fn filled<'a>(pattern: &str, mut parts: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut literals = pattern.split("{}");
    let mut text = literals.next().unwrap_or_default().to_owned();
    for literal in literals {
        text.push_str(&parts.next().unwrap_or_default());
        text.push_str(literal);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::StatusCode;
    use stadtbus_contracts::reach::Denied;

    use super::*;
    use crate::deliver::{egress::EgressError, outcome::Outcome};

    /// Of the English words that stand in the patterns, none is left.
    fn is_german(sentence: &str) -> bool {
        let english = [" the ", "The ", " it ", " its ", "receiver", "address "];
        german(sentence).is_some_and(|text| english.iter().all(|word| !format!(" {text} ").contains(word)))
    }

    #[test]
    fn whatever_the_door_says_there_is_german_for_it() {
        let reasons = [
            "its name does not resolve",
            "its name resolves to too many addresses",
            "it refuses the connection",
            "there is no way to it",
            "its certificate is not accepted",
            "it speaks no TLS the bus understands",
            "it closed the connection without an answer",
            "the certificates of its zone cannot be used",
            "the connection failed",
        ];
        let denied = [Denied::Own, Denied::Machine, Denied::Plaintext, Denied::Port];
        let classes = CLASSES
            .iter()
            .flat_map(|class| [Denied::Class(*class), Denied::Never(*class)]);
        let errors = reasons
            .map(EgressError::Unreachable)
            .into_iter()
            .chain(["it is not HTTP", "its head is too long"].map(EgressError::Unusable))
            .chain(denied.into_iter().chain(classes).map(EgressError::Forbidden))
            .chain([EgressError::TimedOut(300)]);
        for error in errors {
            assert!(
                is_german(&error.to_string()),
                "{error}: {:?}",
                german(&error.to_string())
            );
        }
    }

    #[test]
    fn whatever_is_answered_there_is_german_for_it() {
        for status in (100..1_000).filter(|status| !(200..300).contains(status)) {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            let outcome = Outcome::from_answer(status, None, SystemTime::UNIX_EPOCH);
            let text = german(outcome.detail());
            let told = text.as_ref().is_some_and(|text| text.contains(status.as_str()));
            assert!(
                told && is_german(outcome.detail()),
                "{}: {text:?}",
                outcome.detail()
            );
        }
    }

    #[test]
    fn a_sentence_in_a_sentence_is_german_too() {
        assert_eq!(
            german("3 attempts failed; the last one: SB-3003 The receiver cannot be reached: its name does not resolve.").as_deref(),
            Some("3 Versuche gescheitert; der letzte: SB-3003 Der Empfänger ist nicht erreichbar: sein Name lässt sich nicht auflösen.")
        );
    }

    #[test]
    fn what_somebody_else_said_stays_as_it_was() {
        for words in [
            "",
            "Das ist nicht der Rede wert.",
            "The receiver",
            "no such meter",
        ] {
            assert_eq!(german(words), None, "{words}");
        }
        let nested = "1 attempts failed; the last one: x ".repeat(10_000);
        assert!(german(&nested).is_some_and(|text| text.len() < 2 * nested.len()));
    }
}
