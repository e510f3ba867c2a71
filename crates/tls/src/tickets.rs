//! Tickets by which clients resume (RFC 8446 4.6.1): sealed with keys that all shards share, and the next process.
//!
//! rustls can make keys of its own, which nobody else has: with them a restart costs every client a whole handshake.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

const NAME_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// A key may be used for so long, and what was sealed with it for as long again while it is the second one.
const LIFETIME_S: u32 = 12 * 60 * 60;

/// Keys of tickets. The first one seals, all of them open.
pub struct TicketKeys(Vec<TicketKey>);

struct TicketKey {
    /// Says by which key a ticket was sealed. It gives nothing of the key away.
    name: [u8; NAME_BYTES],
    key: LessSafeKey,
}

/// What is wrong with keys of tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketKeyError {
    /// There is none, or there are more than a rotation needs.
    #[error("there must be 1 to {} keys", TicketKeys::KEYS_MAX)]
    Count,
    /// One has too few bytes.
    #[error("a key must have at least {} bytes", TicketKeys::SECRET_BYTES_MIN)]
    Short,
    /// There is no randomness to be had.
    #[error("the system gives no random bytes")]
    Random,
}

impl TicketKeys {
    /// How many there may be: a new one, the present, and the one before.
    pub const KEYS_MAX: usize = 3;
    /// Bytes of the secret that a key is made of.
    pub const SECRET_BYTES_MIN: usize = 32;

    /// Keys made of these secrets, the newest first. Secrets must be random: nothing here makes a weak one strong.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, TicketKeyError> {
        let keys: Vec<_> = secrets.into_iter().map(TicketKey::new).collect::<Result<_, _>>()?;
        if keys.is_empty() || keys.len() > Self::KEYS_MAX {
            return Err(TicketKeyError::Count);
        }
        Ok(Self(keys))
    }

    /// A key that nobody else has.
    pub fn random() -> Result<Self, TicketKeyError> {
        let mut secret = Zeroizing::new([0; Self::SECRET_BYTES_MIN]);
        rand::fill(&mut *secret).map_err(|_| TicketKeyError::Random)?;
        Self::new([&secret[..]])
    }
}

impl TicketKey {
    fn new(secret: &[u8]) -> Result<Self, TicketKeyError> {
        if secret.len() < TicketKeys::SECRET_BYTES_MIN {
            return Err(TicketKeyError::Short);
        }
        let prk = Salt::new(HKDF_SHA256, b"switchboard tls tickets").extract(secret);
        let mut name = [0; NAME_BYTES];
        let key = prk
            .expand(&[b"name"], Bytes(NAME_BYTES))
            .and_then(|okm| okm.fill(&mut name))
            .and_then(|()| prk.expand(&[b"key"], &AES_256_GCM).map(UnboundKey::from));
        let key = key.map_err(|_| TicketKeyError::Short)?;
        Ok(Self { name, key: LessSafeKey::new(key) })
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(NAME_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
        ticket.extend_from_slice(&self.name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = &mut ticket[NAME_BYTES + NONCE_BYTES..];
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(self.name), sealed).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn open(&self, nonce: [u8; NONCE_BYTES], sealed: &[u8]) -> Option<Vec<u8>> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut ticket = sealed.to_vec();
        let length = self.key.open_in_place(nonce, Aad::from(self.name), &mut ticket).ok()?.len();
        ticket.truncate(length);
        Some(ticket)
    }
}

struct Bytes(usize);

impl aws_lc_rs::hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_S
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.first()?.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        self.0.iter().find(|key| key.name == *name)?.open(*nonce, sealed)
    }
}

impl std::fmt::Debug for TicketKeys {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKeys").field("keys", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 32] = [1; 32];
    const NEW: [u8; 32] = [2; 32];

    fn keys(secrets: &[&[u8]]) -> TicketKeys {
        TicketKeys::new(secrets.iter().copied()).unwrap()
    }

    #[test]
    fn tickets_are_good_across_processes_and_rotations() {
        let ticket = keys(&[&OLD]).encrypt(b"session").unwrap();
        assert_eq!(keys(&[&OLD]).decrypt(&ticket).unwrap(), b"session");
        assert_eq!(keys(&[&NEW, &OLD]).decrypt(&ticket).unwrap(), b"session");
        assert_eq!(keys(&[&NEW]).decrypt(&ticket), None);
        let newer = keys(&[&NEW, &OLD]).encrypt(b"session").unwrap();
        assert_eq!(keys(&[&OLD]).decrypt(&newer), None, "the first key seals");
        assert_ne!(keys(&[&OLD]).encrypt(b"session").unwrap(), ticket, "no two are the same");
    }

    #[test]
    fn a_ticket_that_was_changed_is_none() {
        let keys = keys(&[&OLD]);
        let ticket = keys.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "byte {at}");
            assert_eq!(keys.decrypt(&ticket[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn keys_have_bounds_and_no_secret_is_shown() {
        let of = |secrets: &[&[u8]]| TicketKeys::new(secrets.iter().copied()).unwrap_err();
        assert_eq!(of(&[]), TicketKeyError::Count);
        assert_eq!(of(&[&OLD, &OLD, &OLD, &OLD]), TicketKeyError::Count);
        assert_eq!(of(&[&OLD[..31]]), TicketKeyError::Short);
        assert_eq!(format!("{:?}", keys(&[&OLD])), "TicketKeys { keys: 1 }");
        let (one, other) = (TicketKeys::random().unwrap(), TicketKeys::random().unwrap());
        assert_eq!(one.decrypt(&other.encrypt(b"a").unwrap()), None);
    }
}
