//! A certificate with its key, as an operator has it in PEM files.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate, the chain that vouches for it, and its key.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    names: Vec<String>,
    begins_s: i64,
    ends_s: i64,
}

/// What is wrong with a certificate or its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Nothing in the file is a certificate.
    #[error("has no certificate: it must be PEM, with `BEGIN CERTIFICATE`")]
    NoCertificate,
    /// Nothing in the file is a private key.
    #[error("has no private key: it must be PEM, with `BEGIN PRIVATE KEY`, and not encrypted")]
    NoKey,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// The key is of a kind that is not known.
    #[error("the private key cannot be used: {0}")]
    UnusableKey(String),
    /// They do not belong together.
    #[error("the private key is not that of the certificate")]
    OtherKey,
    /// No client would ask for it.
    #[error("the certificate names no host: it needs a subjectAltName")]
    NoName,
}

impl Certificate {
    /// Reads a chain, the certificate of the server first, and its key. Both may be in one file.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (names, begins_s, ends_s) = read(first)?;
        if names.is_empty() {
            return Err(CertificateError::NoName);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &default_provider());
        let key = key.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::OtherKey,
            error => CertificateError::UnusableKey(error.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), names, begins_s, ends_s })
    }

    /// The names of hosts that it is for, in lower case; `*.example.org` stands for one label.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When it begins to be good, in seconds of Unix time.
    pub fn begins_s(&self) -> i64 {
        self.begins_s
    }

    /// When it ends to be good, in seconds of Unix time.
    pub fn ends_s(&self) -> i64 {
        self.ends_s
    }

    /// Its key is RSA: each handshake costs five times the CPU of one with ECDSA.
    pub fn is_rsa(&self) -> bool {
        self.key.key.algorithm() == rustls::SignatureAlgorithm::RSA
    }
}

fn read(der: &CertificateDer<'_>) -> Result<(Vec<String>, i64, i64), CertificateError> {
    let unreadable = |error: String| CertificateError::Unreadable(error);
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| unreadable(error.to_string()))?;
    let alternatives =
        certificate.subject_alternative_name().map_err(|error| unreadable(error.to_string()))?;
    let names = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    let validity = certificate.validity();
    Ok((names.collect(), validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// Clients ask for no address by SNI, but a certificate may be for one alone.
fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(v6).to_string())
}

impl std::fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("ends_s", &self.ends_s)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};

    use super::*;

    fn generate(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let Generated { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn load(chain: &str, key: &str) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes())
    }

    #[test]
    fn a_certificate_says_whom_it_is_for_and_how_long() {
        let (chain, key) = generate(&["Example.org", "*.example.org", "192.0.2.7"]);
        let certificate = load(&chain, &key).unwrap();
        assert_eq!(certificate.names(), ["example.org", "*.example.org", "192.0.2.7"]);
        assert!(certificate.begins_s() < certificate.ends_s() && !certificate.is_rsa());
        let both = format!("{chain}{key}");
        assert!(load(&both, &both).is_ok(), "one file for both");
        assert!(!format!("{certificate:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (chain, key) = generate(&["a.example"]);
        let (_, other) = generate(&["a.example"]);
        assert_eq!(load(&chain, &other).unwrap_err(), CertificateError::OtherKey);
        assert_eq!(load("", &key).unwrap_err(), CertificateError::NoCertificate);
        assert_eq!(load(&key, &key).unwrap_err(), CertificateError::NoCertificate);
        assert_eq!(load(&chain, &chain).unwrap_err(), CertificateError::NoKey);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(load(broken, &key).unwrap_err(), CertificateError::Unreadable(_)));
        let (nameless, key) = generate(&[]);
        assert_eq!(load(&nameless, &key).unwrap_err(), CertificateError::NoName);
    }
}
