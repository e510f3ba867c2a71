//! Channels by index.

use crate::channel::Channel;
use crate::links::NONE;

/// Channels per page.
const PAGE: usize = 128;

// A page is 16 KiB, so that the allocator rounds nothing up.
const _: () = assert!(size_of::<Slot>() == 128);

#[derive(Debug)]
enum Slot {
    Free { next: u32 },
    Used(Channel),
}

/// Slots that are reused, in pages that never move.
#[derive(Debug)]
pub(super) struct Slab {
    pages: Vec<Vec<Slot>>,
    /// The first free slot.
    free: u32,
    len: usize,
}

impl Default for Slab {
    fn default() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0 }
    }
}

impl Slab {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn slots(&self) -> u32 {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len()) as u32
    }

    pub(super) fn get(&self, index: u32) -> Option<&Channel> {
        match self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)? {
            Slot::Used(channel) => Some(channel),
            Slot::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Channel> {
        match self.slot_mut(index)? {
            Slot::Used(channel) => Some(channel),
            Slot::Free { .. } => None,
        }
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }

    pub(super) fn insert(&mut self, channel: Channel) -> u32 {
        self.len += 1;
        let index = self.free;
        if let Some(slot) = self.slot_mut(index)
            && let Slot::Free { next } = *slot
        {
            *slot = Slot::Used(channel);
            self.free = next;
            return index;
        }
        assert!(index == NONE, "slot {index} is not free");
        self.append(Slot::Used(channel))
    }

    fn append(&mut self, slot: Slot) -> u32 {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        let slots = &mut self.pages[page];
        slots.push(slot);
        (page * PAGE + slots.len() - 1) as u32
    }

    pub(super) fn remove(&mut self, index: u32) {
        let free = self.free;
        match self.slot_mut(index) {
            Some(slot @ Slot::Used(_)) => *slot = Slot::Free { next: free },
            _ => panic!("slot {index} is not in use"),
        }
        self.free = index;
        self.len -= 1;
    }
}
