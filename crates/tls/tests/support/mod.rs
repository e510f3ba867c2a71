//! An authority, acceptors, and a client of rustls that is connected to a server in memory.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CipherSuite, ClientConnection, RootCertStore, SupportedProtocolVersion};
use switchboard_tls::{
    Acceptor, AcceptorConfig, Certificate, Certificates, ClientCertificates, Decrypted, End,
    Established, Handshake, HandshakeError, MinVersion, RecordLayer, TicketKeys,
};

/// The name of the server in its certificate.
pub(crate) const HOST: &str = "push.example";

/// An authority, and what it vouches for.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Unless the names differ, openssl takes what it issues for signed by itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The PEM texts of a certificate for a name, and of its key.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The configuration of a server with a certificate for [`HOST`].
    pub(crate) fn config(&self) -> AcceptorConfig {
        let (chain, key) = self.issue(HOST);
        let certificate = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        AcceptorConfig {
            certificates: Arc::new(Certificates::new(&[certificate]).unwrap()),
            tickets: Arc::new(TicketKeys::random().unwrap()),
            min_version: MinVersion::Tls12,
            layer: RecordLayer::Compact,
            clients: ClientCertificates::NotAsked,
        }
    }

    /// A client that trusts this authority, and speaks one version and the suites that are chosen.
    pub(crate) fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        suites: impl Fn(CipherSuite) -> bool,
        identity: Option<(String, String)>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let mut provider: CryptoProvider = default_provider();
        provider.cipher_suites.retain(|suite| suites(suite.suite()));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            Some((chain, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        })
    }
}

/// The server's side of a connection, driven as a shard does it.
pub(crate) enum Server {
    Opening(Box<Handshake>),
    Open(Established),
    /// Between the two.
    Moving,
}

/// A client and a server, and what is between them.
pub(crate) struct Connection {
    pub(crate) client: ClientConnection,
    pub(crate) server: Server,
    /// What the server has received and not used.
    held: Vec<u8>,
    /// What the server's application has received.
    pub(crate) received: Vec<u8>,
    pub(crate) end: Option<End>,
    pub(crate) is_resumed: bool,
}

impl Connection {
    pub(crate) fn new(acceptor: &Acceptor, config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(HOST).unwrap();
        Self {
            client: ClientConnection::new(Arc::clone(config), name).unwrap(),
            server: Server::Opening(Box::new(Handshake::new(acceptor).unwrap())),
            held: Vec::new(),
            received: Vec::new(),
            end: None,
            is_resumed: false,
        }
    }

    /// A connection whose handshake is complete.
    pub(crate) fn open(acceptor: &Acceptor, config: &Arc<ClientConfig>) -> Self {
        let mut connection = Self::new(acceptor, config);
        connection.exchange().unwrap();
        assert!(matches!(connection.server, Server::Open(_)));
        assert_eq!(connection.client.alpn_protocol(), None, "it has offered none");
        connection
    }

    /// Lets both sides say what they have to, until neither has more.
    pub(crate) fn exchange(&mut self) -> Result<(), HandshakeError> {
        loop {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            let mut out = Vec::new();
            let result = self.receive(&bytes, &mut out);
            self.tell_client(&out);
            result?;
            if bytes.is_empty() && out.is_empty() {
                return Ok(());
            }
        }
    }

    pub(crate) fn tell_client(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.client.read_tls(&mut bytes).unwrap() > 0 {
            if self.client.process_new_packets().is_err() {
                return;
            }
        }
    }

    /// The server receives bytes.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), HandshakeError> {
        self.held.extend_from_slice(bytes);
        while let Server::Opening(handshake) = &mut self.server {
            let used = handshake.read(&self.held, out)?;
            self.held.drain(..used);
            if handshake.is_done() {
                self.is_resumed = handshake.is_resumed();
                let Server::Opening(handshake) =
                    std::mem::replace(&mut self.server, Server::Moving)
                else {
                    unreachable!()
                };
                self.server = Server::Open(handshake.finish()?);
            } else if used == 0 {
                return Ok(());
            }
        }
        if let Server::Open(established) = &mut self.server {
            let Decrypted { plaintext, used, end } = established.decrypt(&mut self.held);
            self.received.extend_from_slice(&self.held[..plaintext]);
            self.held.drain(..used);
            if established.owes_output() {
                established.seal_owed(out);
            }
            if let Some(end) = end {
                established.seal_end(end, out);
                self.end = Some(end);
            }
        }
        Ok(())
    }

    pub(crate) fn established(&mut self) -> &mut Established {
        match &mut self.server {
            Server::Open(established) => established,
            _ => panic!("the handshake is not complete"),
        }
    }

    /// The server sends something, and the client reads it.
    pub(crate) fn send_to_client(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.established().seal(plaintext, &mut out);
        let mut got = Vec::new();
        for part in out.chunks(4_000) {
            self.tell_client(part);
            let mut buffer = [0; 4_096];
            while let Ok(read) = self.client.reader().read(&mut buffer)
                && read > 0
            {
                got.extend_from_slice(&buffer[..read]);
            }
        }
        got
    }

    /// The client sends something, and the server reads it.
    pub(crate) fn send_to_server(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(plaintext).unwrap();
        self.exchange().unwrap();
        std::mem::take(&mut self.received)
    }
}
