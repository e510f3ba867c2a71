//! A question who listens to a channel, on its way from shard to shard.

use std::collections::HashSet;

use switchboard_dialects::centrifuge::Present;
use switchboard_hub::{ChannelName, ShardId};
use switchboard_plane::ConnId;

/// A question who listens to a channel. It goes once around all shards, the one of the client that asks first,
/// and each adds what it knows. So what is found so far is in one place, whatever becomes of the client.
#[derive(Debug)]
pub(crate) struct PresenceQuery {
    /// The shard of the client that asks.
    pub(crate) shard: ShardId,
    /// Its connection there.
    pub(crate) id: ConnId,
    pub(crate) channel: ChannelName,
    pub(crate) found: Found,
    /// Shards that are still to be asked, in the order of their numbers behind the one that has it.
    shards_left: usize,
}

/// What is found so far.
#[derive(Debug)]
pub(crate) enum Found {
    /// Those who listen.
    Clients(Present),
    /// How many there are.
    Numbers { clients: u64, users: Users },
    /// Nothing: too many ask at once.
    TooMany,
}

/// The users of clients, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// How many clients were looked at.
    pub(crate) looked_at: usize,
    pub(crate) numbers: HashSet<u64>,
}

impl PresenceQuery {
    /// A client asks, on one of so many shards.
    pub(crate) fn new(
        (shard, id): (ShardId, ConnId),
        channel: ChannelName,
        found: Found,
        shards: usize,
    ) -> Self {
        Self { shard, id, channel, found, shards_left: shards }
    }

    /// A shard has added what it knows.
    pub(crate) fn answered(&mut self) {
        self.shards_left = self.shards_left.saturating_sub(1);
    }

    /// Nobody else need be asked.
    pub(crate) fn end(&mut self) {
        self.shards_left = 0;
    }

    /// Nobody else is to be asked.
    pub(crate) fn is_done(&self) -> bool {
        self.shards_left == 0
    }

    /// Where it goes from this of so many shards.
    pub(crate) fn next(&self, here: ShardId, shards: usize) -> ShardId {
        if self.is_done() {
            return self.shard;
        }
        ShardId(((usize::from(here.0) + 1) % shards.max(1)) as u16)
    }

    /// What it holds on to.
    pub(crate) fn bytes(&self) -> usize {
        let found = match &self.found {
            Found::Clients(clients) => clients.bytes(),
            Found::Numbers { users, .. } => users.numbers.len() * size_of::<u64>(),
            Found::TooMany => 0,
        };
        size_of::<Self>() + found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_goes_once_around_and_back() {
        for shards in 1..5 {
            let home = ShardId(shards - 1);
            let name = ChannelName::new("a").unwrap();
            let found = Found::Clients(Present::default());
            let asker = (home, ConnId::new(1, 2));
            let mut query = PresenceQuery::new(asker, name, found, shards.into());
            let (mut here, mut way) = (home, Vec::new());
            while !query.is_done() {
                way.push(here.0);
                query.answered();
                here = query.next(here, shards.into());
            }
            assert_eq!(here, home);
            way.sort_unstable();
            assert_eq!(way, (0..shards).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_query_that_ends_early_goes_straight_back() {
        let name = ChannelName::new("a").unwrap();
        let asker = (ShardId(3), ConnId::new(1, 2));
        let mut query = PresenceQuery::new(asker, name, Found::TooMany, 8);
        query.answered();
        query.end();
        assert_eq!(query.next(ShardId(5), 8), ShardId(3));
    }
}
