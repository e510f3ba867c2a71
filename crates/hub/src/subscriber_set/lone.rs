//! The only subscriber of a channel.

use super::entry::Entry;
use crate::{Subscriber, Subscription};

/// One subscriber, where no allocation is worth it: on a server with a channel for each user most
/// channels have one.
#[derive(Debug)]
pub(crate) struct Lone {
    pub(super) entry: Entry,
    /// A pass has still to visit it.
    pub(super) in_pass: bool,
    /// A pass reported it as it is, so it must go, or be placed anew, before it is visited again.
    told: bool,
}

impl Lone {
    pub(super) fn new(entry: Entry) -> Self {
        Self { entry, in_pass: false, told: false }
    }

    pub(super) fn set_mark(&mut self, mark: u64) {
        self.entry.mark = mark;
        self.told = false;
    }

    pub(super) fn floor(&self) -> u64 {
        if self.told { u64::MAX } else { self.entry.mark }
    }

    pub(super) fn set_pass(&mut self, in_pass: bool) {
        self.in_pass = in_pass;
        self.told = false;
    }

    pub(super) fn find(&mut self, needs_something: impl Fn(u64) -> bool) -> Option<u64> {
        let mark = self.entry.mark;
        if self.in_pass && needs_something(mark) {
            return Some(mark);
        }
        self.in_pass = false;
        None
    }

    pub(super) fn take(
        &mut self,
        treat: impl Fn(u64) -> Option<u64>,
        again: bool,
        subscription: Subscription,
        targets: &mut Vec<(Subscriber, Subscription)>,
    ) {
        if self.in_pass
            && let Some(mark) = treat(self.entry.mark)
        {
            self.told = mark == self.entry.mark;
            self.entry.mark = mark;
            self.in_pass = again;
            targets.push((self.entry.who, subscription));
        }
    }
}
