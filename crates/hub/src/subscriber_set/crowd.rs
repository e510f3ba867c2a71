//! Many subscribers of one channel, and the passes that serve them.

use super::entry::Entry;
use crate::paged::Paged;
use crate::{Subscriber, Subscription};

/// Any number of subscribers, best two or more.
///
/// A pass visits them from the last to the first and may stop anywhere. Meanwhile entries may be
/// added (at the end, where the pass has been) and removed (the last one fills the hole, so at
/// worst it is visited twice). Marks decide what an entry needs, so a second visit repeats nothing.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    entries: Paged<Entry>,
    /// No mark is below it, except those that a pass reported and that should be gone.
    floor: u64,
    /// What the floor will be when the pass ends.
    next_floor: u64,
    /// The pass has still to visit the entries below this index; 0 when there is no pass.
    unvisited: u32,
}

impl Crowd {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, index: u32) -> Entry {
        self.entries.get(index as usize)
    }

    pub(super) fn push(&mut self, entry: Entry) -> u32 {
        if self.entries.is_empty() {
            self.floor = entry.mark;
        }
        self.lower_floor(entry.mark);
        self.entries.push(entry) as u32
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes an entry; returns it, and who is at its index now, if one was moved there.
    pub(super) fn remove(&mut self, index: u32) -> (Entry, Option<Subscriber>) {
        let entry = self.get(index);
        let moved = self.entries.swap_remove(index as usize);
        self.unvisited = self.unvisited.min(self.entries.len() as u32);
        (entry, moved.map(|moved| moved.who))
    }

    pub(super) fn set_mark(&mut self, index: u32, mark: u64) {
        self.entries.get_mut(index as usize).mark = mark;
        self.lower_floor(mark);
    }

    pub(super) fn set_form(&mut self, index: u32, form: u8) {
        self.entries.get_mut(index as usize).who.form = form;
    }

    /// A lower bound of all marks.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    fn lower_floor(&mut self, mark: u64) {
        self.floor = self.floor.min(mark);
        self.next_floor = self.next_floor.min(mark);
    }

    /// Entries with this mark stay behind when the pass ends.
    pub(super) fn leave_behind(&mut self, mark: u64) {
        self.next_floor = self.next_floor.min(mark);
    }

    pub(super) fn in_pass(&self) -> bool {
        self.unvisited > 0
    }

    /// Begins a pass. At its end, `floor` holds for all that it does not leave behind.
    pub(super) fn begin_pass(&mut self, floor: u64) {
        self.next_floor = floor;
        self.unvisited = self.entries.len() as u32;
    }

    /// Abandons the pass, so that the next one visits everybody.
    pub(super) fn abandon_pass(&mut self) {
        self.unvisited = 0;
    }

    /// Passes over entries that need nothing; returns the mark of the first one that does. The pass
    /// is over when there is none.
    pub(super) fn find(&mut self, needs_something: impl Fn(u64) -> bool) -> Option<u64> {
        while self.unvisited > 0 {
            let (start, page) = self.entries.page_before(self.unvisited as usize);
            for (at, entry) in page.iter().enumerate().rev() {
                if needs_something(entry.mark) {
                    self.unvisited = (start + at) as u32 + 1;
                    return Some(entry.mark);
                }
                self.next_floor = self.next_floor.min(entry.mark);
            }
            self.unvisited = start as u32;
        }
        self.floor = self.next_floor;
        None
    }

    /// Moves entries into `targets`, at most `targets_max`, as long as `treat` gives them their
    /// next mark. The pass continues behind them, or with `again` visits them once more.
    pub(super) fn take(
        &mut self,
        treat: impl Fn(u64) -> Option<u64>,
        again: bool,
        targets_max: usize,
        subscription: impl Fn(u32) -> Subscription,
        targets: &mut Vec<(Subscriber, Subscription)>,
    ) {
        let mut end = self.unvisited as usize;
        let mut wanted = targets_max;
        targets.reserve(wanted.min(end));
        while wanted > 0 && end > 0 {
            let (start, page) = self.entries.page_before(end);
            let mut taken = 0;
            for (at, entry) in page.iter_mut().enumerate().rev().take(wanted) {
                let Some(mark) = treat(entry.mark) else {
                    wanted = taken;
                    break;
                };
                entry.mark = mark;
                targets.push((entry.who, subscription((start + at) as u32)));
                taken += 1;
            }
            wanted -= taken;
            end -= taken;
        }
        if !again {
            self.unvisited = end as u32;
            if end == 0 {
                self.floor = self.next_floor;
            }
        }
    }
}
