//! A handshake: a rustls connection that is given one record at a time.
//!
//! One at a time for two reasons. What a client sends behind its last handshake record must not reach rustls, which
//! would keep it where it cannot be had back. And a caller can count what each record may cost: the first one of a
//! handshake takes 60 to 300 us.

use rustls::server::ServerConnection;
use rustls::{CipherSuite, Error, HandshakeKind};

use crate::acceptor::{Acceptor, RecordLayer};
use crate::error::{HandshakeError, RecordError};
use crate::established::Established;
use crate::exchange::{drain, feed};
use crate::frame::Frame;
use crate::records::Records;
use crate::rustls_records::RustlsRecords;
use crate::secrets::{TrafficSecrets, forget_heard};

/// A handshake under way. It takes about 5 KB, most of it on the heap.
pub struct Handshake {
    connection: ServerConnection,
    secrets: TrafficSecrets,
    layer: RecordLayer,
    has_begun: bool,
}

impl Handshake {
    /// A handshake by these rules.
    pub fn new(acceptor: &Acceptor) -> Result<Self, HandshakeError> {
        let connection =
            ServerConnection::new(acceptor.config()).map_err(|error| refused(&error))?;
        let (secrets, layer) = (TrafficSecrets::default(), acceptor.layer());
        Ok(Self { connection, secrets, layer, has_begun: false })
    }

    /// Takes the record at the beginning of `bytes`, if it is whole, and appends to `out` what the client is to be
    /// sent. Returns how many bytes the record had: 0 means that more must come first. An error says what is
    /// wrong, and `out` has the alert for it.
    ///
    /// When [`is_done`](Self::is_done), what follows is for [`Established::decrypt`].
    pub fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, HandshakeError> {
        let frame = match Frame::parse(bytes) {
            Ok(Some(frame)) if frame.bytes <= bytes.len() => frame,
            Ok(_) => return Ok(0),
            Err(RecordError::TooLong) => return Err(HandshakeError::TooLong),
            Err(_) if !self.has_begun && looks_like_http(bytes) => {
                return Err(HandshakeError::PlainHttp);
            }
            Err(_) => return Err(HandshakeError::NotTls),
        };
        self.has_begun = true;
        let result = feed(&mut self.connection, &bytes[..frame.bytes]);
        self.secrets.take_heard();
        drain(&mut self.connection, out);
        result.map(|()| frame.bytes).map_err(|error| {
            forget_heard();
            refused(&error)
        })
    }

    /// Both sides know that the handshake is complete.
    pub fn is_done(&self) -> bool {
        !self.connection.is_handshaking()
    }

    /// The client has come back with a ticket.
    pub fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The connection that has come about. Call it once the handshake [is done](Self::is_done); it fails before.
    pub fn finish(self) -> Result<Established, HandshakeError> {
        let Self { connection, secrets, layer, .. } = self;
        let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
        if connection.is_handshaking() {
            return Err(HandshakeError::Refused("the handshake is not complete".to_owned()));
        }
        let (Some(server), Some(client), Some(CipherSuite::TLS13_AES_128_GCM_SHA256)) =
            (secrets.server, secrets.client, suite)
        else {
            return Ok(Established::rustls(RustlsRecords::new(connection)));
        };
        if layer == RecordLayer::Rustls {
            return Ok(Established::rustls(RustlsRecords::new(connection)));
        }
        let keys = connection.dangerous_extract_secrets().map_err(|error| refused(&error))?;
        Ok(Established::compact(Records::new((&server, keys.tx.0), (&client, keys.rx.0))))
    }
}

/// The first bytes of a request line: a method is letters.
fn looks_like_http(bytes: &[u8]) -> bool {
    bytes.iter().take(3).all(u8::is_ascii_uppercase)
}

fn refused(error: &Error) -> HandshakeError {
    HandshakeError::Refused(error.to_string())
}

impl std::fmt::Debug for Handshake {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}
