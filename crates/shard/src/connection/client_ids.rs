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

impl ClientIds {
    /// The connection of a shard that has this name, if it is one that the server has made.
    pub(crate) fn find(&self, shard: ShardId, name: &str) -> Option<ConnId> {
        let mut parts = name.split('-').map(|part| u64::from_str_radix(part, 16).ok());
        let mut next = || u32::try_from(parts.next()??).ok();
        let (slot, _, high, low) = (next()?, next()?, next()?, next()?);
        let id = ConnId::new(slot, high.checked_mul(1 << 16)?.checked_add(low)?);
        (self.of(shard, id) == name).then_some(id)
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
        assert_eq!(ids.find(ShardId(1), &first), Some(ConnId::new(2, 3)));
        let last = name(1, u32::MAX, u32::MAX);
        assert_eq!(ids.find(ShardId(1), &last), Some(ConnId::new(u32::MAX, u32::MAX)));
        for unknown in [&name(0, 2, 3), &other.of(ShardId(1), ConnId::new(2, 3)), "", "1-2", "-+-"]
        {
            assert_eq!(ids.find(ShardId(1), unknown), None, "{unknown}");
        }
    }
}
