//! What goes out, and what is read of what comes back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::{ANSWER_BYTES_MAX, EXCERPT_BYTES_MAX, Endpoint};

/// How long the rest of an answer is waited for once its status is known. The status decides; the rest only makes
/// the connection usable again, which is not worth more than this.
const ANSWER_REST_TIMEOUT: Duration = Duration::from_secs(1);

/// Why it was not taken is worth a look; what is said about what was taken is not.
pub(super) fn excerpt_of(status: StatusCode) -> usize {
    if status.is_success() { 0 } else { EXCERPT_BYTES_MAX }
}

/// One request, as it goes out.
pub(super) fn request(
    method: &Method,
    endpoint: &Endpoint,
    (headers, body): (HeaderMap, Bytes),
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = endpoint.uri().clone();
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    request
}

/// Reads what is left of an answer, so that its connection can be used again; gives up on one that is long or slow,
/// which closes the connection.
pub(super) async fn rest(mut body: Incoming, keep: usize) -> Vec<u8> {
    let mut excerpt = Vec::new();
    if body.is_end_stream() {
        return excerpt;
    }
    let read = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            seen += data.len();
            let room = keep.saturating_sub(excerpt.len());
            excerpt.extend(data.iter().take(room));
            if seen > ANSWER_BYTES_MAX {
                break;
            }
        }
    };
    // Whatever was read until then is kept: too slow is as good as too long.
    let _ = timeout(ANSWER_REST_TIMEOUT, read).await;
    excerpt
}
