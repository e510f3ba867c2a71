//! The recent publications of a channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Publication;

/// A table this small is not worth giving back.
const CAPACITY_KEPT: usize = 64;

/// What is kept of a stream: publications without a gap, up to the head.
#[derive(Debug)]
pub(crate) struct Log {
    /// The offset of the oldest one kept, or the one after the head when nothing is kept.
    first: u64,
    entries: VecDeque<Arc<Publication>>,
    bytes: usize,
}

impl Log {
    /// An empty log behind a stream that stands at `head`.
    pub(crate) fn new(head: u64) -> Self {
        Self { first: head + 1, entries: VecDeque::new(), bytes: 0 }
    }

    /// A copy of another shard's log, which ends at `head`.
    pub(crate) fn seeded(head: u64, log: Vec<Arc<Publication>>) -> Self {
        debug_assert!(log.last().is_none_or(|newest| newest.offset() == head));
        let first = head + 1 - log.len() as u64;
        let bytes = log.iter().map(|publication| publication.cost_bytes()).sum();
        Self { first, entries: log.into(), bytes }
    }

    /// The offset of the oldest publication kept, or the next one's.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The last offset given; 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The cost of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, publication: Arc<Publication>) {
        debug_assert_eq!(publication.offset(), self.head() + 1);
        self.bytes += publication.cost_bytes();
        self.entries.push_back(publication);
    }

    /// Drops the oldest publication and returns its cost.
    pub(crate) fn drop_oldest(&mut self) -> usize {
        let Some(publication) = self.entries.pop_front() else {
            return 0;
        };
        self.first += 1;
        let bytes = publication.cost_bytes();
        self.bytes -= bytes;
        let capacity = self.entries.capacity();
        if capacity > CAPACITY_KEPT && self.entries.len() <= capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
        bytes
    }

    /// All that is kept, for a mirror.
    pub(crate) fn to_vec(&self) -> Vec<Arc<Publication>> {
        self.entries.iter().cloned().collect()
    }

    /// Appends to `publications` what follows the offset `after`, up to `until`: at most `bytes_max`
    /// of frames, but at least one. Returns the last offset taken.
    pub(crate) fn copy(
        &self,
        after: u64,
        until: u64,
        bytes_max: usize,
        publications: &mut Vec<Arc<Publication>>,
    ) -> u64 {
        debug_assert!(after + 1 >= self.first && after < until && until <= self.head());
        let start = (after + 1 - self.first) as usize;
        let end = (until + 1 - self.first) as usize;
        let mut bytes = 0;
        let mut taken = after;
        for publication in self.entries.range(start..end) {
            bytes += publication.frame().len();
            if bytes > bytes_max && taken > after {
                break;
            }
            publications.push(Arc::clone(publication));
            taken = publication.offset();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Accounting, Draft, Epoch, Kind, Position};

    fn log(head: u64, payloads: &[usize]) -> Log {
        let accounting = Arc::new(Accounting::default());
        let mut log = Log::new(head);
        for &bytes in payloads {
            let draft = Draft::new(Kind::Binary, &vec![0; bytes]);
            let position = Position { epoch: Epoch::from_random(1), offset: log.head() + 1 };
            log.push(Publication::new(position, 0, draft, &accounting));
        }
        log
    }

    fn copied(log: &Log, after: u64, until: u64, bytes_max: usize) -> Vec<u64> {
        let mut publications = Vec::new();
        let last = log.copy(after, until, bytes_max, &mut publications);
        assert_eq!(publications.last().unwrap().offset(), last);
        publications.iter().map(|publication| publication.offset()).collect()
    }

    #[test]
    fn an_empty_log_knows_its_head() {
        let mut log = log(41, &[]);
        assert_eq!((log.first(), log.head(), log.len()), (42, 41, 0));
        assert_eq!(log.drop_oldest(), 0);
        assert_eq!(log.head(), 41);
    }

    #[test]
    fn copies_up_to_the_bytes_but_at_least_one() {
        let log = log(0, &[10, 10, 500, 10]);
        assert_eq!(copied(&log, 0, 4, 24), [1, 2]);
        assert_eq!(copied(&log, 0, 4, 23), [1]);
        assert_eq!(copied(&log, 2, 4, 24), [3]);
        assert_eq!(copied(&log, 1, 3, 10_000), [2, 3]);
        assert_eq!(copied(&log, 3, 4, 0), [4]);
    }

    #[test]
    fn bytes_and_room_go_with_the_publications() {
        let mut log = log(0, &[100; 1000]);
        let bytes = log.bytes();
        assert!(bytes > 100_000);
        let dropped: usize = (0..1000).map(|_| log.drop_oldest()).sum();
        assert_eq!((dropped, log.bytes(), log.head(), log.first()), (bytes, 0, 1000, 1001));
        assert!(log.entries.capacity() <= CAPACITY_KEPT);
    }
}
