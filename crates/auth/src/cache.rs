//! Verified tokens, by their bytes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::Claims;

/// The claims of tokens that were verified, so that a client which shows its token with every request is
/// not checked every time.
///
/// They are found by a keyed hash of the token's bytes, 128 bits long: nobody can make two tokens that
/// meet. What was used least recently makes room, half of the cache at a time.
#[derive(Debug)]
pub struct TokenCache {
    keys: [RandomState; 2],
    young: HashMap<u128, Arc<Claims>>,
    old: HashMap<u128, Arc<Claims>>,
    young_bytes: usize,
    bytes_max: usize,
}

/// What an entry takes beside its claims, about.
const ENTRY_BYTES: usize = 64;

impl TokenCache {
    /// A cache that takes about so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            bytes_max,
        }
    }

    /// The claims of a token that was verified before and is still good at `now_s` (Unix seconds).
    pub fn get(&mut self, token: &[u8], now_s: u64) -> Option<Arc<Claims>> {
        let hash = self.hash(token);
        let is_good = |claims: &Arc<Claims>| {
            let ends = [claims.expires_at_s, claims.connection_expires_at_s];
            ends.into_iter().flatten().all(|ends| ends > now_s)
        };
        if let Some(claims) = self.young.get(&hash) {
            return Some(claims).filter(|claims| is_good(claims)).cloned();
        }
        let claims = self.old.remove(&hash).filter(is_good)?;
        self.add(hash, Arc::clone(&claims));
        Some(claims)
    }

    /// Keeps the claims of a token that was just verified.
    pub fn insert(&mut self, token: &[u8], claims: Arc<Claims>) {
        let hash = self.hash(token);
        self.add(hash, claims);
    }

    /// The keys are others: nothing that was verified counts any more.
    pub fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }

    fn add(&mut self, hash: u128, claims: Arc<Claims>) {
        let bytes = claims.bytes() + ENTRY_BYTES;
        if self.young_bytes + bytes > self.bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(hash, claims);
    }

    fn hash(&self, token: &[u8]) -> u128 {
        let [low, high] = self.keys.each_ref().map(|key| u128::from(key.hash_one(token)));
        high << 64 | low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patterns;

    fn claims(user: &str, expires_at_s: Option<u64>) -> Arc<Claims> {
        Arc::new(Claims {
            user: user.into(),
            expires_at_s,
            connection_expires_at_s: None,
            channels: Patterns::default(),
            publish: Patterns::default(),
            info: None,
        })
    }

    #[test]
    fn a_token_is_known_until_it_expires() {
        let mut cache = TokenCache::new(1 << 20);
        cache.insert(b"a", claims("1", Some(10)));
        cache.insert(b"b", claims("2", None));
        assert_eq!(cache.get(b"a", 9).map(|claims| claims.user.clone()), Some("1".into()));
        assert_eq!(cache.get(b"a", 10), None);
        let soon = Claims { connection_expires_at_s: Some(5), ..(*claims("3", Some(10))).clone() };
        cache.insert(b"soon", Arc::new(soon));
        assert!(cache.get(b"soon", 4).is_some() && cache.get(b"soon", 5).is_none());
        assert!(cache.get(b"b", u64::MAX).is_some() && cache.get(b"c", 0).is_none());
        cache.clear();
        assert!(cache.get(b"b", 0).is_none());
    }

    #[test]
    fn tokens_without_end_take_a_bounded_room_and_those_in_use_stay() {
        let mut cache = TokenCache::new(100_000);
        cache.insert(b"mine", claims("me", None));
        for number in 0..10_000_u32 {
            cache.insert(&number.to_le_bytes(), claims("x", None));
            assert!(cache.get(b"mine", 0).is_some(), "after {number}");
        }
        let entries = cache.young.len() + cache.old.len();
        assert!(entries * (ENTRY_BYTES + size_of::<Claims>()) <= 100_000, "{entries}");
        assert!(cache.get(&0_u32.to_le_bytes(), 0).is_none());
    }
}
