//! The channels of a home that have subscribers.

use std::collections::HashSet;

use crate::ChannelName;

/// A channel whose home is here has got its first subscriber, or has lost its last one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Occupancy {
    /// The channel.
    pub channel: ChannelName,
    /// It has subscribers now.
    pub is_occupied: bool,
}

/// The channels of a home that have subscribers, while somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Occupied {
    /// By index. A channel with subscribers is never forgotten.
    channels: HashSet<u32>,
    changes: Vec<Occupancy>,
}

impl Occupied {
    /// Whether the channel has subscribers now.
    pub(crate) fn set(&mut self, index: u32, name: &ChannelName, is_occupied: bool) {
        let is_new =
            if is_occupied { self.channels.insert(index) } else { self.channels.remove(&index) };
        if is_new {
            self.changes.push(Occupancy { channel: name.clone(), is_occupied });
        }
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Occupancy> {
        std::mem::take(&mut self.changes)
    }

    #[cfg(test)]
    pub(crate) fn is_occupied(&self, index: u32) -> bool {
        self.channels.contains(&index)
    }
}
