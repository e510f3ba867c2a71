//! Publications that nobody has to get: refused by the server, never sent, or of unknown fate
//! because the publisher's connection broke before the answer.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Mutex;

/// Sequence numbers by channel, shared by the threads.
#[derive(Debug, Default)]
pub(crate) struct Excused(Mutex<HashMap<u32, BTreeSet<u64>>>);

impl Excused {
    /// Excuses everyone from getting this publication.
    pub(crate) fn add(&self, channel: u32, sequence: u64) {
        let mut channels = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        channels.entry(channel).or_default().insert(sequence);
    }

    /// How many of a range are excused.
    pub(crate) fn count(&self, channel: u32, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let channels = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        channels.get(&channel).map_or(0, |excused| excused.range(range).count() as u64)
    }
}
