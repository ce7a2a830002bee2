//! From the bytes of an event to a tree of elements, and the ways through it.
//!
//! A document type is never read, so there is nothing to expand and nothing to fetch; the number of elements is bounded.

use jiff::Timestamp;
use roxmltree::{Document, Error, ParsingOptions};
use stadtbus_plugin::{Event, Stop, reject};

/// An element of SIRI.
pub(crate) type Node<'n> = roxmltree::Node<'n, 'n>;

/// The namespace of SIRI.
const SIRI: &str = "http://www.siri.org.uk/siri";
/// That of `xml:lang`.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// Elements and texts of one document: several hundred situations.
const NODES_MAX: u32 = 50_000;
/// The longest text that is passed on, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// The document, once it is known to be XML in UTF-8.
///
/// # Errors
/// `no-data`, `media-type`, `encoding`.
pub(crate) fn text(event: &Event) -> Result<&str, Stop> {
    let data = event.data.as_deref();
    let data = data.ok_or_else(|| reject("no-data", "the event has no data"))?;
    let media_type = event.datacontenttype.as_deref().unwrap_or_default();
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if !matches!(essence.as_str(), "application/xml" | "text/xml") && !essence.ends_with("+xml") {
        return Err(reject(
            "media-type",
            "the data is not XML by its media type; SIRI is application/xml",
        ));
    }
    let wrong = || reject("encoding", "the document is not in UTF-8");
    let text = core::str::from_utf8(data).map_err(|_| wrong())?;
    let utf8 = ["utf-8", "utf8", "us-ascii"];
    match declared_encoding(text) {
        Some(name) if !utf8.iter().any(|known| name.eq_ignore_ascii_case(known)) => Err(wrong()),
        _ => Ok(text),
    }
}

/// What `<?xml … encoding="…"?>` says. Bytes that happen to be UTF-8 mean something else if it says otherwise.
fn declared_encoding(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (declaration, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

/// Reads the tree.
///
/// # Errors
/// `dtd`, `too-many-elements`, `not-well-formed` with the place.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, Stop> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        Error::DtdDetected => reject("dtd", "the document has a document type, which SIRI does not"),
        Error::NodesLimitReached => reject(
            "too-many-elements",
            format!("the document has more than {NODES_MAX} elements"),
        ),
        Error::UnclosedRootNode | Error::NoRootNode | Error::UnexpectedEndOfStream => {
            reject("truncated", "the document ends before its last element does")
        }
        other => {
            let at = other.pos();
            let (line, column) = (at.row, at.col);
            reject(
                "not-well-formed",
                format!("the document is not well-formed XML (line {line}, column {column})"),
            )
        }
    })
}

/// Whether this is the element of SIRI with that name.
pub(crate) fn is(node: Node<'_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == Some(SIRI)
}

/// All elements that a path of names leads to, in the order of the document.
pub(crate) fn all<'n>(node: Node<'n>, path: &[&str]) -> Vec<Node<'n>> {
    path.iter().fold(vec![node], |nodes, name| {
        let below = nodes.into_iter().flat_map(|node| node.children());
        below.filter(|child| is(*child, name)).collect()
    })
}

/// The first element that a path of names leads to.
pub(crate) fn first<'n>(node: Node<'n>, path: &[&str]) -> Option<Node<'n>> {
    all(node, path).into_iter().next()
}

/// The text of an element without the space around it; nothing where there is none.
pub(crate) fn content(node: Node<'_>) -> Option<&str> {
    node.text().map(str::trim).filter(|text| !text.is_empty())
}

/// The text of the first element that a path leads to.
pub(crate) fn value<'n>(node: Node<'n>, path: &[&str]) -> Option<&'n str> {
    first(node, path).and_then(content)
}

/// The texts of all elements that a path leads to.
pub(crate) fn values<'n>(node: Node<'n>, path: &[&str]) -> Vec<&'n str> {
    all(node, path).into_iter().filter_map(content).collect()
}

/// What an element says to passengers, and its language as BCP 47 spells it.
pub(crate) fn wording(node: Node<'_>) -> Option<(String, Option<String>)> {
    let text: String = content(node)?.chars().take(TEXT_CHARS_MAX).collect();
    let language = node.attribute((XML, "lang")).map(str::to_ascii_lowercase);
    Some((text, language))
}

/// Seconds since 1970 of a time.
///
/// # Errors
/// `time-unreadable` with the place.
pub(crate) fn seconds(node: Node<'_>) -> Result<u64, Stop> {
    let time: Option<Timestamp> = content(node).and_then(|text| text.parse().ok());
    let seconds = time.and_then(|time| u64::try_from(time.as_second()).ok());
    seconds.ok_or_else(|| {
        misplaced(
            "time-unreadable",
            "a time is no date and time with its distance from UTC",
            node,
        )
    })
}

/// A rejection that names the line.
pub(crate) fn misplaced(code: &str, text: &str, node: Node<'_>) -> Stop {
    let line = node.document().text_pos_at(node.range().start).row;
    reject(code, format!("{text} (line {line})"))
}
