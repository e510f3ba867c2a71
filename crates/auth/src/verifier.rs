//! From the bytes of a token to its claims.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{AlgorithmFamily, Header, Validation, decode, decode_header};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::claims::RawClaims;
use crate::keys::Key;
use crate::registered::claims;
use crate::subscription::RawSubscription;
use crate::{Claims, KeyError, KeySet, SubscriptionClaims, TokenError};

/// Checks tokens: with the server's keys, for its issuer and audience. Immutable; new keys are a new one.
#[derive(Clone, Default)]
pub struct Verifier {
    keys: KeySet,
    issuer: Option<String>,
    audience: Option<String>,
    on_unknown_key: Option<Arc<OnUnknownKey>>,
}

/// Called where a token names a public key that is not there. Must be quick: anybody can send such tokens.
pub type OnUnknownKey = dyn Fn() + Send + Sync;

/// A token whose header fits some key: what is left is its signature, which is what costs.
#[derive(Debug)]
pub struct Unverified<'a> {
    verifier: &'a Verifier,
    token: &'a [u8],
    header: Header,
    keys: Vec<&'a Key>,
}

impl Verifier {
    /// Longest token, in bytes.
    pub const TOKEN_BYTES_MAX: usize = 8 << 10;

    /// Where an issuer or an audience is given, tokens must have it.
    pub fn new(keys: KeySet, issuer: Option<String>, audience: Option<String>) -> Self {
        Self { keys, issuer, audience, on_unknown_key: None }
    }

    /// The same, and it says when a token names a public key that is not there.
    #[must_use]
    pub fn with_notice(self, on_unknown_key: Arc<OnUnknownKey>) -> Self {
        Self { on_unknown_key: Some(on_unknown_key), ..self }
    }

    /// The same with the keys of a JWK set, too. Where both have a key of one name, its own one counts.
    ///
    /// # Errors
    /// When it is no JWK set, or has no key that can be used.
    pub fn with_jwks(&self, json: &[u8]) -> Result<Self, KeyError> {
        let mut verifier = self.clone();
        verifier.keys.add_jwks(json)?;
        Ok(verifier)
    }

    /// Reads a token's header and finds the keys that it may be signed with.
    ///
    /// # Errors
    /// When it is no token, or there is no such key.
    pub fn read<'a>(&'a self, token: &'a [u8]) -> Result<Unverified<'a>, TokenError> {
        if token.len() > Self::TOKEN_BYTES_MAX {
            return Err(TokenError::Long);
        }
        let header = decode_header(token).map_err(|error| of_header(error.kind()))?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        self.notice_unknown(&header);
        let keys = self.keys.find(header.alg, header.kid.as_deref())?;
        Ok(Unverified { verifier: self, token, header, keys })
    }

    /// The names of secrets say nothing: those are the server's own.
    fn notice_unknown(&self, header: &Header) {
        if let (Some(notice), Some(id)) = (&self.on_unknown_key, &header.kid)
            && header.alg.family() != AlgorithmFamily::Hmac
            && !self.keys.has(id)
        {
            notice();
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, issuer, audience, .. } = self;
        let all = (keys, issuer, audience);
        f.debug_tuple("Verifier").field(&all).finish()
    }
}

impl Unverified<'_> {
    /// What checking the signature costs at most, in microseconds, for budgets.
    pub fn cost_us(&self) -> u32 {
        self.keys.iter().map(|key| key.cost_us()).sum()
    }

    /// The claims of the token, if it is good at `now_s` (Unix seconds).
    ///
    /// # Errors
    /// One for each rule that a token can break.
    pub fn verify(&self, now_s: u64) -> Result<Claims, TokenError> {
        let Verifier { issuer, audience, .. } = self.verifier;
        self.payload::<RawClaims>()?.check(now_s, issuer.as_deref(), audience.as_deref())
    }

    /// What the token says of one channel, if it is good at `now_s` (Unix seconds).
    ///
    /// # Errors
    /// One for each rule that a token can break.
    pub fn verify_subscription(&self, now_s: u64) -> Result<SubscriptionClaims, TokenError> {
        let Verifier { issuer, audience, .. } = self.verifier;
        self.payload::<RawSubscription>()?.check(now_s, issuer.as_deref(), audience.as_deref())
    }

    /// What is signed with one of the keys.
    fn payload<T: DeserializeOwned>(&self) -> Result<T, TokenError> {
        let mut refused = TokenError::UnknownKey;
        for key in &self.keys {
            match payload(self.token, &self.header, key) {
                Ok(payload) => return claims(payload.get().as_bytes()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

/// A header that cannot be read may still be that of a token, signed in a way that nobody here knows.
fn of_header(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::Json(error) if error.to_string().contains("unknown variant") => {
            TokenError::Algorithm
        }
        _ => TokenError::Malformed,
    }
}

/// Checks the signature alone: what the claims say is for [`RawClaims::check`] and its like, with our time.
fn payload(token: &[u8], header: &Header, key: &Key) -> Result<Box<RawValue>, TokenError> {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    match decode::<Box<RawValue>>(token, &key.decoding, &validation) {
        Ok(token) => Ok(token.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
            _ => TokenError::Malformed,
        }),
    }
}
