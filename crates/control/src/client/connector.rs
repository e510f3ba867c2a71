//! Connections to backends: TCP, and TLS where the address says https.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tower::Service;

/// Opens connections. TLS is checked against the machine's own certificates, or those that
/// `SSL_CERT_FILE` names.
#[derive(Clone)]
pub(crate) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    /// Reads the certificates, where some address is https.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn new(needs_tls: bool) -> io::Result<Self> {
        let roots = if needs_tls { machine_roots()? } else { RootCertStore::empty() };
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Ok(Self(https.enable_http1().wrap_connector(tcp)))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(..)")
    }
}

/// One that cannot be read does no harm while there are others.
fn machine_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        return Err(io::Error::other(format!(
            "this machine has no certificates of authorities, without which no https address can be \
             trusted (install ca-certificates, or set SSL_CERT_FILE){why}"
        )));
    }
    Ok(roots)
}

/// A connector whose connections must come about in time, also while nobody waits for them any more.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    connector: Connector,
    within: Duration,
}

impl Timed {
    pub(super) fn new(connector: Connector, within: Duration) -> Self {
        Self { connector, within }
    }
}

type Opened = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Timed {
    type Response = Opened;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Opened, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.connector.0.call(uri);
        let within = self.within;
        Box::pin(async move {
            match tokio::time::timeout(within, opening).await {
                Ok(opened) => opened,
                Err(late) => Err(late.into()),
            }
        })
    }
}
