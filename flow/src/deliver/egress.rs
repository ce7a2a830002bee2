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
mod message;
mod policy;
mod resolve;
mod tls;

#[cfg(test)]
pub(super) mod tests;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use stadtbus_contracts::{Zone, reach::Malformed};
use tokio::time::{Instant, timeout, timeout_at};

pub use dial::{Dial, Tcp, Wire};
pub use resolve::{ADDRESSES_MAX, Resolve, SystemResolver, addresses_of};
pub use stadtbus_contracts::reach::{AddressClass, Denied, Endpoint};
pub use tls::Identity;

use connect::Connector;
use failure::{connect_failure, failure, was_stale};
use message::{excerpt_of, request, rest};
use policy::Policy;

/// How much of an answer is read, in bytes. What is longer is cut off together with its connection.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The longest head of an answer, in bytes; hyper's limit of 100 header fields holds as well.
pub const ANSWER_HEAD_BYTES_MAX: usize = 32 * 1024;

/// How much of an unwelcome answer is kept for whoever looks into it, in bytes.
pub const EXCERPT_BYTES_MAX: usize = 1024;

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
    /// SB-2014: what the bus is to show itself by cannot be used.
    #[error("The certificate for the receiver cannot be used: {0}.")]
    Identity(&'static str),
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
            Self::Identity(_) => "SB-2014",
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

type HttpClient = Client<Connector, Full<Bytes>>;

/// The door. One for the whole process.
pub struct Egress {
    connector: Connector,
    extra_roots_pem: Option<String>,
    idle_connections_max: usize,
    idle: Duration,
    client: ArcSwap<HttpClient>,
    /// Counts the changes of zones.
    bounds: AtomicU64,
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
        let trust = tls::Trust::new(&[config.extra_roots_pem.as_deref()], None)?;
        let policy = Policy {
            zones: config.zones,
            own: config.own,
        };
        let connector = Connector {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            resolver,
            dialer,
            trust,
        };
        let idle = Duration::from_millis(config.idle_ms_max);
        let client = tls::client(connector.clone(), config.idle_connections_max, idle);
        let client = ArcSwap::from_pointee(client);
        Ok(Self {
            connector,
            extra_roots_pem: config.extra_roots_pem,
            idle_connections_max: config.idle_connections_max,
            idle,
            client,
            bounds: AtomicU64::new(0),
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
        let client = tls::client(self.connector.clone(), self.idle_connections_max, self.idle);
        self.client.store(Arc::new(client));
        self.bounds.fetch_add(1, Ordering::AcqRel);
    }

    /// The client that shows this identity, or none.
    fn client(&self, identity: Option<&Identity>) -> Result<Arc<HttpClient>, EgressError> {
        let Some(identity) = identity else {
            return Ok(self.client.load_full());
        };
        identity.client(self.bounds.load(Ordering::Acquire), |identity| {
            let connector = Connector {
                trust: identity.trust(self.extra_roots_pem.as_deref())?,
                ..self.connector.clone()
            };
            Ok(tls::client(connector, self.idle_connections_max, self.idle))
        })
    }

    /// Whether these zones can be in force; the name of the first that cannot, for its certificates are none.
    ///
    /// # Errors
    /// That name.
    pub fn check_zones(zones: &[Zone]) -> Result<(), &str> {
        tls::unusable(zones).map_or(Ok(()), |zone| Err(&zone.zone))
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
    /// closed by the receiver meanwhile, which may mean that the receiver sees the message twice. `identity` is shown to
    /// receivers that ask for a certificate.
    ///
    /// # Errors
    /// [`EgressError`]; whatever the receiver answers is no error.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        identity: Option<&Identity>,
        within: Duration,
        message: impl Fn() -> (HeaderMap, Bytes),
    ) -> Result<Answer, EgressError> {
        self.exchange(
            &Method::POST,
            self.client(identity)?,
            endpoint,
            within,
            message,
            excerpt_of,
        )
        .await
    }

    /// Posts once for the sake of the answer: as much of its body as is read at all is kept, whatever the status.
    ///
    /// # Errors
    /// [`EgressError`]; whatever is answered is no error.
    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        within: Duration,
        message: impl Fn() -> (HeaderMap, Bytes),
    ) -> Result<Answer, EgressError> {
        let keep = |_: StatusCode| ANSWER_BYTES_MAX;
        self.exchange(
            &Method::POST,
            self.client.load_full(),
            endpoint,
            within,
            message,
            keep,
        )
        .await
    }

    /// Asks what a receiver allows, without a body. The same address checks, bounds and rules as [`Egress::post`].
    ///
    /// # Errors
    /// [`EgressError`]; whatever the receiver answers is no error.
    pub async fn options(
        &self,
        endpoint: &Endpoint,
        identity: Option<&Identity>,
        within: Duration,
        headers: impl Fn() -> HeaderMap,
    ) -> Result<Answer, EgressError> {
        let message = || (headers(), Bytes::new());
        self.exchange(
            &Method::OPTIONS,
            self.client(identity)?,
            endpoint,
            within,
            message,
            excerpt_of,
        )
        .await
    }

    async fn exchange(
        &self,
        method: &Method,
        client: Arc<HttpClient>,
        endpoint: &Endpoint,
        within: Duration,
        message: impl Fn() -> (HeaderMap, Bytes),
        keep: impl Fn(StatusCode) -> usize,
    ) -> Result<Answer, EgressError> {
        let deadline = Instant::now() + within;
        let exchange = async {
            let first = Instant::now();
            let send = || client.request(request(method, endpoint, message()));
            let response = match send().await {
                Err(error) if was_stale(&error, first) => send().await,
                answered => answered,
            };
            let response = response.map_err(|error| failure(&error, within))?;
            let (head, body) = response.into_parts();
            let excerpt = rest(body, keep(head.status)).await;
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
