//! Header fields that a subscription or a plugin may add, and those that they may not.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

use super::Foreign;
use crate::deliver::egress::EgressError;

/// The most header fields a subscription may add.
pub const CUSTOM_HEADERS_MAX: usize = 16;

/// The longest value of such a field, in bytes.
pub const CUSTOM_HEADER_BYTES_MAX: usize = 4096;

/// Fields of the message, the connection and the way there, which a subscription may not set.
const RESERVED: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "via",
    "forwarded",
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
    "http2-settings",
    "date",
    "cookie2",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];
const RESERVED_PREFIXES: &[&str] = &[
    "content-",
    "ce-",
    "proxy-",
    "webhook-",
    "stadtbus-",
    "sec-",
    "x-forwarded-",
    "x-real-",
    "access-control-",
];

/// Name and value, checked. Values may be credentials and are never shown.
pub(super) fn custom(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), EgressError> {
    let name: HeaderName = name
        .parse()
        .map_err(|_| EgressError::Target("a header field's name is not a token (RFC 9110)"))?;
    let text = name.as_str();
    if RESERVED.contains(&text) || RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return Err(EgressError::Target(
            "it sets a header field that belongs to the bus, the event or the connection",
        ));
    }
    if value.len() > CUSTOM_HEADER_BYTES_MAX {
        return Err(EgressError::Target(
            "a header field's value is longer than 4096 bytes",
        ));
    }
    let mut value: HeaderValue = value
        .parse()
        .map_err(|_| EgressError::Target("a header field's value has a line break or control character"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Credentials are the subscription's to give, and cookies the receiver's.
const NOT_FOR_PLUGINS: &[&str] = &["authorization", "cookie"];

/// The header of what a plugin made: like that of a subscription, without credentials.
pub(super) fn of_plugin(foreign: &Foreign) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(8 + foreign.headers.len());
    let content_type = HeaderValue::from_str(&foreign.content_type)
        .map_err(|_| "The plugin's content type cannot stand in a header.".to_owned())?;
    headers.insert(CONTENT_TYPE, content_type);
    for (name, value) in &foreign.headers {
        let (name, value) = custom(name, value).map_err(|error| match error {
            EgressError::Target(why) => format!("What the plugin made cannot be sent: {why}."),
            error => error.to_string(),
        })?;
        if NOT_FOR_PLUGINS.contains(&name.as_str()) {
            return Err("What the plugin made cannot be sent: it sets a credential.".to_owned());
        }
        headers.append(name, value);
    }
    Ok(headers)
}
