//! Subscribers of one channel, and the passes that serve them.

mod crowd;
mod entry;
mod lone;

use crate::{Subscriber, Subscription};
use crowd::Crowd;
pub(crate) use entry::Entry;
use lone::Lone;

/// The ready or the blocked subscribers of a channel.
///
/// A pass visits them all and may stop anywhere. Meanwhile entries may be added and removed. Marks
/// decide what an entry needs, so a second visit repeats nothing.
#[derive(Debug, Default)]
pub(crate) enum SubscriberSet {
    #[default]
    Empty,
    One(Lone),
    /// Once there were two.
    Many(Box<Crowd>),
}

impl SubscriberSet {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Many(crowd) => crowd.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn get(&self, index: u32) -> Entry {
        match self {
            Self::Empty => no_subscriber(index),
            Self::One(lone) => lone.entry,
            Self::Many(crowd) => crowd.get(index),
        }
    }

    /// Who they are, the first ones first.
    pub(crate) fn members(&self) -> impl Iterator<Item = Subscriber> {
        (0..self.len() as u32).map(|index| self.get(index).who)
    }

    pub(crate) fn push(&mut self, entry: Entry) -> u32 {
        match self {
            Self::Empty => {
                *self = Self::One(Lone::new(entry));
                0
            }
            Self::One(lone) => {
                // A pass that has yet to visit the first one begins anew.
                let mut crowd = Box::new(Crowd::default());
                crowd.push(lone.entry);
                let index = crowd.push(entry);
                *self = Self::Many(crowd);
                index
            }
            Self::Many(crowd) => crowd.push(entry),
        }
    }

    /// Removes an entry; returns it, and who is at its index now, if one was moved there.
    pub(crate) fn remove(&mut self, index: u32) -> (Entry, Option<Subscriber>) {
        let (entry, moved) = match self {
            Self::Empty => no_subscriber(index),
            Self::One(lone) => (lone.entry, None),
            Self::Many(crowd) => {
                let removed = crowd.remove(index);
                if !crowd.is_empty() {
                    return removed;
                }
                removed
            }
        };
        *self = Self::Empty;
        (entry, moved)
    }

    pub(crate) fn set_mark(&mut self, index: u32, mark: u64) {
        match self {
            Self::Empty => no_subscriber(index),
            Self::One(lone) => lone.set_mark(mark),
            Self::Many(crowd) => crowd.set_mark(index, mark),
        }
    }

    pub(crate) fn set_form(&mut self, index: u32, form: u8) {
        match self {
            Self::Empty => no_subscriber(index),
            Self::One(lone) => lone.entry.who.form = form,
            Self::Many(crowd) => crowd.set_form(index, form),
        }
    }

    /// A lower bound of all marks, except those that a pass reported and that should be gone.
    pub(crate) fn floor(&self) -> u64 {
        match self {
            Self::Empty => u64::MAX,
            Self::One(lone) => lone.floor(),
            Self::Many(crowd) => crowd.floor(),
        }
    }

    /// Entries with this mark stay behind when the pass ends.
    pub(crate) fn leave_behind(&mut self, mark: u64) {
        if let Self::Many(crowd) = self {
            crowd.leave_behind(mark);
        }
    }

    pub(crate) fn in_pass(&self) -> bool {
        match self {
            Self::Empty => false,
            Self::One(lone) => lone.in_pass,
            Self::Many(crowd) => crowd.in_pass(),
        }
    }

    /// Begins a pass. At its end, `floor` holds for all that it does not leave behind.
    pub(crate) fn begin_pass(&mut self, floor: u64) {
        match self {
            Self::Empty => {}
            Self::One(lone) => lone.set_pass(true),
            Self::Many(crowd) => crowd.begin_pass(floor),
        }
    }

    /// Abandons the pass, so that the next one visits everybody.
    pub(crate) fn abandon_pass(&mut self) {
        match self {
            Self::Empty => {}
            Self::One(lone) => lone.set_pass(false),
            Self::Many(crowd) => crowd.abandon_pass(),
        }
    }

    /// Passes over entries that need nothing; returns the mark of the first one that does. The pass
    /// is over when there is none.
    pub(crate) fn find(&mut self, needs_something: impl Fn(u64) -> bool) -> Option<u64> {
        match self {
            Self::Empty => None,
            Self::One(lone) => lone.find(needs_something),
            Self::Many(crowd) => crowd.find(needs_something),
        }
    }

    /// Moves entries into `targets`, at most `targets_max`, as long as `treat` gives them their
    /// next mark. The pass continues behind them, or with `again` visits them once more.
    pub(crate) fn take(
        &mut self,
        treat: impl Fn(u64) -> Option<u64>,
        again: bool,
        targets_max: usize,
        subscription: impl Fn(u32) -> Subscription,
        targets: &mut Vec<(Subscriber, Subscription)>,
    ) {
        match self {
            Self::Empty => {}
            Self::One(lone) => lone.take(treat, again, subscription(0), targets),
            Self::Many(crowd) => crowd.take(treat, again, targets_max, subscription, targets),
        }
    }
}

/// A subscription names an entry that exists; anything else is a bug of the shard.
#[cold]
fn no_subscriber(index: u32) -> ! {
    panic!("there is no subscriber {index}: a subscription was used after it was given up")
}
