//! The keys of one direction (RFC 8446 5.3, 7.1 to 7.3), for `TLS_AES_128_GCM_SHA256`.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::frame::{HEADER_BYTES, TAG_BYTES};

/// Bytes of a traffic secret: those of SHA-256.
pub(crate) const SECRET_BYTES: usize = 32;
const KEY_BYTES: usize = 16;
const IV_BYTES: usize = 12;

/// What seals or opens the records of one direction. The counter is bytes, so that nothing is lost between the
/// fields of millions of these.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    secret: [u8; SECRET_BYTES],
    key: [u8; KEY_BYTES],
    iv: [u8; IV_BYTES],
    sequence: [u8; 8],
}

impl Keys {
    /// The keys of a traffic secret, with which so many records have been sealed.
    pub(crate) fn new(secret: &[u8; SECRET_BYTES], sequence: u64) -> Self {
        let mut keys = Self {
            secret: *secret,
            key: [0; KEY_BYTES],
            iv: [0; IV_BYTES],
            sequence: sequence.to_be_bytes(),
        };
        keys.derive();
        keys
    }

    /// Records that were sealed or opened with this key.
    pub(crate) fn sequence(&self) -> u64 {
        u64::from_be_bytes(self.sequence)
    }

    pub(crate) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence.to_be_bytes();
    }

    /// The next secret and its keys (RFC 8446 7.2).
    pub(crate) fn update(&mut self) {
        let mut next = [0; SECRET_BYTES];
        expand(&self.secret, b"traffic upd", &mut next);
        self.secret = next;
        next.zeroize();
        self.sequence = [0; 8];
        self.derive();
    }

    fn derive(&mut self) {
        expand(&self.secret, b"key", &mut self.key);
        expand(&self.secret, b"iv", &mut self.iv);
    }

    /// Seals the bytes of a record behind its header, and returns the tag that follows them. Each call uses a
    /// number of its own.
    pub(crate) fn seal(
        &mut self,
        header: [u8; HEADER_BYTES],
        plaintext: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let tag = self
            .aead()?
            .seal_in_place_separate_tag(self.nonce(), Aad::from(header), plaintext)
            .ok()?;
        self.set_sequence(self.sequence() + 1);
        tag.as_ref().try_into().ok()
    }

    /// Opens the bytes of a record behind its header, in place. None where they are not what the peer sealed.
    pub(crate) fn open<'a>(
        &mut self,
        header: [u8; HEADER_BYTES],
        ciphertext: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let plaintext =
            self.aead()?.open_in_place(self.nonce(), Aad::from(header), ciphertext).ok()?;
        self.set_sequence(self.sequence() + 1);
        Some(plaintext)
    }

    /// The context is made for each record: that takes 110 ns, and one that is kept 632 B.
    fn aead(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_128_GCM, &self.key).ok().map(LessSafeKey::new)
    }

    /// RFC 8446 5.3.
    fn nonce(&self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, counted) in nonce[IV_BYTES - 8..].iter_mut().zip(self.sequence) {
            *byte ^= counted;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 7.1).
fn expand(secret: &[u8; SECRET_BYTES], label: &[u8], out: &mut [u8]) {
    let length = (out.len() as u16).to_be_bytes();
    let label_length = [(LABEL_PREFIX.len() + label.len()) as u8];
    let info = [&length[..], &label_length, LABEL_PREFIX, label, &[0]];
    let prk = Prk::new_less_safe(HKDF_SHA256, secret);
    let filled = prk.expand(&info, Length(out.len())).and_then(|okm| okm.fill(out));
    // SHA-256 gives up to 8,160 bytes, and the label is short.
    debug_assert!(filled.is_ok());
}

const LABEL_PREFIX: &[u8] = b"tls13 ";

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let digits = hex.split_whitespace().collect::<String>();
        std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
    }

    /// RFC 8448 3, "Simple 1-RTT Handshake": the keys of the server's application data.
    #[test]
    fn keys_are_derived_as_in_the_published_trace() {
        let secret = bytes::<32>(
            "a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43",
        );
        let keys = Keys::new(&secret, 0);
        assert_eq!(keys.key, bytes("9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56"));
        assert_eq!(keys.iv, bytes("cf 78 2b 88 dd 83 54 9a ad f1 e9 84"));
    }

    #[test]
    fn what_one_side_seals_the_other_opens_once() {
        let (mut tx, mut rx) = (Keys::new(&[7; 32], 3), Keys::new(&[7; 32], 3));
        let header = [23, 3, 3, 0, 21];
        let mut record = b"hello".to_vec();
        let tag = tx.seal(header, &mut record).unwrap();
        record.extend(tag);
        let mut again = record.clone();
        assert_eq!(rx.open(header, &mut record).unwrap(), b"hello");
        assert_eq!((tx.sequence(), rx.sequence()), (4, 4));
        assert!(rx.open(header, &mut again.clone()).is_none(), "of another number");
        rx.set_sequence(3);
        assert!(rx.open([23, 3, 3, 0, 22], &mut again.clone()).is_none(), "of another header");
        assert_eq!(rx.sequence(), 3);
        rx.update();
        rx.set_sequence(3);
        assert!(rx.open(header, &mut again).is_none(), "of another key");
    }

    #[test]
    fn updates_lead_both_sides_to_the_same_keys() {
        let (mut one, mut other) = (Keys::new(&[1; 32], 9), Keys::new(&[1; 32], 2));
        one.update();
        other.update();
        assert_eq!((one.secret, one.key, one.iv), (other.secret, other.key, other.iv));
        assert_ne!(one.secret, [1; 32]);
        assert_eq!((one.sequence(), other.sequence()), (0, 0));
    }
}
