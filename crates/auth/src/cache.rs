//! Who clients are, by what they have shown.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::Who;

/// Who clients are, by what they have shown: a verified token, or what a backend was asked with. So a client
/// that shows the same with every request is not checked every time.
///
/// It is found by a keyed hash of the bytes, 128 bits long: nobody can make two tokens that meet. What was
/// used least recently makes room, half of the cache at a time.
#[derive(Debug)]
pub struct TokenCache {
    keys: [RandomState; 2],
    young: HashMap<u128, Entry>,
    old: HashMap<u128, Entry>,
    young_bytes: usize,
    bytes_max: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    who: Who,
    /// In Unix seconds.
    ends_s: u64,
}

/// What an entry takes beside its claims, about.
const ENTRY_BYTES: usize = 72;

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

    /// Who has shown this before, if that is still good at `now_s` (Unix seconds); within it none for an
    /// anonymous client.
    pub fn get(&mut self, shown: &[u8], now_s: u64) -> Option<Who> {
        let hash = self.hash(shown);
        let is_good = |entry: &Entry| entry.ends_s > now_s;
        if let Some(entry) = self.young.get(&hash) {
            return Some(entry).filter(|entry| is_good(entry)).map(|entry| entry.who.clone());
        }
        let entry = self.old.remove(&hash).filter(is_good)?;
        self.add(hash, entry.clone());
        Some(entry.who)
    }

    /// Keeps who has just shown this, until `until_s` (Unix seconds; none is for ever) or the end of the
    /// claims.
    pub fn insert(&mut self, shown: &[u8], who: Who, until_s: Option<u64>) {
        let claims = who.as_deref();
        let ends = [
            until_s,
            claims.and_then(|claims| claims.expires_at_s),
            claims.and_then(|claims| claims.connection_expires_at_s),
        ];
        let ends_s = ends.into_iter().flatten().min().unwrap_or(u64::MAX);
        self.add(self.hash(shown), Entry { who, ends_s });
    }

    /// The keys are others: nothing that was verified counts any more.
    pub fn clear(&mut self) {
        *self = Self::new(self.bytes_max);
    }

    fn add(&mut self, hash: u128, entry: Entry) {
        let bytes = entry.who.as_ref().map_or(0, |claims| claims.bytes()) + ENTRY_BYTES;
        if self.young_bytes + bytes > self.bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(hash, entry);
    }

    fn hash(&self, shown: &[u8]) -> u128 {
        let [low, high] = self.keys.each_ref().map(|key| u128::from(key.hash_one(shown)));
        high << 64 | low
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Claims;

    fn claims(user: &str, expires_at_s: Option<u64>) -> Arc<Claims> {
        Arc::new(Claims { expires_at_s, ..Claims::of_user(user.into()) })
    }

    #[test]
    fn a_token_is_known_until_it_expires() {
        let mut cache = TokenCache::new(1 << 20);
        cache.insert(b"a", Some(claims("1", Some(10))), None);
        cache.insert(b"b", Some(claims("2", None)), None);
        let user = cache.get(b"a", 9).flatten().map(|claims| claims.user.clone());
        assert_eq!(user, Some("1".into()));
        assert_eq!(cache.get(b"a", 10), None);
        let soon = Claims { connection_expires_at_s: Some(5), ..(*claims("3", Some(10))).clone() };
        cache.insert(b"soon", Some(Arc::new(soon)), None);
        assert!(cache.get(b"soon", 4).is_some() && cache.get(b"soon", 5).is_none());
        assert!(cache.get(b"b", u64::MAX - 1).is_some() && cache.get(b"c", 0).is_none());
        cache.clear();
        assert!(cache.get(b"b", 0).is_none());
    }

    #[test]
    fn what_a_backend_said_of_an_anonymous_client_is_known_for_its_time() {
        let mut cache = TokenCache::new(1 << 20);
        cache.insert(b"cookie", None, Some(70));
        cache.insert(b"token", Some(claims("1", Some(50))), Some(70));
        assert_eq!((cache.get(b"cookie", 69), cache.get(b"cookie", 70)), (Some(None), None));
        assert!(cache.get(b"token", 49).is_some() && cache.get(b"token", 50).is_none());
    }

    #[test]
    fn tokens_without_end_take_a_bounded_room_and_those_in_use_stay() {
        let mut cache = TokenCache::new(100_000);
        cache.insert(b"mine", Some(claims("me", None)), None);
        for number in 0..10_000_u32 {
            cache.insert(&number.to_le_bytes(), Some(claims("x", None)), None);
            assert!(cache.get(b"mine", 0).is_some(), "after {number}");
        }
        let entries = cache.young.len() + cache.old.len();
        assert!(entries * (ENTRY_BYTES + size_of::<Claims>()) <= 100_000, "{entries}");
        assert!(cache.get(&0_u32.to_le_bytes(), 0).is_none());
    }
}
