//! Which log is the largest.

use crate::links::Link;
use crate::table::{List, Table};

/// Logs by the power of two of their bytes. Finding the largest, within a factor of two, and moving
/// a log between classes take constant time.
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

    /// Puts a channel into the class of its log's size.
    pub(super) fn place(&mut self, table: &mut Table, index: u32) {
        let channel = &mut table[index];
        let class = channel.log.bytes().checked_ilog2().map(|class| class as u8);
        let before = channel.size_class;
        if before == class {
            return;
        }
        channel.size_class = class;
        if let Some(before) = before {
            let list = &mut self.lists[usize::from(before)];
            list.remove(table, index);
            if list.len() == 0 {
                self.occupied &= !(1 << before);
            }
        }
        if let Some(class) = class {
            self.lists[usize::from(class)].push(table, index);
            self.occupied |= 1 << class;
        }
    }

    pub(super) fn largest(&self) -> Option<u32> {
        let class = self.occupied.checked_ilog2()?;
        self.lists[class as usize].first()
    }
}
