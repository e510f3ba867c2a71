//! What the homes of channels remember of publications that had a [`Condition`](crate::Condition).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use crate::{ChannelName, Position, Version};

/// How long a key is remembered.
const WINDOW_MS: u64 = 300_000;

/// Keys that a shard remembers, 12 MB of memory. Beyond it the oldest are forgotten.
const KEYS_MAX: usize = 1 << 17;

/// Keys that are forgotten in one tick.
const STEPS_MAX: usize = 4_096;

/// Where a key's publication is, and the last versions of channels. Nothing for channels that had none of
/// them.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    keys: HashMap<KeyHash, Position>,
    /// When each was first used, in that order.
    order: VecDeque<(u64, KeyHash)>,
    /// By the index of a channel whose home this is.
    versions: HashMap<u32, Version>,
    hashers: [RandomState; 2],
}

/// A channel's name and a key, by two hashes under secret keys: nobody can look for two that have the same.
pub(crate) type KeyHash = [u64; 2];

impl Recall {
    pub(crate) fn hash(&self, name: &ChannelName, key: &str) -> KeyHash {
        self.hashers.each_ref().map(|hasher| hasher.hash_one((name.as_str(), key)))
    }

    /// Where the publication is that was made under this key.
    pub(crate) fn find(&self, key: KeyHash) -> Option<Position> {
        self.keys.get(&key).copied()
    }

    /// Remembers where a publication is. The key is not known yet.
    pub(crate) fn remember(&mut self, now_ms: u64, key: KeyHash, position: Position) {
        if self.order.len() >= KEYS_MAX {
            self.forget_oldest();
        }
        self.keys.insert(key, position);
        self.order.push_back((now_ms, key));
    }

    /// Whether a publication of this version is new to its channel. It is the last one then.
    pub(crate) fn advance(&mut self, channel: u32, version: &Version) -> bool {
        let Some(last) = self.versions.get_mut(&channel) else {
            self.versions.insert(channel, version.clone());
            return true;
        };
        let is_newer = version.is_newer_than(last);
        if is_newer {
            last.number = version.number;
            // An empty one goes on with the last.
            if !version.epoch.is_empty() {
                last.epoch.clone_from(&version.epoch);
            }
        }
        is_newer
    }

    /// The channel is gone, or its stream.
    pub(crate) fn forget_channel(&mut self, channel: u32) {
        if !self.versions.is_empty() {
            self.versions.remove(&channel);
        }
    }

    /// Forgets keys whose time is over.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        for _ in 0..STEPS_MAX {
            match self.order.front() {
                Some((made_ms, _)) if made_ms.saturating_add(WINDOW_MS) <= now_ms => {
                    self.forget_oldest();
                }
                _ => break,
            }
        }
        if self.order.is_empty() && self.order.capacity() > 0 {
            (self.keys, self.order) = (HashMap::new(), VecDeque::new());
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    fn at(offset: u64) -> Position {
        Position { epoch: Epoch::from_random(0), offset }
    }

    #[test]
    fn a_key_is_remembered_for_its_channel_and_for_five_minutes() {
        let (mut recall, a, b) =
            (Recall::default(), ChannelName::new("a").unwrap(), ChannelName::new("b").unwrap());
        let key = recall.hash(&a, "k");
        recall.remember(1_000, key, at(7));
        assert_eq!(recall.find(recall.hash(&a, "k")), Some(at(7)));
        assert_eq!(recall.find(recall.hash(&b, "k")), None);
        assert_eq!(recall.find(recall.hash(&a, "l")), None);
        recall.expire(300_999);
        assert_eq!(recall.find(key), Some(at(7)));
        recall.expire(301_000);
        assert_eq!((recall.find(key), recall.order.capacity()), (None, 0));
    }

    #[test]
    fn the_oldest_of_too_many_keys_are_forgotten() {
        let (mut recall, name) = (Recall::default(), ChannelName::new("a").unwrap());
        let key = |recall: &Recall, number: usize| recall.hash(&name, &number.to_string());
        for number in 0..KEYS_MAX + 10 {
            let key = key(&recall, number);
            recall.remember(0, key, at(number as u64));
        }
        assert_eq!(recall.keys.len(), KEYS_MAX);
        assert_eq!(recall.find(key(&recall, 9)), None);
        assert_eq!(recall.find(key(&recall, 10)), Some(at(10)));
        recall.expire(WINDOW_MS);
        assert_eq!(recall.keys.len(), KEYS_MAX - STEPS_MAX, "a tick takes a bounded time");
    }

    #[test]
    fn versions_grow_until_their_epoch_changes() {
        let mut recall = Recall::default();
        let version = |number, epoch: &str| Version { number, epoch: epoch.into() };
        for (number, epoch, is_newer) in [
            (5, "", true),
            (5, "", false),
            (4, "", false),
            (6, "", true),
            (1, "a", true),
            (1, "a", false),
            (1, "", false),
            (2, "", true),
            (2, "a", false),
            (u64::MAX, "a", true),
            (u64::MAX, "a", false),
            (1, "b", true),
        ] {
            let version = version(number, epoch);
            assert_eq!(recall.advance(7, &version), is_newer, "{version:?}");
        }
        assert!(recall.advance(8, &version(1, "b")), "another channel");
        recall.forget_channel(7);
        assert!(recall.advance(7, &version(1, "b")));
    }
}
