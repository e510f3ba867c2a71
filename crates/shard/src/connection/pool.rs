//! The subscriptions of all connections that have several, in blocks by size.

use std::num::NonZeroU32;

use switchboard_hub::Subscription;

/// Slots in one page, 8 KiB.
const PAGE_SLOTS: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 10;

/// How many bits of a [`Block`] say where it is among those of its size.
const INDEX_BITS: u32 = 28;

/// A slot: eight bytes.
pub(crate) type Slot = Option<Subscription>;

/// The place of one connection's block: its size class, and one more than its index in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Block(NonZeroU32);

/// The last block of a size was moved: its connection must store the new place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Relocated {
    /// The connection's index.
    pub(crate) owner: u32,
    pub(crate) block: Block,
}

/// Blocks of 2, 4, 8 ... 1,024 slots. Those of one size are stored without holes, so what a burst took
/// is given back, and a block costs its slots and 4 B.
#[derive(Debug)]
pub(crate) struct Pool {
    classes: [Class; PAGE_BITS as usize],
}

/// The blocks of one size, in pages: no doubling, no stall when it grows. All pages but the last are
/// full, and none is empty.
#[derive(Debug)]
struct Class {
    block_slots: usize,
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    slots: Vec<Slot>,
    /// Whose blocks they are.
    owners: Vec<u32>,
}

impl Block {
    fn new(class: usize, index: usize) -> Self {
        debug_assert!(index + 1 < 1 << INDEX_BITS);
        Self(NonZeroU32::MIN.saturating_add((class as u32) << INDEX_BITS | index as u32))
    }

    fn class(self) -> usize {
        ((self.0.get() - 1) >> INDEX_BITS) as usize
    }

    fn index(self) -> usize {
        ((self.0.get() - 1) & ((1 << INDEX_BITS) - 1)) as usize
    }
}

impl Default for Pool {
    fn default() -> Self {
        let class = |class| Class { block_slots: 2_usize << class, pages: Vec::new() };
        Self { classes: std::array::from_fn(class) }
    }
}

impl Pool {
    /// A new block of at least so many empty slots, at most 1,024.
    pub(crate) fn insert(&mut self, owner: u32, slots: usize) -> Block {
        let class = slots.next_power_of_two().trailing_zeros().saturating_sub(1) as usize;
        Block::new(class, self.classes[class].push(owner))
    }

    /// Gives a block back.
    pub(crate) fn remove(&mut self, block: Block) -> Option<Relocated> {
        let owner = self.classes[block.class()].swap_remove(block.index())?;
        Some(Relocated { owner, block })
    }

    pub(crate) fn slots(&self, block: Block) -> &[Slot] {
        let class = &self.classes[block.class()];
        let (page, at) = class.split(block.index());
        &class.pages[page].slots[at * class.block_slots..][..class.block_slots]
    }

    pub(crate) fn slots_mut(&mut self, block: Block) -> &mut [Slot] {
        let class = &mut self.classes[block.class()];
        let (page, at) = class.split(block.index());
        &mut class.pages[page].slots[at * class.block_slots..][..class.block_slots]
    }
}

#[cfg(test)]
impl Pool {
    pub(super) fn pages(&self) -> usize {
        self.classes.iter().map(|class| class.pages.len()).sum()
    }
}

impl Class {
    fn split(&self, index: usize) -> (usize, usize) {
        let page_blocks = PAGE_SLOTS / self.block_slots;
        (index / page_blocks, index % page_blocks)
    }

    fn push(&mut self, owner: u32) -> usize {
        let page_blocks = PAGE_SLOTS / self.block_slots;
        if self.pages.last().is_none_or(|page| page.owners.len() == page_blocks) {
            self.pages.push(Page { slots: Vec::with_capacity(PAGE_SLOTS), owners: Vec::new() });
        }
        let pages_full = self.pages.len() - 1;
        let page = &mut self.pages[pages_full];
        page.slots.resize(page.slots.len() + self.block_slots, None);
        page.owners.push(owner);
        pages_full * page_blocks + page.owners.len() - 1
    }

    /// Removes a block. The last one takes its place, unless it was the last; returns whose that is.
    fn swap_remove(&mut self, index: usize) -> Option<u32> {
        let last_page = self.pages.last_mut()?;
        let rest = last_page.slots.len() - self.block_slots;
        let slots = last_page.slots.split_off(rest);
        let owner = last_page.owners.pop()?;
        if last_page.owners.is_empty() {
            self.pages.pop();
        }
        let (page, at) = self.split(index);
        let page = self.pages.get_mut(page)?;
        // It was the last one itself.
        let hole = page.owners.get_mut(at)?;
        *hole = owner;
        page.slots[at * self.block_slots..][..self.block_slots].copy_from_slice(&slots);
        Some(owner)
    }
}
