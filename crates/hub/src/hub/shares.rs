//! What each namespace takes of what the channels of a shard may keep.

use super::size_classes::SizeClasses;
use crate::links::Link;
use crate::table::{List, Table};
use crate::{Limits, NamespaceId, Namespaces, Rules};

/// The shares of all namespaces, and what they come to.
#[derive(Debug)]
pub(super) struct Shares {
    namespaces: Namespaces<Share>,
    bytes: usize,
    idle: usize,
}

/// The share of one namespace.
#[derive(Debug)]
struct Share {
    /// What its logs count together.
    bytes: usize,
    bytes_max: usize,
    /// Its logs by size.
    sizes: SizeClasses,
    /// Its channels of this home that no shard uses and that had a publication, oldest first.
    idle: List,
    idle_max: usize,
}

impl Shares {
    pub(super) fn new(rules: &Namespaces<Rules>, limits: &Limits) -> Self {
        let share = |rules: &Rules| Share {
            bytes: 0,
            bytes_max: part(limits.shard_log_bytes_max, rules.share_percent),
            sizes: SizeClasses::new(),
            idle: List::new(Link::Waiting),
            idle_max: part(limits.channels_idle_max, rules.share_percent).max(1),
        };
        Self { namespaces: rules.map(share), bytes: 0, idle: 0 }
    }

    /// What all logs count together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Idle channels of all namespaces that had a publication.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// Counts a channel's log as it is now.
    pub(super) fn count(&mut self, table: &mut Table, index: u32) {
        let channel = &mut table[index];
        let Some((before, now)) = channel.count_bytes() else {
            return;
        };
        let share = &mut self.namespaces[channel.namespace];
        share.bytes = share.bytes - before + now;
        self.bytes = self.bytes - before + now;
        share.sizes.place(table, index, before, now);
    }

    /// The largest log of a namespace whose logs are over its share.
    pub(super) fn largest_beyond(&self, namespace: NamespaceId) -> Option<u32> {
        let share = &self.namespaces[namespace];
        if share.bytes > share.bytes_max { share.sizes.largest() } else { None }
    }

    /// The largest log of the namespace whose logs take most. Namespaces are few, and only the
    /// configuration makes them, so all are looked at.
    pub(super) fn largest(&self) -> Option<u32> {
        let shares = self.namespaces.iter().map(|(_, share)| share);
        shares.max_by_key(|share| share.bytes)?.sizes.largest()
    }

    /// Appends a channel to the idle ones of its namespace.
    pub(super) fn push_idle(&mut self, table: &mut Table, index: u32) {
        self.idle += 1;
        self.namespaces[table[index].namespace].idle.push(table, index);
    }

    /// Removes a channel from the idle ones of its namespace; it must be there.
    pub(super) fn remove_idle(&mut self, table: &mut Table, index: u32) {
        self.idle -= 1;
        self.namespaces[table[index].namespace].idle.remove(table, index);
    }

    /// The oldest idle channel of a namespace that has no room for another.
    pub(super) fn oldest_idle_beyond(&self, namespace: NamespaceId) -> Option<u32> {
        let share = &self.namespaces[namespace];
        if share.idle.len() >= share.idle_max { share.idle.first() } else { None }
    }

    /// The oldest idle channel of the namespace that has most of them.
    pub(super) fn oldest_idle(&self) -> Option<u32> {
        let shares = self.namespaces.iter().map(|(_, share)| share);
        shares.max_by_key(|share| share.idle.len())?.idle.first()
    }

    /// The oldest idle channel of a namespace.
    pub(super) fn oldest_idle_in(&self, namespace: NamespaceId) -> Option<u32> {
        self.namespaces[namespace].idle.first()
    }

    /// The oldest idle channel of each namespace.
    pub(super) fn oldest_idle_of_each(&self) -> impl Iterator<Item = u32> {
        self.namespaces.iter().filter_map(|(_, share)| share.idle.first())
    }
}

/// So many percent of a number.
fn part(whole: usize, percent: u32) -> usize {
    (whole as u128 * u128::from(percent) / 100) as usize
}
