//! Requests as a test suite sends them: header fields twice, values that are no ASCII, names in another case; and
//! answers as they are, whatever their status.

use super::{ANSWER_BYTES_MAX, Pool, cause, connector};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The method.
    pub(crate) method: Method,
    /// Where to.
    pub(crate) uri: Uri,
    /// Header fields in order.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Bytes,
    /// Header names as `Ce-Id`.
    pub(crate) title_case: bool,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body, complete.
    pub(crate) body: Bytes,
}

/// A client that says what it is told to.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    plain: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    title: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    within: Duration,
}

impl Wire {
    /// A client whose every call ends within this time.
    pub(crate) fn new(within: Duration) -> Self {
        let plain = Pool::builder(TokioExecutor::new()).build(connector());
        let title = Pool::builder(TokioExecutor::new())
            .http1_title_case_headers(true)
            .build(connector());
        Self { plain, title, within }
    }

    /// One exchange.
    ///
    /// # Errors
    /// One phrase: not reachable, no answer in time, an answer that is none or too large, a request that HTTP cannot carry.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Received, String> {
        let pool = if outgoing.title_case {
            &self.title
        } else {
            &self.plain
        };
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = outgoing.uri;
        for (name, value) in &outgoing.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_bytes(value).map_err(|error| error.to_string())?;
            request.headers_mut().append(name, value);
        }
        let exchange = async {
            let answer = pool.request(request).await.map_err(|error| cause(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            Ok(Received {
                status: head.status,
                headers: head.headers,
                body: body.map_err(|error| error.to_string())?.to_bytes(),
            })
        };
        tokio::time::timeout(self.within, exchange)
            .await
            .unwrap_or_else(|_| Err(super::late(self.within)))
    }
}
