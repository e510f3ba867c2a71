//! What can be wrong with what a peer sends.

use crate::Alert;

/// A record that breaks a rule. The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The first byte names no type of record: this is not TLS.
    #[error("this is no TLS record")]
    UnknownType,
    /// RFC 8446 5.2.
    #[error("a record is longer than TLS allows")]
    TooLong,
    /// RFC 8446 5.1: at most 2^14 bytes.
    #[error("a record has more plaintext than TLS allows")]
    TooMuchPlaintext,
    /// RFC 8446 5.2: records that are not encrypted, and `change_cipher_spec`, end with the handshake.
    #[error("a record is not encrypted")]
    NotEncrypted,
    /// It was changed on its way, or sealed with another key (RFC 8446 5.2).
    #[error("a record cannot be decrypted")]
    BadMac,
    /// RFC 8446 5.4: it is all padding, or names a type that cannot be encrypted.
    #[error("a record has no type")]
    NoType,
    /// RFC 8446 5.1: a handshake message or an alert must not be empty.
    #[error("a record of a handshake message or an alert is empty")]
    Empty,
    /// More of them in a row than 32: they cost the server a decryption each,
    /// and say nothing.
    #[error("too many records without data")]
    TooManyWithoutData,
    /// RFC 8446 4.6: a client may send nothing but `KeyUpdate` after its handshake.
    #[error("a handshake message comes after the handshake")]
    UnexpectedHandshake,
    /// RFC 8446 4.6.3: neither 0 nor 1.
    #[error("a KeyUpdate has an unknown request")]
    BadKeyUpdate,
    /// RFC 8446 5.1: what uses another key begins with another record.
    #[error("a KeyUpdate does not end its record")]
    UnalignedKeyUpdate,
    /// RFC 8446 6: level and description.
    #[error("an alert has another length than two bytes")]
    BadAlert,
    /// The peer says that something is wrong (RFC 8446 6.2).
    #[error("the peer ended the connection with alert {0}")]
    PeerAlert(u8),
    /// Of TLS 1.2, or where rustls keeps the records.
    #[error("rustls ended the connection: {alert:?}")]
    Rustls {
        /// The alert that was sent, if any.
        alert: Option<u8>,
    },
}

impl RecordError {
    /// What to tell the peer: nothing where it said so itself, or rustls has.
    pub fn alert(self) -> Option<Alert> {
        Some(match self {
            Self::TooLong | Self::TooMuchPlaintext => Alert::RecordOverflow,
            Self::BadMac => Alert::BadRecordMac,
            Self::BadKeyUpdate => Alert::IllegalParameter,
            Self::BadAlert => Alert::DecodeError,
            Self::UnknownType
            | Self::NotEncrypted
            | Self::NoType
            | Self::Empty
            | Self::TooManyWithoutData
            | Self::UnexpectedHandshake
            | Self::UnalignedKeyUpdate => Alert::UnexpectedMessage,
            Self::PeerAlert(_) | Self::Rustls { .. } => return None,
        })
    }
}

/// A handshake that cannot go on. What the peer is to be told, if anything, has been written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The client speaks HTTP without TLS: it can be answered in words.
    #[error("the client sent plain HTTP to a TLS port")]
    PlainHttp,
    /// It speaks something else.
    #[error("the client does not speak TLS")]
    NotTls,
    /// A record is longer than TLS allows.
    #[error("a record of the handshake is longer than TLS allows")]
    TooLong,
    /// What rustls says of it.
    #[error("{0}")]
    Refused(String),
}
