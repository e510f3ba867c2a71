//! Why a token is refused, and why a key cannot be used.

use thiserror::Error;

/// Why a token is refused. What it says is for the client: it tells nothing of the keys.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TokenError {
    /// It is no signed token (RFC 7519 section 7.2).
    #[error("the token is not a signed JWT")]
    Malformed,
    /// It is longer than any that this server takes.
    #[error("the token is longer than 8,192 bytes")]
    Long,
    /// Its algorithm is not that of the key (RFC 8725 section 3.1).
    #[error("the token is signed with an algorithm that this server does not take")]
    Algorithm,
    /// It asks for an extension (`crit`) that this server does not have (RFC 7515 section 4.1.11).
    #[error("the token has critical header parameters (crit) that this server does not know")]
    Critical,
    /// It names a key that is not there, or none where one must be named.
    #[error("the token is signed with a key that this server does not have")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature of the token is wrong")]
    Signature,
    /// `exp` is in the past (RFC 7519 section 4.1.4).
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future (RFC 7519 section 4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not `token_issuer` (RFC 7519 section 4.1.1).
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` does not have `token_audience` (RFC 7519 section 4.1.3).
    #[error("the token is for another audience")]
    Audience,
    /// It is that of a subscription where one of a connection is wanted, or the other way round.
    #[error(
        "the token is for something else: one for a subscription names its `channel`, one for a connection none"
    )]
    Purpose,
    /// A claim is not what it must be.
    #[error("the claim `{0}` of the token is not what it must be")]
    Claim(&'static str),
}

/// Why a key cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum KeyError {
    /// An empty secret would let anybody sign.
    #[error("must not be empty")]
    Empty,
    /// No public key in PEM.
    #[error(
        "must be a public key in PEM: RSA of 2,048 to 4,096 bits, EC on P-256 or P-384, or Ed25519"
    )]
    NotPem,
    /// No JWK set (RFC 7517 section 5).
    #[error("must be a JWK set (RFC 7517): {0}")]
    NotJwks(String),
    /// More keys without a name than a token may be tried with.
    #[error(
        "has too many keys of one kind without a `kid`: a token must choose its key, at most {0}"
    )]
    Nameless(usize),
    /// A JWK set without a key that can be used.
    #[error("must have a public key for signatures that this server can use")]
    NoUsableKey,
}
