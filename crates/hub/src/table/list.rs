//! Lists of channels, linked through the channels themselves: no list allocates, and removing a
//! channel from all of them takes constant time.

use super::Table;
use crate::links::{Link, NONE, Neighbours};

/// A list, oldest first.
#[derive(Debug)]
pub(crate) struct List {
    link: Link,
    first: u32,
    last: u32,
    len: usize,
}

impl List {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, first: NONE, last: NONE, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Whether a channel is in this list; it must be in no other of this kind.
    pub(crate) fn contains(&self, table: &Table, index: u32) -> bool {
        table[index].neighbours(self.link).are_in_list()
    }

    fn neighbours<'t>(&self, table: &'t mut Table, index: u32) -> &'t mut Neighbours {
        table[index].neighbours_mut(self.link)
    }

    /// Appends a channel, unless it is in the list already.
    pub(crate) fn push(&mut self, table: &mut Table, index: u32) {
        let last = self.last;
        let neighbours = self.neighbours(table, index);
        if neighbours.are_in_list() {
            return;
        }
        *neighbours = Neighbours { previous: last, next: NONE };
        if last == NONE {
            self.first = index;
        } else {
            self.neighbours(table, last).next = index;
        }
        self.last = index;
        self.len += 1;
    }

    /// Removes a channel, if it is in this list; it must be in no other of this kind.
    pub(crate) fn remove(&mut self, table: &mut Table, index: u32) {
        if !self.contains(table, index) {
            return;
        }
        let neighbours = self.neighbours(table, index);
        let Neighbours { previous, next } = std::mem::replace(neighbours, Neighbours::NONE);
        if previous == NONE {
            self.first = next;
        } else {
            self.neighbours(table, previous).next = next;
        }
        if next == NONE {
            self.last = previous;
        } else {
            self.neighbours(table, next).previous = previous;
        }
        self.len -= 1;
    }
}
