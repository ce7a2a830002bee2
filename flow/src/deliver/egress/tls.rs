//! TLS towards receivers: whom the bus trusts, and as whom it shows itself.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{ANSWER_HEAD_BYTES_MAX, EgressError, HttpClient, connect::Connector};

/// A certificate by which the bus shows itself to a receiver (mutual TLS). Its `Debug` shows nothing of it.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Option<String>,
    /// Connections made with it, and under which bounds.
    client: ArcSwapOption<(u64, Arc<HttpClient>)>,
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
            chain,
            key,
            authority: authority.map(str::to_owned),
            client: ArcSwapOption::empty(),
        };
        // What does not fit together is found now, and not at the first delivery.
        config(&[identity.authority.as_deref()], Some(&identity))?;
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

    pub(super) fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }
}

/// Public authorities, and others in PEM; and what the bus shows.
pub(super) fn config(
    extra_roots_pem: &[Option<&str>],
    identity: Option<&Identity>,
) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for pem in extra_roots_pem.iter().copied().flatten() {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots
                .add(certificate.map_err(|_| EgressError::Roots)?)
                .map_err(|_| EgressError::Roots)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| EgressError::Roots)?
        .with_root_certificates(roots);
    match identity {
        None => Ok(config.with_no_client_auth()),
        Some(identity) => config
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|_| EgressError::Identity("certificate and private key do not fit together")),
    }
}

/// A client with an empty pool. It follows no redirect and asks no proxy, for it has neither.
pub(super) fn client(
    connector: &Connector,
    tls: &ClientConfig,
    idle_max: usize,
    idle: Duration,
) -> HttpClient {
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
        .build::<_, Full<bytes::Bytes>>(https)
}
