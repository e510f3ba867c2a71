//! What a shard is to a channel: its home, or a mirror of it.

use crate::ShardId;
use crate::log::Orphans;

/// Whether this shard is the channel's home.
#[derive(Debug)]
pub(crate) enum Role {
    Home(Home),
    /// Boxed, since with one shard there are none.
    Mirror(Box<Mirror>),
}

#[derive(Debug, Default)]
pub(crate) struct Home {
    /// At most one per other shard.
    pub(crate) mirrors: Box<[RemoteMirror]>,
}

/// What the home knows of a mirror.
#[derive(Debug)]
pub(crate) struct RemoteMirror {
    pub(crate) generation: u64,
    pub(crate) channel: u32,
    /// As last reported.
    pub(crate) subscribers: u32,
    pub(crate) shard: ShardId,
}

#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) generation: u64,
    /// When to report the number of subscribers, while it is in the list for that.
    pub(crate) report_due_ms: u64,
    /// The number as last reported.
    pub(crate) reported: u32,
    pub(crate) home: ShardId,
    /// The home has answered.
    pub(crate) joined: bool,
    pub(crate) orphans: Orphans,
}

impl Home {
    /// Replaces a shard's mirror; with a generation, only if it is that one.
    pub(crate) fn replace_mirror(
        &mut self,
        shard: ShardId,
        generation: Option<u64>,
        mirror: Option<RemoteMirror>,
    ) {
        let mut mirrors = std::mem::take(&mut self.mirrors).into_vec();
        mirrors.retain(|known| {
            known.shard != shard || generation.is_some_and(|it| it != known.generation)
        });
        mirrors.extend(mirror);
        self.mirrors = mirrors.into_boxed_slice();
    }

    /// Subscribers on other shards.
    pub(crate) fn remote_subscribers(&self) -> u64 {
        self.mirrors.iter().map(|mirror| u64::from(mirror.subscribers)).sum()
    }
}
