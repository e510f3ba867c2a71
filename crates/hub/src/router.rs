//! Which shard is a channel's home.

use std::hash::{BuildHasher, RandomState};

use crate::ChannelName;

/// A shard's number, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// Finds the home shard of a channel by a keyed hash. All shards share clones of one router, since
/// each new router has keys of its own.
#[derive(Clone, Debug)]
pub struct Router {
    keys: RandomState,
    /// The homes are this shard and those after it, so many.
    first: u16,
    shards: u16,
}

impl Router {
    /// A router over `shards` shards, at least one.
    pub fn new(shards: u16) -> Self {
        Self { keys: RandomState::new(), first: 0, shards: shards.max(1) }
    }

    /// A router by which one shard is the home of all channels, such as one without clients that
    /// [follows](crate::Hub::follow) streams.
    pub fn to(home: ShardId) -> Self {
        Self { keys: RandomState::new(), first: home.0, shards: 1 }
    }

    /// The home shard of a channel.
    pub fn home(&self, name: &ChannelName) -> ShardId {
        self.shard_of(self.hash(name))
    }

    /// The high half of the hash chooses the shard; the low half is left for tables.
    pub(crate) fn shard_of(&self, hash: u64) -> ShardId {
        ShardId(self.first + (((hash >> 32) * u64::from(self.shards)) >> 32) as u16)
    }

    pub(crate) fn hash(&self, name: &ChannelName) -> u64 {
        self.keys.hash_one(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_get_their_share_and_clones_agree() {
        let router = Router::new(5);
        let clone = router.clone();
        let mut counts = [0u32; 5];
        for i in 0..5000 {
            let name = ChannelName::new(&format!("channel:{i}")).unwrap();
            assert_eq!(router.home(&name), clone.home(&name));
            counts[usize::from(router.home(&name).0)] += 1;
        }
        assert!(counts.iter().all(|&count| (800..1200).contains(&count)), "{counts:?}");
    }

    #[test]
    fn one_shard_is_home_to_all() {
        let name = ChannelName::new("a").unwrap();
        assert_eq!(Router::new(1).home(&name), ShardId(0));
        assert_eq!(Router::new(0).home(&name), ShardId(0));
        assert_eq!(Router::to(ShardId(7)).home(&name), ShardId(7));
    }
}
