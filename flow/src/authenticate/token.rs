//! The token itself: how it is taken out of the header, and the claims it must carry.

use serde::{Deserialize, Serialize};

use super::{AuthError, TOKEN_BYTES_MAX};

/// The claims the bus writes, and reads beside those that the library checks. Given twice, a claim is refused.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) sub: Option<String>,
    /// One name or several (RFC 7519 §4.1.3); only checked by the library.
    pub(super) aud: Option<serde_json::Value>,
    /// RFC 7519 allows fractions of a second; the bus does not, for nobody needs them and `1e300` is one.
    pub(super) exp: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<serde_json::Value>,
    pub(super) iat: Option<serde_json::Value>,
    pub(super) jti: Option<String>,
    pub(super) scope: Option<String>,
}

/// The issuer a token claims, read before anything is verified: it only chooses with which key to verify.
#[derive(Deserialize)]
pub(super) struct ClaimedIssuer {
    pub(super) iss: Option<serde_json::Value>,
}

/// The token in an `Authorization` header (RFC 6750 §2.1), checked for size only.
pub(super) fn bearer(header: Option<&str>) -> Result<&str, AuthError> {
    let (scheme, token) = header
        .and_then(|header| header.trim_ascii().split_once(' '))
        .ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::Missing);
    }
    let token = token.trim_start_matches(' ');
    if token.len() > TOKEN_BYTES_MAX {
        return Err(AuthError::Malformed("it is longer than 8 KiB"));
    }
    Ok(token)
}

/// Whether it has the letters and the three parts of a signed token (RFC 7515 §3.1).
pub(super) fn check_form(token: &str) -> Result<(), AuthError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !token.bytes().all(plain) {
        return Err(AuthError::Malformed("it contains characters that no token has"));
    }
    if token.split('.').count() != 3 {
        return Err(AuthError::Malformed(
            "it has not the three parts of a signed token",
        ));
    }
    Ok(())
}
