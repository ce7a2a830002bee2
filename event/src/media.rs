//! Media types (RFC 2046): just enough to know JSON, text and the CloudEvents formats when one sees them.

/// Whether a media type declares JSON content: subtype `json` or ending in `+json`, any case, parameters ignored
/// (JSON-4, CORE-7).
///
/// ```
/// assert!(stadtbus_event::media::is_json("Application/vnd.x+JSON; charset=utf-8"));
/// assert!(!stadtbus_event::media::is_json("application/xml"));
/// ```
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    if media_type == "application/json" {
        return true;
    }
    let Some((_, subtype)) = split(media_type) else {
        return false;
    };
    subtype.eq_ignore_ascii_case("json") || ends_with(subtype, "+json")
}

/// Whether content of this type is text in UTF-8, so that the JSON format may show it as a string.
pub(crate) fn is_text(media_type: &str) -> bool {
    let Some((kind, subtype)) = split(media_type) else {
        return false;
    };
    let textual = kind.eq_ignore_ascii_case("text")
        || ends_with(subtype, "+xml")
        || ends_with(subtype, "+yaml")
        || [
            "xml",
            "yaml",
            "x-www-form-urlencoded",
            "edifact",
            "sql",
            "jwt",
            "jose",
        ]
        .iter()
        .any(|known| subtype.eq_ignore_ascii_case(known));
    textual && utf8(media_type)
}

/// Whether the charset parameter is absent or says UTF-8 (or its subset).
pub(crate) fn utf8(media_type: &str) -> bool {
    charset(media_type)
        .is_none_or(|set| set.eq_ignore_ascii_case("utf-8") || set.eq_ignore_ascii_case("us-ascii"))
}

/// Whether the UTF-8 of this text is also its encoding in the declared character set: always for UTF-8, and for ASCII
/// text in the many sets that contain ASCII.
pub(crate) fn writes_as_utf8(media_type: &str, text: &str) -> bool {
    let wide = |set: &str| {
        set.get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("utf-"))
    };
    utf8(media_type) || text.is_ascii() && charset(media_type).is_some_and(|set| !wide(set))
}

fn charset(media_type: &str) -> Option<&str> {
    let mut parameters = Parameters {
        rest: essence_end(media_type).1,
    };
    std::iter::from_fn(|| parameters.next_parameter()).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("charset")
            .then(|| value.trim_matches('"'))
    })
}

/// `type/subtype` without parameters.
pub(crate) fn essence(media_type: &str) -> &str {
    essence_end(media_type).0.trim()
}

/// Whether the whole is a well-formed media type in printable ASCII.
pub(crate) fn valid(media_type: &str) -> bool {
    if media_type == "application/json" {
        return true;
    }
    let Some((kind, subtype)) = split(media_type) else {
        return false;
    };
    if media_type.trim() != media_type
        || !token(kind)
        || !token(subtype)
        || !media_type.bytes().all(|b| (0x20..0x7F).contains(&b))
    {
        return false;
    }
    let mut parameters = Parameters {
        rest: essence_end(media_type).1,
    };
    while parameters.next_parameter().is_some() {}
    parameters.rest.is_empty()
}

fn split(media_type: &str) -> Option<(&str, &str)> {
    essence(media_type).split_once('/')
}

fn essence_end(media_type: &str) -> (&str, &str) {
    let at = media_type.find(';').unwrap_or(media_type.len());
    media_type.split_at_checked(at).unwrap_or((media_type, ""))
}

fn ends_with(text: &str, suffix: &str) -> bool {
    text.len()
        .checked_sub(suffix.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

fn token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Walks `; name=value` pairs; stops with a non-empty rest where the text is not of that form.
struct Parameters<'a> {
    rest: &'a str,
}

impl<'a> Parameters<'a> {
    fn next_parameter(&mut self) -> Option<(&'a str, &'a str)> {
        // Empty parameters (`;;`, a trailing `;`) occur in the wild and mean nothing.
        let mut rest = self.rest;
        while let Some(after) = rest.trim_start_matches(' ').strip_prefix(';') {
            rest = after.trim_start_matches(' ');
        }
        if rest.trim_start_matches(' ').is_empty() {
            self.rest = "";
            return None;
        }
        let (name, after) = rest.split_once('=')?;
        let length = if after.starts_with('"') {
            quoted(after)?
        } else {
            after.find([';', ' ']).unwrap_or(after.len())
        };
        let (value, next) = after.split_at_checked(length)?;
        let separated =
            next.is_empty() || next.trim_start_matches(' ').starts_with(';') || next.trim().is_empty();
        if !token(name)
            || !(value.starts_with('"') || token(value))
            || !separated
            || self.rest.len() == rest.len()
        {
            return None;
        }
        self.rest = next;
        Some((name, value))
    }
}

/// The length of the quoted string at the start, quotes included.
fn quoted(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, b)) = bytes.next() {
        match b {
            b'\\' => {
                bytes.next()?;
            }
            b'"' => return at.checked_add(1),
            _ => {}
        }
    }
    None
}
