//! What a failed request failed of, in our words: libraries wrap errors in errors, and their texts name addresses.

use std::{error::Error as StdError, io, time::Duration};

use hyper_util::client::legacy::Error as ClientError;
use tokio::time::Instant;

use super::{
    EgressError,
    connect::{CONNECT_TIMEOUT, ConnectError, ConnectedAt},
};

/// Whether the request met a kept connection that its receiver had closed. A receiver may close an idle connection
/// whenever it likes, so that is nobody's failure; on a connection of its own it would be.
pub(super) fn was_stale(error: &ClientError, since: Instant) -> bool {
    let mut extensions = http::Extensions::new();
    let Some(connected) = error.connect_info() else {
        return false;
    };
    connected.get_extras(&mut extensions);
    extensions.get::<ConnectedAt>().is_some_and(|at| at.0 < since) && matches!(cause(error), Cause::Broken)
}

enum Cause<'a> {
    Connect(&'a ConnectError),
    Tls(&'a rustls::Error),
    /// The connection ended, in whatever way, before there was an answer.
    Broken,
    NotHttp,
    TooLarge,
    Unknown,
}

fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Cause<'a> {
    match error.downcast_ref::<ConnectError>() {
        Some(ConnectError::Tls(inner)) => return cause(inner),
        Some(error) => return Cause::Connect(error),
        None => {}
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Cause::Tls(error);
    }
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        if hyper.is_parse_too_large() {
            return Cause::TooLarge;
        }
        if hyper.is_parse() {
            return Cause::NotHttp;
        }
        if hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed() {
            return Cause::Broken;
        }
    }
    // `io::Error::source` skips the error it wraps.
    let inner = error.downcast_ref::<io::Error>().map(|io| (io, io.get_ref()));
    match inner {
        Some((_, Some(inner))) => cause(inner),
        Some((_, None)) => Cause::Broken,
        None => error.source().map_or(Cause::Unknown, cause),
    }
}

pub(super) fn failure(error: &ClientError, within: Duration) -> EgressError {
    match cause(error) {
        Cause::Connect(error) => connect_failure(error, within),
        Cause::Tls(rustls::Error::InvalidCertificate(_)) => {
            EgressError::Unreachable("its certificate is not accepted")
        }
        Cause::Tls(_) => EgressError::Unreachable("it speaks no TLS the bus understands"),
        Cause::Broken => EgressError::Unreachable("it closed the connection without an answer"),
        Cause::NotHttp => EgressError::Unusable("it is not HTTP"),
        Cause::TooLarge => EgressError::Unusable("its head is too long"),
        Cause::Unknown => EgressError::Unreachable("the connection failed"),
    }
}

pub(super) fn connect_failure(error: &ConnectError, within: Duration) -> EgressError {
    match error {
        ConnectError::Denied(denied) => EgressError::Forbidden(*denied),
        ConnectError::Unresolved => EgressError::Unreachable("its name does not resolve"),
        ConnectError::TooManyAddresses => EgressError::Unreachable("its name resolves to too many addresses"),
        ConnectError::Refused => EgressError::Unreachable("it refuses the connection"),
        ConnectError::TimedOut => EgressError::TimedOut(within.min(CONNECT_TIMEOUT).as_millis()),
        ConnectError::Unreachable => EgressError::Unreachable("there is no way to it"),
        ConnectError::Tls(_) => EgressError::Unreachable("it speaks no TLS the bus understands"),
        ConnectError::Trust => EgressError::Unreachable("the certificates of its zone cannot be used"),
    }
}
