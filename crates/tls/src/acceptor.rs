//! By which rules handshakes are made. A reload makes another acceptor; connections keep what they have.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{ALL_KX_GROUPS, cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::certificates::Certificates;
use crate::secrets::Listener;
use crate::tickets::TicketKeys;

/// The oldest version that clients may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2, whose connections stay in rustls.
    Tls12,
    /// TLS 1.3.
    #[default]
    Tls13,
}

/// Who keeps the records of established connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordLayer {
    /// [`Records`](crate::Records), where the suite is the one that they know.
    #[default]
    Compact,
    /// rustls, always: several KB a connection.
    Rustls,
}

/// Which certificates clients must show.
#[derive(Clone, Debug, Default)]
pub enum ClientCertificates {
    /// None.
    #[default]
    NotAsked,
    /// One that an authority in this PEM text vouches for.
    Required(Vec<u8>),
}

/// What an [`Acceptor`] is made of.
#[derive(Clone, Debug)]
pub struct AcceptorConfig {
    /// The server's.
    pub certificates: Arc<Certificates>,
    /// What seals tickets.
    pub tickets: Arc<TicketKeys>,
    /// The oldest version.
    pub min_version: MinVersion,
    /// Who keeps records.
    pub layer: RecordLayer,
    /// The clients'.
    pub clients: ClientCertificates,
}

/// By which rules handshakes are made. Cheap to clone; one for all shards, so that tickets are good on each.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    layer: RecordLayer,
}

/// What is wrong with the authorities of client certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has no authority that could vouch for clients: {0}")]
pub struct AuthorityError(String);

impl Acceptor {
    /// The protocol that is spoken inside (RFC 7301).
    const ALPN: &'static [u8] = b"http/1.1";

    /// Makes the rules of a configuration.
    pub fn new(config: AcceptorConfig) -> Result<Self, AuthorityError> {
        let AcceptorConfig { certificates, tickets, min_version, layer, clients } = config;
        let provider = Arc::new(provider());
        let verifier = verifier(clients, &provider)?;
        let versions: &[&SupportedProtocolVersion] = match min_version {
            MinVersion::Tls12 => &[&version::TLS13, &version::TLS12],
            MinVersion::Tls13 => &[&version::TLS13],
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| AuthorityError(error.to_string()))?
            .with_client_cert_verifier(verifier);
        let mut config = config.with_cert_resolver(certificates);
        config.alpn_protocols = vec![Self::ALPN.to_vec()];
        // The suite that the compact records know is the cheapest with AES instructions; clients put others first.
        config.ignore_client_order = true;
        config.ticketer = tickets;
        config.send_tls13_tickets = 1;
        // Not one byte before the handshake is complete: such data can be sent again by anybody (RFC 8446 8).
        config.max_early_data_size = 0;
        config.enable_secret_extraction = true;
        config.key_log = Arc::new(Listener);
        Ok(Self { config: Arc::new(config), layer })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn layer(&self) -> RecordLayer {
        self.layer
    }
}

/// All suites of aws-lc-rs, with that of the compact records first.
fn provider() -> CryptoProvider {
    let mut provider = CryptoProvider { kx_groups: ALL_KX_GROUPS.to_vec(), ..default_provider() };
    let first = cipher_suite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.retain(|suite| *suite != first);
    provider.cipher_suites.insert(0, first);
    provider
}

fn verifier(
    clients: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, AuthorityError> {
    let ClientCertificates::Required(pem) = clients else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&pem) {
        let authority = authority.map_err(|error| AuthorityError(error.to_string()))?;
        roots.add(authority).map_err(|error| AuthorityError(error.to_string()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    verifier.build().map_err(|error| AuthorityError(error.to_string()))
}
