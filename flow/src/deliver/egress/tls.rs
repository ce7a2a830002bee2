//! TLS towards receivers: whom the bus trusts, and as whom it shows itself.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use stadtbus_contracts::Zone;

use super::{ANSWER_HEAD_BYTES_MAX, EgressError, HttpClient, connect::Connector};

/// A certificate by which the bus shows itself to a receiver (mutual TLS). Its `Debug` shows nothing of it.
pub struct Identity {
    shown: Arc<Shown>,
    authority: Option<String>,
    /// Connections made with it, and under which bounds.
    client: ArcSwapOption<(u64, Arc<HttpClient>)>,
}

/// What is shown.
pub(super) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl Identity {
    /// A certificate with what leads up to its authority, its private key, and, where the receiver's own certificate is
    /// from an authority that only it knows, that; all in PEM.
    ///
    /// # Errors
    /// [`EgressError::Identity`].
    pub fn from_pem(chain: &str, key: &str, authority: Option<&str>) -> Result<Self, EgressError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| EgressError::Identity("the certificate is not PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| EgressError::Identity("the private key is not PEM"))?;
        let identity = Self {
            shown: Arc::new(Shown { chain, key }),
            authority: authority.map(str::to_owned),
            client: ArcSwapOption::empty(),
        };
        // What does not fit together is found now, and not at the first delivery.
        identity.trust(None)?;
        Ok(identity)
    }

    /// Its client; a new one after the bounds have changed.
    pub(super) fn client(
        &self,
        bounds: u64,
        make: impl Fn(&Self) -> Result<HttpClient, EgressError>,
    ) -> Result<Arc<HttpClient>, EgressError> {
        if let Some(made) = self.client.load_full().filter(|made| made.0 == bounds) {
            return Ok(Arc::clone(&made.1));
        }
        let client = Arc::new(make(self)?);
        self.client.store(Some(Arc::new((bounds, Arc::clone(&client)))));
        Ok(client)
    }

    /// Its authority is trusted, too.
    pub(super) fn trust(&self, extra_roots_pem: Option<&str>) -> Result<Trust, EgressError> {
        let roots = [extra_roots_pem, self.authority.as_deref()];
        Trust::new(&roots, Some(Arc::clone(&self.shown)))
    }
}

/// Whom a client trusts, and as whom it shows itself.
#[derive(Clone)]
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    shown: Option<Arc<Shown>>,
    /// Where no zone says more.
    everywhere: Arc<ClientConfig>,
}

impl Trust {
    /// Public authorities, and others in PEM; and what is shown.
    pub(super) fn new(
        extra_roots_pem: &[Option<&str>],
        shown: Option<Arc<Shown>>,
    ) -> Result<Self, EgressError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for pem in extra_roots_pem.iter().copied().flatten() {
            add(&mut roots, pem)?;
        }
        let roots = Arc::new(roots);
        let everywhere = Arc::new(config(Arc::clone(&roots), shown.as_deref())?);
        Ok(Self {
            roots,
            shown,
            everywhere,
        })
    }

    /// On the way to an address whose zones have these authorities: a receiver elsewhere that shows a certificate of theirs
    /// is not who it says.
    pub(super) fn towards<'a>(
        &self,
        authorities: impl Iterator<Item = &'a str>,
    ) -> Result<Arc<ClientConfig>, EgressError> {
        let mut authorities = authorities.peekable();
        if authorities.peek().is_none() {
            return Ok(Arc::clone(&self.everywhere));
        }
        let mut roots = RootCertStore::clone(&self.roots);
        for pem in authorities {
            add(&mut roots, pem)?;
        }
        config(Arc::new(roots), self.shown.as_deref()).map(Arc::new)
    }
}

/// Whether the certificates of these zones can be used; the first zone whose cannot.
pub(super) fn unusable(zones: &[Zone]) -> Option<&Zone> {
    zones.iter().find(|zone| {
        let ca = zone.ca.as_deref();
        ca.is_some_and(|pem| !matches!(add(&mut RootCertStore::empty(), pem), Ok(1..)))
    })
}

/// How many were added.
fn add(roots: &mut RootCertStore, pem: &str) -> Result<usize, EgressError> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots
            .add(certificate.map_err(|_| EgressError::Roots)?)
            .map_err(|_| EgressError::Roots)?;
        count += 1;
    }
    Ok(count)
}

fn config(roots: Arc<RootCertStore>, shown: Option<&Shown>) -> Result<ClientConfig, EgressError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| EgressError::Roots)?
        .with_root_certificates(roots);
    match shown {
        None => Ok(config.with_no_client_auth()),
        Some(shown) => config
            .with_client_auth_cert(shown.chain.clone(), shown.key.clone_key())
            .map_err(|_| EgressError::Identity("certificate and private key do not fit together")),
    }
}

/// A client with an empty pool. It follows no redirect and asks no proxy, for it has neither.
pub(super) fn client(connector: Connector, idle_max: usize, idle: Duration) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(idle_max)
        .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
        .retry_canceled_requests(true)
        .set_host(true)
        .build::<_, Full<bytes::Bytes>>(connector)
}
