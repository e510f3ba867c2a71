//! The sessions by which requests reach a connection of a Centrifuge SDK that is only sent to.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_hub::ShardId;
use switchboard_plane::{ConnId, GENERATIONS};

/// Shard, slot, generation, and how many connections had come.
const PLACE_BYTES: usize = 2 + 4 + 4 + 8;

/// What is kept of the HMAC: nobody makes 2^128 requests.
const SEAL_BYTES: usize = 16;

/// How long a session is as a text.
const TEXT_BYTES: usize = ((PLACE_BYTES + SEAL_BYTES) * 4).div_ceil(3);

/// Makes sessions, and tells whose one is. A session says itself where its connection is, under a seal that
/// only this process can make; the origin of the page that has opened it is under the seal, too. So nothing
/// is kept for one. All shards share the key.
#[derive(Clone)]
pub struct EmulationKeys(hmac::Key);

/// Where the connection of a session is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct EmulationSession {
    pub(crate) shard: ShardId,
    pub(crate) id: ConnId,
    /// How many connections had come to the shard when it was made.
    pub(crate) accepted: u64,
}

impl EmulationSession {
    /// Whether the slot may have seen all generations since then, when so many connections have come: then
    /// another connection may have the same name.
    pub(crate) fn is_outdated(&self, accepted: u64) -> bool {
        accepted.saturating_sub(self.accepted) >= GENERATIONS
    }

    /// What a session says, as those are believed who may end any connection: its seal is not looked at.
    pub(crate) fn of_text(session: &str) -> Option<Self> {
        let bytes = decode(session)?;
        bytes.first_chunk::<PLACE_BYTES>().map(|place| Self::of_bytes(*place))
    }

    fn to_bytes(self) -> [u8; PLACE_BYTES] {
        let mut bytes = [0; PLACE_BYTES];
        bytes[..2].copy_from_slice(&self.shard.0.to_be_bytes());
        bytes[2..6].copy_from_slice(&self.id.index().to_be_bytes());
        bytes[6..10].copy_from_slice(&self.id.generation().to_be_bytes());
        bytes[10..].copy_from_slice(&self.accepted.to_be_bytes());
        bytes
    }

    fn of_bytes(bytes: [u8; PLACE_BYTES]) -> Self {
        let [s0, s1, i0, i1, i2, i3, g0, g1, g2, g3, accepted @ ..] = bytes;
        let (index, generation) =
            (u32::from_be_bytes([i0, i1, i2, i3]), u32::from_be_bytes([g0, g1, g2, g3]));
        Self {
            shard: ShardId(u16::from_be_bytes([s0, s1])),
            id: ConnId::new(index, generation),
            accepted: u64::from_be_bytes(accepted),
        }
    }
}

impl EmulationKeys {
    /// With a secret of this process.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A session that a page of this origin has opened; empty for the server's own, and for clients
    /// that are no browsers.
    pub(crate) fn issue(&self, session: EmulationSession, origin: &[u8]) -> String {
        let place = session.to_bytes();
        let mut bytes = [0; PLACE_BYTES + SEAL_BYTES];
        bytes[..PLACE_BYTES].copy_from_slice(&place);
        bytes[PLACE_BYTES..].copy_from_slice(&self.seal(&place, origin));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the connection of a session is, if a page of this origin may use it.
    pub(crate) fn find(&self, session: &str, origin: &[u8]) -> Option<EmulationSession> {
        let bytes = decode(session)?;
        let (place, seal) = bytes.split_first_chunk::<PLACE_BYTES>()?;
        verify_slices_are_equal(&self.seal(place, origin), seal).ok()?;
        Some(EmulationSession::of_bytes(*place))
    }

    fn seal(&self, place: &[u8; PLACE_BYTES], origin: &[u8]) -> [u8; SEAL_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(place);
        context.update(origin);
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(&context.sign().as_ref()[..SEAL_BYTES]);
        seal
    }
}

fn decode(session: &str) -> Option<Vec<u8>> {
    if session.len() != TEXT_BYTES {
        return None;
    }
    URL_SAFE_NO_PAD.decode(session).ok()
}

impl fmt::Debug for EmulationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmulationKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(shard: u16, slot: u32, generation: u32) -> EmulationSession {
        let id = ConnId::new(slot, generation);
        EmulationSession { shard: ShardId(shard), id, accepted: 77 }
    }

    #[test]
    fn a_session_is_found_by_its_page_only() {
        let keys = EmulationKeys::new(&[1; 32]);
        let text = keys.issue(session(1, 70_000, 0xff_ffff), b"https://a.example");
        assert_eq!(text.len(), TEXT_BYTES);
        let found = keys.find(&text, b"https://a.example");
        assert_eq!(found, Some(session(1, 70_000, 0xff_ffff)));
        assert_eq!(keys.find(&text, b"https://b.example"), None);
        // Who may end any connection is believed where it is.
        let said = EmulationSession::of_text(&text);
        assert_eq!((said, EmulationSession::of_text(&text[1..])), (found, None));
        assert_eq!(keys.find(&text, b""), None);
        assert_eq!(EmulationKeys::new(&[2; 32]).find(&text, b"https://a.example"), None);
        assert!(!format!("{keys:?}").contains('1'));
    }

    #[test]
    fn a_session_ends_before_another_connection_can_have_its_name() {
        let session = session(0, 1, 2);
        assert!(!session.is_outdated(77) && !session.is_outdated(76 + GENERATIONS));
        assert!(session.is_outdated(77 + GENERATIONS));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_session(place in any::<(u16, u32, u32)>(), at in 0..TEXT_BYTES, with in "[-_A-Za-z0-9=é]") {
            let keys = EmulationKeys::new(&[1; 32]);
            let (shard, slot, generation) = place;
            let text = keys.issue(session(shard, slot, generation), b"");
            prop_assert_eq!(keys.find(&text, b""), Some(session(shard, slot, generation)));
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assert!(changed == text || keys.find(&changed, b"").is_none());
            prop_assert!(keys.find(&text[..at], b"").is_none());
            let longer = format!("{text}{with}");
            prop_assert!(keys.find(&longer, b"").is_none());
        }
    }
}
