//! Which log is the largest.

use crate::links::Link;
use crate::table::{List, Table};

/// Logs by the power of two of what they count. Finding the largest, within a factor of two, and
/// moving a log between classes take constant time.
#[derive(Debug)]
pub(super) struct SizeClasses {
    lists: [List; 64],
    /// A bit for each list that is not empty.
    occupied: u64,
}

impl SizeClasses {
    pub(super) fn new() -> Self {
        Self { lists: std::array::from_fn(|_| List::new(Link::Size)), occupied: 0 }
    }

    /// Moves a channel whose log counted so many bytes `before` and counts so many `now`.
    pub(super) fn place(&mut self, table: &mut Table, index: u32, before: usize, now: usize) {
        let [before, now] = [before, now].map(usize::checked_ilog2);
        if before == now {
            return;
        }
        if let Some(before) = before {
            let list = &mut self.lists[before as usize];
            list.remove(table, index);
            if list.len() == 0 {
                self.occupied &= !(1 << before);
            }
        }
        if let Some(now) = now {
            self.lists[now as usize].push(table, index);
            self.occupied |= 1 << now;
        }
    }

    pub(super) fn largest(&self) -> Option<u32> {
        let class = self.occupied.checked_ilog2()?;
        self.lists[class as usize].first()
    }
}
