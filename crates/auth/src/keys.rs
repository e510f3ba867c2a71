//! The keys of the server, each with the algorithms that it is for.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

use crate::{KeyError, TokenError};

/// Keys that tokens may be signed with.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// One key. Its `Debug` tells nothing of it, since that of [`DecodingKey`] does not.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its name in a JWK set.
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(crate) decoding: DecodingKey,
}

/// Keys that are looked at in a JWK set.
const JWKS_KEYS_MAX: usize = 64;

impl KeySet {
    /// Adds a secret for HS256, HS384 and HS512.
    ///
    /// # Errors
    /// When it is empty.
    pub fn add_secret(&mut self, secret: &[u8]) -> Result<(), KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        self.add(None, DecodingKey::from_secret(secret));
        self.check_nameless()
    }

    /// Adds a public key in PEM. What it is says which algorithms it is for.
    ///
    /// # Errors
    /// When it is none, or of a kind that is not taken.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), KeyError> {
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyError::NotPem)?;
        if algorithms(&key).is_empty() {
            return Err(KeyError::NotPem);
        }
        self.add(None, key);
        self.check_nameless()
    }

    /// Adds the public keys of a JWK set (RFC 7517) that are for signatures. Secrets in one are left out:
    /// who can read the set could sign.
    ///
    /// # Errors
    /// When it is no JWK set, or has no key that can be used.
    pub fn add_jwks(&mut self, json: &[u8]) -> Result<(), KeyError> {
        let set: JwkSet =
            serde_json::from_slice(json).map_err(|error| KeyError::NotJwks(error.to_string()))?;
        let before = self.keys.len();
        for jwk in set.keys.iter().take(JWKS_KEYS_MAX).filter(|jwk| is_for_signatures(jwk)) {
            self.add_jwk(jwk);
        }
        if self.keys.len() == before {
            return Err(KeyError::NoUsableKey);
        }
        self.check_nameless()
    }

    /// A token without a name is tried with all keys that have none, so these are few.
    fn check_nameless(&self) -> Result<(), KeyError> {
        let nameless = || self.keys.iter().filter(|key| key.id.is_none());
        let alike = |key: &Key| {
            nameless().filter(|other| other.algorithms.first() == key.algorithms.first()).count()
        };
        if nameless().any(|key| alike(key) > NAMELESS_MAX) {
            return Err(KeyError::Nameless(NAMELESS_MAX));
        }
        Ok(())
    }

    fn add_jwk(&mut self, jwk: &Jwk) {
        let Ok(decoding) = DecodingKey::from_jwk(jwk) else {
            return;
        };
        if decoding.family() == AlgorithmFamily::Hmac {
            return;
        }
        let mut algorithms = algorithms(&decoding);
        if let Some(algorithm) = jwk.common.key_algorithm {
            // A key may be for one algorithm of its family only (RFC 7517 section 4.4).
            let only = Algorithm::try_from(algorithm).ok();
            algorithms.retain(|algorithm| Some(*algorithm) == only);
        }
        if !algorithms.is_empty() {
            self.keys.push(Key { id: jwk.common.key_id.clone(), algorithms, decoding });
        }
    }

    fn add(&mut self, id: Option<String>, decoding: DecodingKey) {
        let algorithms = algorithms(&decoding);
        self.keys.push(Key { id, algorithms, decoding });
    }

    /// Whether there is a key of this name.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that a token with this algorithm may be signed with: the one that it names, or those
    /// that have no name. One that has a name is also meant by tokens without a name while it is the only
    /// one.
    pub(crate) fn find(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<Vec<&Key>, TokenError> {
        if self.is_empty() {
            return Err(TokenError::UnknownKey);
        }
        let fit: Vec<&Key> =
            self.keys.iter().filter(|key| key.algorithms.contains(&algorithm)).collect();
        if fit.is_empty() {
            return Err(TokenError::Algorithm);
        }
        let named = fit.iter().filter(|key| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => key.id.is_some(),
        });
        let named: Vec<&Key> = named.copied().take(2).collect();
        let nameless = fit.iter().filter(|key| key.id.is_none()).copied();
        let keys: Vec<&Key> = match (named.len(), id) {
            (1 | 2, Some(_)) => vec![named[0]],
            // A set of one key need not be named by its tokens.
            (1, None) => nameless.chain(named).collect(),
            _ => nameless.collect(),
        };
        if keys.is_empty() { Err(TokenError::UnknownKey) } else { Ok(keys) }
    }
}

impl Key {
    /// What checking a signature costs at most, in microseconds: measured with the benchmark `token`.
    pub(crate) fn cost_us(&self) -> u32 {
        match (self.decoding.family(), self.decoding.kind()) {
            (AlgorithmFamily::Hmac, _) => 4,
            // It grows with the square of the modulus.
            (
                AlgorithmFamily::Rsa,
                DecodingKeyKind::RsaModulusExponent { n: bytes, .. }
                | DecodingKeyKind::SecretOrDer(bytes),
            ) => {
                let blocks = bytes.len().div_ceil(RSA_MODULUS_BYTES_MIN + 32) as u32;
                35 * blocks * blocks
            }
            (AlgorithmFamily::Ec, _) if self.algorithms == [Algorithm::ES384] => 340,
            (AlgorithmFamily::Ec | AlgorithmFamily::Ed, _) => 70,
        }
    }
}

/// What a key is for, by what it is: nothing for one that no signature could be checked with.
fn algorithms(key: &DecodingKey) -> Vec<Algorithm> {
    let is_key_of = |algorithm: &'static dyn VerificationAlgorithm| {
        let bytes = key.try_get_as_bytes().unwrap_or_default();
        ParsedPublicKey::new(algorithm, bytes).is_ok()
    };
    let of_family = || key.family().algorithms().to_vec();
    match (key.family(), key.kind()) {
        (AlgorithmFamily::Hmac, _) => of_family(),
        (AlgorithmFamily::Ec, _) if is_key_of(&ECDSA_P256_SHA256_FIXED) => vec![Algorithm::ES256],
        (AlgorithmFamily::Ec, _) if is_key_of(&ECDSA_P384_SHA384_FIXED) => vec![Algorithm::ES384],
        (AlgorithmFamily::Ed, _) if is_key_of(&ED25519) => of_family(),
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e })
            if (RSA_MODULUS_BYTES_MIN..=RSA_MODULUS_BYTES_MAX).contains(&n.len())
                && e.len() <= RSA_EXPONENT_BYTES_MAX =>
        {
            of_family()
        }
        // The modulus is nearly all of it.
        (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der))
            if (RSA_MODULUS_BYTES_MIN..=RSA_DER_BYTES_MAX).contains(&der.len())
                && is_key_of(&RSA_PKCS1_2048_8192_SHA256) =>
        {
            of_family()
        }
        _ => Vec::new(),
    }
}

/// 2,048 bits.
const RSA_MODULUS_BYTES_MIN: usize = 256;
/// 4,096 bits: a larger one takes a client's whole share of a turn to check.
const RSA_MODULUS_BYTES_MAX: usize = 512;
/// The same with its exponent and what DER adds.
const RSA_DER_BYTES_MAX: usize = RSA_MODULUS_BYTES_MAX + 20;
/// 65,537 and smaller.
const RSA_EXPONENT_BYTES_MAX: usize = 3;
/// Keys without a name that one token is tried with.
const NAMELESS_MAX: usize = 4;

/// RFC 7517 sections 4.2 and 4.3.
fn is_for_signatures(jwk: &Jwk) -> bool {
    let common = &jwk.common;
    let operations = common.key_operations.as_deref();
    common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
        && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}
