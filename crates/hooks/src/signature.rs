//! The signature by which a backend knows that a request is from this server.

use std::fmt::{self, Write as _};

use aws_lc_rs::hmac;

/// Signs requests with a secret that the backend has, too.
#[derive(Clone)]
pub struct Signer(hmac::Key);

impl Signer {
    /// The header that has the signature, in lower case.
    pub const HEADER: &'static str = "switchboard-signature";

    /// Signs with this secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The header's value, `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. A backend that refuses old
    /// times cannot be sent a request again that somebody has seen.
    pub fn sign(&self, unix_s: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{unix_s}.").as_bytes());
        context.update(body);
        let mut header = format!("t={unix_s},v1=");
        for byte in context.sign().as_ref() {
            // A text takes whatever is written to it.
            let _ = write!(header, "{byte:02x}");
        }
        header
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_over_the_time_and_the_body() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 'a secret'
        let expected = "f4c7f7db2c2d22e9144ae6536d7918d29e7c70122e5704b842c2a7d02bee924f";
        let signer = Signer::new(b"a secret");
        assert_eq!(signer.sign(1_700_000_000, b"{}"), format!("t=1700000000,v1={expected}"));
        assert_ne!(
            signer.sign(1_700_000_001, b"{}")[13..],
            signer.sign(1_700_000_000, b"{}")[13..]
        );
        assert!(!format!("{signer:?}").contains("secret"));
    }
}
