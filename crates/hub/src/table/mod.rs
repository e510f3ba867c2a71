//! The channels of a shard, by index and by name.

mod buckets;
mod list;
mod slab;

#[cfg(test)]
mod tests;

use std::ops::{Index, IndexMut};

pub(crate) use list::List;

use crate::ChannelName;
use crate::channel::Channel;
use crate::links::NONE;
pub use buckets::Buckets;
use slab::Slab;

/// All channels. It grows page by page and bucket by bucket: no step ever touches all of them.
#[derive(Debug)]
pub(crate) struct Table {
    slab: Slab,
    buckets: Buckets,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { slab: Slab::default(), buckets: Buckets::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All indices are below this one.
    pub(crate) fn slots(&self) -> u32 {
        self.slab.slots()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Channel> {
        self.slab.get_mut(index)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Channel> {
        self.slab.get(index)
    }

    /// The channel of that name. `hash` is the low half of the name's hash.
    pub(crate) fn find(&self, hash: u32, name: &ChannelName) -> Option<u32> {
        let mut at = self.buckets.head(self.buckets.of(hash));
        while at != NONE {
            let channel = &self[at];
            if channel.hash == hash && channel.name == *name {
                return Some(at);
            }
            at = channel.next_in_bucket;
        }
        None
    }

    /// Adds a channel whose name is not there yet.
    pub(crate) fn insert(&mut self, channel: Channel) -> u32 {
        let hash = channel.hash;
        let index = self.slab.insert(channel);
        self.chain(self.buckets.of(hash), index);
        if self.slab.len() > self.buckets.len() {
            self.split();
        }
        index
    }

    /// Removes a channel that is in no list any more.
    pub(crate) fn remove(&mut self, index: u32) {
        assert!(self[index].is_in_no_list(), "channel {index} is still in a list");
        let bucket = self.buckets.of(self[index].hash);
        let next = self[index].next_in_bucket;
        let mut at = self.buckets.head(bucket);
        if at == index {
            self.buckets.set_head(bucket, next);
        } else {
            while self[at].next_in_bucket != index {
                at = self[at].next_in_bucket;
            }
            self[at].next_in_bucket = next;
        }
        self.slab.remove(index);
    }

    fn chain(&mut self, bucket: u32, index: u32) {
        self[index].next_in_bucket = self.buckets.head(bucket);
        self.buckets.set_head(bucket, index);
    }

    /// Adds one bucket and moves its entries there from its one predecessor.
    fn split(&mut self) {
        let from = self.buckets.add();
        let mut at = self.buckets.head(from);
        self.buckets.set_head(from, NONE);
        while at != NONE {
            let next = self[at].next_in_bucket;
            self.chain(self.buckets.of(self[at].hash), at);
            at = next;
        }
    }
}

impl Index<u32> for Table {
    type Output = Channel;

    fn index(&self, index: u32) -> &Channel {
        match self.slab.get(index) {
            Some(channel) => channel,
            None => no_channel(index),
        }
    }
}

impl IndexMut<u32> for Table {
    fn index_mut(&mut self, index: u32) -> &mut Channel {
        match self.slab.get_mut(index) {
            Some(channel) => channel,
            None => no_channel(index),
        }
    }
}

/// Subscriptions and lists name only channels that exist; anything else is a bug of the shard.
#[cold]
fn no_channel(index: u32) -> ! {
    panic!("there is no channel {index}: a subscription was used after it was given up")
}
