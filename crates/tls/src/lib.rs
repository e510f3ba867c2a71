//! TLS for connections that are silent most of the time: handshakes by rustls, and after them a record layer of
//! our own that costs an idle connection 139 bytes.
//!
//! What a TLS library keeps for an open connection is 3 to 29 KB: buffers, both cipher contexts, what the
//! handshake knew. An established connection of TLS 1.3 needs two traffic secrets, two keys and two
//! counters. So:
//!
//! - A [`Handshake`] is a rustls connection. It is given one record at a time, as far as its [`Acceptor`]
//!   says, and ends as [`Established`].
//! - [`Established`] opens records in place and seals bytes into records. With `TLS_AES_128_GCM_SHA256` that is
//!   [`Records`], which is plain data; with other suites, TLS 1.2, or where [`RecordLayer::Rustls`] says so, it is
//!   the rustls connection itself.
//! - [`Certificates`] choose a certificate by the name that a client asks for, and [`TicketKeys`] seal the tickets by
//!   which clients resume, on any shard and after a restart.
//!
//! There is no cipher in here: the AEAD, the key derivation and all of the handshake are those of aws-lc-rs and
//! rustls. And there is no socket, clock or thread, but for the thread that rustls is called on: it hands over
//! the traffic secrets through its key log, and [`Handshake::read`] takes them before it returns.
//!
//! Secrets are overwritten when they are dropped, and `Debug` shows none.
#![forbid(unsafe_code)]

mod acceptor;
mod alert;
mod certificate;
mod certificates;
mod error;
mod established;
mod exchange;
mod frame;
mod handshake;
mod keys;
mod records;
mod rustls_records;
mod secrets;
mod tickets;

pub use acceptor::{
    Acceptor, AcceptorConfig, AuthorityError, ClientCertificates, MinVersion, RecordLayer,
};
pub use alert::Alert;
pub use certificate::{Certificate, CertificateError};
pub use certificates::Certificates;
pub use error::{HandshakeError, RecordError};
pub use established::Established;
pub use frame::{PLAINTEXT_BYTES_MAX, RECORD_BYTES_MAX, sealed_bytes};
pub use handshake::Handshake;
pub use records::{Decrypted, End, Records};
pub use tickets::{TicketKeyError, TicketKeys};
