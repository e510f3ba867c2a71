//! The names of Centrifuge clients.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use switchboard_hub::ShardId;
use switchboard_plane::ConnId;

/// Makes names of connections that say where a connection is, and that nobody else can make: shard, slot,
/// generation, and a keyed hash of them. So nothing is kept for a name. All shards share one.
#[derive(Clone, Default)]
pub struct ClientIds(RandomState);

impl ClientIds {
    /// The name of a connection, written as a UUID is.
    pub(crate) fn of(&self, shard: ShardId, id: ConnId) -> String {
        let (shard, slot, generation) = (shard.0, id.index(), id.generation());
        let seal = self.0.hash_one((shard, slot, generation)) & 0xffff_ffff_ffff;
        let (high, low) = (generation >> 16, generation & 0xffff);
        format!("{slot:08x}-{shard:04x}-{high:04x}-{low:04x}-{seal:012x}")
    }
}

impl fmt::Debug for ClientIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_one_connection_on_one_server() {
        let (ids, other) = (ClientIds::default(), ClientIds::default());
        let name = |shard, slot, generation| ids.of(ShardId(shard), ConnId::new(slot, generation));
        let first = name(1, 2, 3);
        assert!(first.starts_with("00000002-0001-0000-0003-") && first.len() == 36, "{first}");
        assert_eq!(first, ids.clone().of(ShardId(1), ConnId::new(2, 3)));
        assert!([name(0, 2, 3), name(1, 3, 3), name(1, 2, 0x1_0003)].iter().all(|it| *it != first));
        assert_ne!(first, other.of(ShardId(1), ConnId::new(2, 3)));
    }
}
