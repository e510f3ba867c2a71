//! The recent publications of a channel.

mod entries;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{Bounds, Publication};
use entries::Entries;

/// What is kept of a stream: all publications after some offset, up to the head.
///
/// Offsets grow, and nothing else is known of them: between two publications there may be any number
/// of offsets that nobody was given. So a place in a stream is the offset of the publication before
/// it, or any offset up to the next one, and is found by search. In most streams offsets are
/// consecutive and the first guess is right.
///
/// The newest of them are the history, in which subscribers may begin; older ones are kept only for
/// laggards. Each push enforces the history's bounds. Its age is checked on demand and enforced in
/// steps ([`expire`](Log::expire)), so its length here is an upper bound.
#[derive(Debug)]
pub(crate) struct Log {
    /// The offset of the last publication that is not kept; 0 when there was none. All after it are
    /// kept.
    before: u64,
    /// The last offset given; 0 before the first.
    head: u64,
    entries: Entries,
    bytes: usize,
    history_len: u32,
    history_bytes: usize,
    /// In which second the publication at `before` was made; 0 when that is not known. Only those who
    /// ask by HTTP's dates want to know.
    dropped_s: u32,
}

/// Those of the oldest publications of a mirror's log that the home has dropped, and their cost.
/// Nobody else counts them.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    pub(crate) count: u32,
    pub(crate) bytes: usize,
}

impl Log {
    /// The log of a stream in which nothing was published.
    pub(crate) const EMPTY: Self = Self::new(0);

    /// An empty log of a stream whose head is `head`.
    pub(crate) const fn new(head: u64) -> Self {
        Self {
            before: head,
            head,
            entries: Entries::Few(None),
            bytes: 0,
            history_len: 0,
            history_bytes: 0,
            dropped_s: 0,
        }
    }

    /// A copy of another shard's history, which begins after the offset `before`. The publication
    /// there was made at `dropped_ms`.
    pub(crate) fn seeded(before: u64, history: Vec<Arc<Publication>>, dropped_ms: u64) -> Self {
        debug_assert!(history.first().is_none_or(|first| before < first.offset()));
        let bytes = history.iter().map(|publication| publication.cost_bytes()).sum();
        Self {
            before,
            head: history.last().map_or(before, |newest| newest.offset()),
            history_len: history.len() as u32,
            entries: Entries::new(history),
            bytes,
            history_bytes: bytes,
            dropped_s: whole_seconds(dropped_ms),
        }
    }

    /// All publications after this offset are kept.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// The offset of the oldest publication kept.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.get(0).map(|publication| publication.offset())
    }

    /// The last offset given; 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The place before the newest publication kept, or the head when none is kept.
    pub(crate) fn before_newest(&self) -> u64 {
        self.place(self.entries.len().saturating_sub(1))
    }

    /// The place before the `index`th publication kept.
    fn place(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(self.before, |last| self.entries[last].offset())
    }

    /// How many of the publications kept are not after `offset`.
    fn index_after(&self, offset: u64) -> usize {
        if offset <= self.before {
            return 0;
        }
        if offset >= self.head {
            return self.entries.len();
        }
        let guess = (offset - self.before) as usize;
        match self.entries.get(guess) {
            Some(next) if self.place(guess) <= offset && offset < next.offset() => guess,
            _ => self.entries.partition_point(|entry| entry.offset() <= offset),
        }
    }

    /// The publications after one offset and up to another, as far as they are kept.
    pub(crate) fn between(
        &self,
        after: u64,
        until: u64,
    ) -> impl DoubleEndedIterator<Item = &Publication> {
        let range = self.index_after(after)..self.index_after(until);
        self.entries.range(range).map(|publication| &**publication)
    }

    /// The publication with this offset, if it is kept.
    pub(crate) fn at(&self, offset: u64) -> Option<&Arc<Publication>> {
        let last = self.index_after(offset).checked_sub(1)?;
        self.entries.get(last).filter(|publication| publication.offset() == offset)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// The cost of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Publications in the history, including those that have expired since the last
    /// [`expire`](Log::expire).
    pub(crate) fn history_len(&self) -> usize {
        self.history_len as usize
    }

    /// Whether the oldest publication kept is in the history, regardless of its age.
    pub(crate) fn oldest_is_history(&self) -> bool {
        self.history_len() == self.entries.len()
    }

    /// Finds those that the home has dropped since. It drops the oldest first.
    pub(crate) fn find_orphans(&self, orphans: &mut Orphans) {
        while let Some(publication) = self.entries.get(orphans.count as usize)
            && publication.is_dropped_by_home()
        {
            orphans.count += 1;
            orphans.bytes += publication.cost_bytes();
        }
    }

    /// When the last publication was made; of one that was dropped only the second is known.
    pub(crate) fn last_ms(&self) -> Option<u64> {
        self.time_at(self.head)
    }

    /// Appends the next publication, which may push others out of the history.
    pub(crate) fn push(&mut self, publication: Arc<Publication>, history: &Bounds) {
        debug_assert!(publication.offset() > self.head);
        self.head = publication.offset();
        let bytes = publication.cost_bytes();
        self.bytes += bytes;
        self.history_bytes += bytes;
        self.history_len += 1;
        self.entries.push(publication);
        while self.history_len() > history.publications
            || (self.history_bytes > history.bytes && self.history_len > 1)
        {
            self.shorten_history();
        }
    }

    /// Removes the oldest publication from the history, which must have one.
    fn shorten_history(&mut self) {
        let oldest = &self.entries[self.entries.len() - self.history_len()];
        self.history_bytes -= oldest.cost_bytes();
        self.history_len -= 1;
    }

    /// Removes everything from the history.
    pub(crate) fn remove_history(&mut self) {
        (self.history_len, self.history_bytes) = (0, 0);
    }

    /// Removes from the history what is too old for it, at most so many publications. Returns how
    /// many.
    pub(crate) fn expire(&mut self, now_ms: u64, ttl_ms: u64, steps_max: usize) -> usize {
        let mut steps = 0;
        while steps < steps_max
            && self.history_len > 0
            && is_aged(&self.entries[self.entries.len() - self.history_len()], now_ms, ttl_ms)
        {
            self.shorten_history();
            steps += 1;
        }
        steps
    }

    /// Drops the oldest publication.
    pub(crate) fn drop_oldest(&mut self) -> Option<Arc<Publication>> {
        if self.oldest_is_history() && self.history_len > 0 {
            self.shorten_history();
        }
        let publication = self.entries.pop()?;
        self.before = publication.offset();
        self.dropped_s = whole_seconds(publication.time_ms());
        self.bytes -= publication.cost_bytes();
        Some(publication)
    }

    /// The place before the oldest publication that is in the history now, or the head.
    pub(crate) fn history_before(&self, now_ms: u64, ttl_ms: u64) -> u64 {
        self.place(self.history_index(now_ms, ttl_ms))
    }

    /// Publications that are in the history now.
    pub(crate) fn history_len_at(&self, now_ms: u64, ttl_ms: u64) -> usize {
        self.entries.len() - self.history_index(now_ms, ttl_ms)
    }

    /// Which of the publications kept is the oldest in the history now.
    fn history_index(&self, now_ms: u64, ttl_ms: u64) -> usize {
        let outside = self.entries.len() - self.history_len();
        let aged = match self.entries.get(outside) {
            Some(oldest) if is_aged(oldest, now_ms, ttl_ms) => {
                self.entries.partition_point(|publication| is_aged(publication, now_ms, ttl_ms))
            }
            _ => outside,
        };
        aged.max(outside)
    }

    /// The publications after the offset `after`, all of which must be kept.
    pub(crate) fn to_vec(&self, after: u64) -> Vec<Arc<Publication>> {
        self.range_after(after).cloned().collect()
    }

    /// The publications after one offset and up to another, as far as they are kept.
    pub(crate) fn shared(
        &self,
        after: u64,
        until: u64,
    ) -> impl DoubleEndedIterator<Item = &Arc<Publication>> {
        let start = self.index_after(after);
        self.entries.range(start..self.index_after(until).max(start))
    }

    fn range_after(&self, after: u64) -> impl Iterator<Item = &Arc<Publication>> {
        self.entries.range(self.index_after(after)..self.entries.len())
    }

    /// When the last publication up to `offset` was made, if it is kept or was the last one dropped; of
    /// that one only the second is known.
    pub(crate) fn time_at(&self, offset: u64) -> Option<u64> {
        if offset < self.before || offset > self.head() {
            return None;
        }
        match self.index_after(offset).checked_sub(1) {
            Some(last) => self.entries.get(last).map(|publication| publication.time_ms()),
            None => (self.dropped_s > 0).then_some(u64::from(self.dropped_s) * 1000),
        }
    }

    /// The last offset given in this second (Unix time) or before, as far as is known: the one
    /// before the first when all that is kept is younger.
    pub(crate) fn last_until_second(&self, second: u64) -> u64 {
        self.place(self.entries.partition_point(|entry| entry.time_ms() / 1000 <= second))
    }

    /// How many publications follow the offset `after`. What is not kept any more is counted by its
    /// offsets, so it is at most that many.
    pub(crate) fn len_after(&self, after: u64) -> u64 {
        let kept = self.entries.len() - self.index_after(after);
        self.before.saturating_sub(after) + kept as u64
    }

    /// The bytes on the wire of what follows the offset `after` and is kept.
    pub(crate) fn frame_bytes_after(&self, after: u64) -> u64 {
        self.range_after(after).map(|publication| publication.frame().len() as u64).sum()
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
        let is_kept = self.before <= after && after < until && until <= self.head();
        assert!(is_kept, "there is nothing from {after} to {until}");
        let (start, end) = (self.index_after(after), self.index_after(until));
        let mut bytes = 0;
        let mut taken = after;
        for index in start..end {
            let publication = &self.entries[index];
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

fn whole_seconds(time_ms: u64) -> u32 {
    u32::try_from(time_ms / 1000).unwrap_or(u32::MAX)
}

/// Whether a publication is too old for a history. Times come from the home's clock, which may be
/// ahead of this shard's.
fn is_aged(publication: &Publication, now_ms: u64, ttl_ms: u64) -> bool {
    publication.time_ms().saturating_add(ttl_ms) <= now_ms
}
