//! The one door for connections out of the bus.
//!
//! *Promise*: a request goes to an address that was looked at in the same breath, and to nowhere else; it ends
//! within its time; and its answer costs the bus at most [`ANSWER_BYTES_MAX`]. *What it refuses*: redirects and
//! proxies (it knows neither), networks no zone opens ([`AddressClass`]), the bus's own addresses, certificates for
//! another name. *Why one door*: a check that can be gone around is none.
//!
//! Connections are kept and used again, for the pool knows them by scheme, host and port and each was checked when
//! it was made. A change of zones throws all of them away, so that it holds at once.

mod connect;
mod dial;
mod failure;
mod policy;
mod resolve;

#[cfg(test)]
pub(super) mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use stadtbus_contracts::{Zone, reach::Malformed};
use tokio::time::{Instant, timeout, timeout_at};

pub use dial::{Dial, Tcp, Wire};
pub use resolve::{ADDRESSES_MAX, Resolve, SystemResolver};
pub use stadtbus_contracts::reach::{AddressClass, Denied, Endpoint};

use connect::Connector;
use failure::{connect_failure, failure, was_stale};
use policy::Policy;

/// How much of an answer is read, in bytes. What is longer is cut off together with its connection.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The longest head of an answer, in bytes; hyper's limit of 100 header fields holds as well.
pub const ANSWER_HEAD_BYTES_MAX: usize = 32 * 1024;

/// How much of an unwelcome answer is kept for whoever looks into it, in bytes.
pub const EXCERPT_BYTES_MAX: usize = 1024;

/// How long the rest of an answer is waited for once its status is known. The status decides; the rest only makes
/// the connection usable again, which is not worth more than this.
const ANSWER_REST_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a name may take to resolve when a target is checked before there is a deadline.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// What the door needs to know.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// What the city opens besides public addresses over TLS.
    pub zones: Vec<Zone>,
    /// The bus's own addresses: listener, broker, monitor. Never connected to.
    pub own: Vec<SocketAddr>,
    /// Certificates of the city's own authorities, PEM, trusted besides the public ones.
    pub extra_roots_pem: Option<String>,
    /// Idle connections kept for each receiver.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept, in milliseconds.
    pub idle_ms_max: u64,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            zones: Vec::new(),
            own: Vec::new(),
            extra_roots_pem: None,
            idle_connections_max: 64,
            idle_ms_max: 30_000,
        }
    }
}

/// Why a request has no answer. `Display` is one sentence without any address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// SB-5005: the target itself is malformed; the text says which rule it breaks.
    #[error("The target cannot be used: {0}.")]
    Target(&'static str),
    /// SB-1002: the certificates given for trust cannot be read.
    #[error("The additional certificates cannot be read as PEM.")]
    Roots,
    /// SB-3006: out of bounds.
    #[error("The receiver may not be connected to: {0}.")]
    Forbidden(Denied),
    /// SB-3003: no connection, or it broke before there was an answer.
    #[error("The receiver cannot be reached: {0}.")]
    Unreachable(&'static str),
    /// SB-3004: no answer in time.
    #[error("The receiver did not answer within {0} ms.")]
    TimedOut(u128),
    /// SB-3007: an answer that is none.
    #[error("The receiver's answer cannot be used: {0}.")]
    Unusable(&'static str),
}

impl EgressError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Target(_) => "SB-5005",
            Self::Roots => "SB-1002",
            Self::Forbidden(_) => "SB-3006",
            Self::Unreachable(_) => "SB-3003",
            Self::TimedOut(_) => "SB-3004",
            Self::Unusable(_) => "SB-3007",
        }
    }
}

impl From<Malformed> for EgressError {
    fn from(malformed: Malformed) -> Self {
        Self::Target(malformed.en)
    }
}

/// What a receiver answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its `Retry-After`, unread.
    pub retry_after: Option<HeaderValue>,
    /// The beginning of the body of an answer other than 2xx, at most [`EXCERPT_BYTES_MAX`], as it came.
    pub excerpt: Vec<u8>,
    /// All its header fields, unread, at most [`ANSWER_HEAD_BYTES_MAX`].
    pub headers: HeaderMap,
}

type HttpClient = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// The door. One for the whole process.
pub struct Egress {
    connector: Connector,
    tls: ClientConfig,
    idle_connections_max: usize,
    idle: Duration,
    client: ArcSwap<HttpClient>,
}

impl Egress {
    /// A door that asks the operating system for addresses.
    ///
    /// # Errors
    /// [`EgressError::Roots`].
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        Self::with_resolver(config, Arc::new(SystemResolver::default()))
    }

    /// A door with another resolver.
    ///
    /// # Errors
    /// [`EgressError::Roots`].
    pub fn with_resolver(config: EgressConfig, resolver: Arc<dyn Resolve>) -> Result<Self, EgressError> {
        Self::with_net(config, resolver, Arc::new(Tcp))
    }

    /// A door into another net: the checks are the same, but names and connections are not the operating system's.
    ///
    /// # Errors
    /// [`EgressError::Roots`].
    pub fn with_net(
        config: EgressConfig,
        resolver: Arc<dyn Resolve>,
        dialer: Arc<dyn Dial>,
    ) -> Result<Self, EgressError> {
        let tls = tls(config.extra_roots_pem.as_deref())?;
        let policy = Policy {
            zones: config.zones,
            own: config.own,
        };
        let connector = Connector {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            resolver,
            dialer,
        };
        let idle = Duration::from_millis(config.idle_ms_max);
        let client = client(&connector, &tls, config.idle_connections_max, idle);
        let client = ArcSwap::from_pointee(client);
        Ok(Self {
            connector,
            tls,
            idle_connections_max: config.idle_connections_max,
            idle,
            client,
        })
    }

    /// Other zones from now on. Connections made under the old ones are not used again.
    pub fn set_zones(&self, zones: Vec<Zone>) {
        let old = self.connector.policy.load_full();
        if old.zones == zones {
            return;
        }
        self.connector.policy.store(Arc::new(Policy {
            zones,
            ..Policy::clone(&old)
        }));
        let client = client(&self.connector, &self.tls, self.idle_connections_max, self.idle);
        self.client.store(Arc::new(client));
    }

    /// Whether a target could be delivered to at this moment: what each connection asks, for the moment a subscription
    /// is saved or tried. `zones` are those it is to be judged by, if not those in force.
    ///
    /// # Errors
    /// [`EgressError::Target`] and [`EgressError::Forbidden`]; [`EgressError::Unreachable`] when the name does not
    /// resolve now, which says nothing about later.
    pub async fn check(&self, url: &str, zones: Option<&[Zone]>) -> Result<(), EgressError> {
        let endpoint = Endpoint::parse(url)?;
        let policy = self.connector.policy.load_full();
        let reach = policy.reach_in(zones.unwrap_or(&policy.zones));
        // What is out of bounds whatever the name resolves to is said without asking.
        reach.judge(&endpoint, None).map_err(EgressError::Forbidden)?;
        match timeout(LOOKUP_TIMEOUT, self.connector.addresses(&endpoint, reach)).await {
            Ok(found) => found
                .map(|_| ())
                .map_err(|error| connect_failure(&error, LOOKUP_TIMEOUT)),
            Err(_) => Err(EgressError::Unreachable("its name does not resolve")),
        }
    }

    /// Posts once. `message` gives head and body; it is asked again if a kept connection turns out to have been
    /// closed by the receiver meanwhile, which may mean that the receiver sees the message twice.
    ///
    /// # Errors
    /// [`EgressError`]; whatever the receiver answers is no error.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        within: Duration,
        message: impl Fn() -> (HeaderMap, Bytes),
    ) -> Result<Answer, EgressError> {
        self.exchange(&Method::POST, endpoint, within, message).await
    }

    /// Asks what a receiver allows, without a body. The same address checks, bounds and rules as [`Egress::post`].
    ///
    /// # Errors
    /// [`EgressError`]; whatever the receiver answers is no error.
    pub async fn options(
        &self,
        endpoint: &Endpoint,
        within: Duration,
        headers: impl Fn() -> HeaderMap,
    ) -> Result<Answer, EgressError> {
        let message = || (headers(), Bytes::new());
        self.exchange(&Method::OPTIONS, endpoint, within, message).await
    }

    async fn exchange(
        &self,
        method: &Method,
        endpoint: &Endpoint,
        within: Duration,
        message: impl Fn() -> (HeaderMap, Bytes),
    ) -> Result<Answer, EgressError> {
        let deadline = Instant::now() + within;
        let client = self.client.load_full();
        let exchange = async {
            let first = Instant::now();
            let send = || client.request(request(method, endpoint, message()));
            let response = match send().await {
                Err(error) if was_stale(&error, first) => send().await,
                answered => answered,
            };
            let response = response.map_err(|error| failure(&error, within))?;
            let (head, body) = response.into_parts();
            let keep = if head.status.is_success() {
                0
            } else {
                EXCERPT_BYTES_MAX
            };
            let excerpt = rest(body, keep).await;
            Ok(Answer {
                status: head.status,
                retry_after: head.headers.get(RETRY_AFTER).cloned(),
                excerpt,
                headers: head.headers,
            })
        };
        match timeout_at(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => Err(EgressError::TimedOut(within.as_millis())),
        }
    }
}

fn request(
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
async fn rest(mut body: Incoming, keep: usize) -> Vec<u8> {
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

/// Public authorities, and the city's own.
fn tls(extra_roots_pem: Option<&str>) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in CertificateDer::pem_slice_iter(extra_roots_pem.unwrap_or_default().as_bytes()) {
        roots
            .add(certificate.map_err(|_| EgressError::Roots)?)
            .map_err(|_| EgressError::Roots)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config
        .map_err(|_| EgressError::Roots)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// A client with an empty pool. It follows no redirect and asks no proxy, for it has neither.
fn client(connector: &Connector, tls: &ClientConfig, idle_max: usize, idle: Duration) -> HttpClient {
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector.clone());
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(idle_max)
        .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .retry_canceled_requests(true)
        .set_host(true)
        .build(https)
}
