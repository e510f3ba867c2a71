//! The publications of a log, where most logs have none or one.

use std::collections::VecDeque;
use std::iter::Chain;
use std::ops::{Index, Range};
use std::slice::{self, Iter};
use std::sync::Arc;

use crate::Publication;

type Entry = Arc<Publication>;

/// A table this small is not worth freeing.
pub(super) const CAPACITY_KEPT: usize = 64;

/// Publications, oldest first.
#[derive(Debug)]
pub(super) enum Entries {
    /// None or one, without an allocation.
    Few(Option<Entry>),
    /// Any number, from the second one on until none is left.
    #[expect(clippy::box_collection, reason = "the log of one publication stays small")]
    Many(Box<VecDeque<Entry>>),
}

impl Entries {
    pub(super) fn new(publications: Vec<Entry>) -> Self {
        let mut entries = Self::Few(None);
        for publication in publications {
            entries.push(publication);
        }
        entries
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(entry) => usize::from(entry.is_some()),
            Self::Many(entries) => entries.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        match self {
            Self::Few(entry) => entry.as_ref().filter(|_| index == 0),
            Self::Many(entries) => entries.get(index),
        }
    }

    pub(super) fn push(&mut self, publication: Entry) {
        match self {
            Self::Many(entries) => entries.push_back(publication),
            Self::Few(entry) => match entry.take() {
                None => *entry = Some(publication),
                Some(first) => *self = Self::Many(Box::new([first, publication].into())),
            },
        }
    }

    /// Removes the oldest, and gives memory back where little is left.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entries = match self {
            Self::Few(entry) => return entry.take(),
            Self::Many(entries) => entries,
        };
        let oldest = entries.pop_front();
        let capacity = entries.capacity();
        if entries.is_empty() {
            *self = Self::Few(None);
        } else if capacity > CAPACITY_KEPT && entries.len() <= capacity / 4 {
            entries.shrink_to(capacity / 2);
        }
        oldest
    }

    pub(super) fn range(&self, range: Range<usize>) -> Chain<Iter<'_, Entry>, Iter<'_, Entry>> {
        let (front, back) = self.as_slices();
        let Range { start, end } = range;
        let in_front = &front[start.min(front.len())..end.min(front.len())];
        let behind = |index: usize| index.saturating_sub(front.len());
        in_front.iter().chain(&back[behind(start)..behind(end)])
    }

    /// How many of the oldest have a property that none of the others has.
    pub(super) fn partition_point(&self, mut has: impl FnMut(&Entry) -> bool) -> usize {
        let (front, back) = self.as_slices();
        match front.partition_point(&mut has) {
            all if all == front.len() => all + back.partition_point(has),
            some => some,
        }
    }

    fn as_slices(&self) -> (&[Entry], &[Entry]) {
        match self {
            Self::Few(None) => (&[], &[]),
            Self::Few(Some(entry)) => (slice::from_ref(entry), &[]),
            Self::Many(entries) => entries.as_slices(),
        }
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    fn index(&self, index: usize) -> &Entry {
        match self {
            Self::Few(Some(entry)) if index == 0 => entry,
            Self::Few(_) => panic!("there is no publication {index}"),
            Self::Many(entries) => &entries[index],
        }
    }
}
