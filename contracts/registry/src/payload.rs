//! Events that carry something else than JSON, or nothing: only where their contract says so.
//!
//! CloudEvents has room for both (a picture; a thin event that names its content by `dataref`), and a schema says
//! nothing about either. So the bus carries them unread, and a contract has to promise them by name.

use stadtbus_event::Event;

/// The word in `payloads` for an event without data.
pub const NO_PAYLOAD: &str = "none";

/// Checks one entry of `payloads`: [`NO_PAYLOAD`], a media type without parameters, or a range of them.
pub(crate) fn range(text: &str) -> Result<String, &'static str> {
    let rule = "none, or a media type or range without parameters";
    if text == NO_PAYLOAD || text == "*/*" {
        return Ok(text.to_owned());
    }
    let (kind, subtype) = text.split_once('/').ok_or(rule)?;
    if token(kind) && (subtype == "*" || token(subtype)) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(rule)
    }
}

fn token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
}

/// Whether the event's payload is one that the schema does not speak about and the contract allows. JSON never is.
pub(crate) fn opaque(allowed: &[String], event: &Event) -> bool {
    if allowed.is_empty() || event.has_json_data() {
        return false;
    }
    let fits = |essence: &str, range: &str| match range.strip_suffix('*') {
        Some("*/") => true,
        Some(kind) => essence.starts_with(kind),
        None => essence == range,
    };
    if event.data().is_none() {
        return allowed.iter().any(|word| word == NO_PAYLOAD);
    }
    // Without a declared type it is bytes of which nobody says anything (RFC 2046, 4.5.1).
    let declared = event.datacontenttype().unwrap_or("application/octet-stream");
    let essence = declared
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    allowed.iter().any(|range| fits(&essence, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_media_types_ranges_or_the_word_for_none() {
        for (text, read) in [
            ("none", Some("none")),
            ("*/*", Some("*/*")),
            ("Image/PNG", Some("image/png")),
            ("text/*", Some("text/*")),
            ("application/vnd.x+xml", Some("application/vnd.x+xml")),
            ("", None),
            ("text", None),
            ("*/png", None),
            ("text/", None),
            ("text/plain; charset=utf-8", None),
            ("text/pl*", None),
        ] {
            assert_eq!(range(text).ok().as_deref(), read, "{text}");
        }
    }

    #[test]
    fn only_what_is_promised_is_carried_unread() {
        let event = |declared: Option<&str>, data: Option<&'static str>| {
            let mut builder = Event::builder("1", "urn:a", "t");
            if let Some(declared) = declared {
                builder = builder.datacontenttype(declared);
            }
            if let Some(data) = data {
                builder = builder.data(data);
            }
            builder.build().unwrap()
        };
        for (allowed, declared, data, carried) in [
            (&[][..], Some("text/plain"), Some("x"), false),
            (&[][..], None, None, false),
            (&["none"][..], None, None, true),
            (&["none"][..], Some("application/json"), None, true),
            (&["none"][..], Some("text/plain"), Some("x"), false),
            (&["*/*"][..], None, None, false),
            (&["*/*"][..], Some("application/json"), Some("{}"), false),
            (&["*/*"][..], Some("application/JSON; a=b"), Some("{"), false),
            (&["*/*"][..], None, Some("x"), true),
            (&["text/*"][..], Some("Text/HTML; charset=utf-8"), Some("x"), true),
            (&["text/*"][..], Some("image/png"), Some("x"), false),
            (&["image/png"][..], Some("image/png"), Some("x"), true),
            (&["image/png"][..], Some("image/png2"), Some("x"), false),
            (&["application/octet-stream"][..], None, Some("x"), true),
        ] {
            let allowed: Vec<String> = allowed.iter().map(|word| (*word).to_owned()).collect();
            let event = event(declared, data);
            assert_eq!(
                opaque(&allowed, &event),
                carried,
                "{allowed:?} {declared:?} {data:?}"
            );
        }
    }
}
