//! All connections of a thread, addressed by the plane's index.
//!
//! Pages instead of one growing array: no doubling, no stall when it grows, and what a burst took
//! is given back when its pages are empty again.

use switchboard_plane::ConnId;

/// Connections in one page.
const PAGE_SLOTS: usize = 256;

/// A connection knows its name.
pub trait HasId {
    /// Its name in the plane.
    fn id(&self) -> ConnId;
}

/// The connections of one thread.
#[derive(Debug)]
pub struct Slab<C> {
    pages: Vec<Option<Box<Page<C>>>>,
    open: usize,
}

#[derive(Debug)]
struct Page<C> {
    slots: [Option<C>; PAGE_SLOTS],
    open: usize,
}

impl<C> Default for Slab<C> {
    fn default() -> Self {
        Self { pages: Vec::new(), open: 0 }
    }
}

impl<C> Page<C> {
    fn boxed() -> Box<Self> {
        Box::new(Self { slots: [const { None }; PAGE_SLOTS], open: 0 })
    }
}

fn split(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / PAGE_SLOTS, index % PAGE_SLOTS)
}

impl<C: HasId> Slab<C> {
    /// Stores a connection under its id's index, which must be free.
    pub fn insert(&mut self, connection: C) {
        let (page, slot) = split(connection.id().index());
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(Page::boxed);
        assert!(page.slots[slot].is_none(), "the plane reuses an index only after close");
        page.slots[slot] = Some(connection);
        page.open += 1;
        self.open += 1;
    }

    /// The connection with exactly this id.
    pub fn get(&self, id: ConnId) -> Option<&C> {
        self.at(id.index()).filter(|connection| connection.id() == id)
    }

    /// The connection with exactly this id, to change.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut C> {
        self.at_mut(id.index()).filter(|connection| connection.id() == id)
    }

    /// The connection at `index`, to change.
    pub fn at_mut(&mut self, index: u32) -> Option<&mut C> {
        let (page, slot) = split(index);
        self.pages.get_mut(page)?.as_mut()?.slots[slot].as_mut()
    }

    /// The connection at `index`.
    pub fn at(&self, index: u32) -> Option<&C> {
        let (page, slot) = split(index);
        self.pages.get(page)?.as_ref()?.slots[slot].as_ref()
    }

    /// Takes out the connection with exactly this id.
    pub fn remove(&mut self, id: ConnId) -> Option<C> {
        self.get(id)?;
        let (page_index, slot) = split(id.index());
        let page = self.pages[page_index].as_mut()?;
        let connection = page.slots[slot].take()?;
        page.open -= 1;
        self.open -= 1;
        if page.open == 0 {
            self.pages[page_index] = None;
        }
        Some(connection)
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many pages a sweep has to look at.
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Who is on one page, for what changes them.
    pub fn page_ids(&self, page: usize) -> Vec<ConnId> {
        self.page(page).map(HasId::id).collect()
    }

    /// The connections of one page.
    pub fn page(&self, page: usize) -> impl Iterator<Item = &C> {
        self.pages
            .get(page)
            .and_then(Option::as_ref)
            .into_iter()
            .flat_map(|page| page.slots.iter().flatten())
    }

    /// All connections, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        (0..self.page_count()).flat_map(|page| self.page(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HasId for ConnId {
        fn id(&self) -> ConnId {
            *self
        }
    }

    fn connection(index: u32, generation: u32) -> ConnId {
        ConnId::new(index, generation)
    }

    #[test]
    fn an_old_generation_finds_nothing() {
        let mut slab = Slab::default();
        slab.insert(connection(700, 1));
        assert!(slab.get(ConnId::new(700, 1)).is_some());
        assert!(slab.get(ConnId::new(700, 2)).is_none());
        assert!(slab.remove(ConnId::new(700, 2)).is_none());
        assert!(slab.remove(ConnId::new(700, 1)).is_some());
        slab.insert(connection(700, 2));
        assert!(slab.get_mut(ConnId::new(700, 1)).is_none());
        assert_eq!(slab.open(), 1);
    }

    #[test]
    fn empty_pages_are_given_back() {
        let mut slab = Slab::default();
        for index in 0..1000 {
            slab.insert(connection(index, 1));
        }
        assert!(slab.iter().map(|id| id.index()).eq(0..1000));
        assert_eq!(slab.page_count(), 4);
        assert_eq!(slab.page(3).count(), 1000 - 3 * PAGE_SLOTS);
        for index in 0..1000 {
            slab.remove(ConnId::new(index, 1));
        }
        assert_eq!(slab.open(), 0);
        assert!(slab.pages.iter().all(Option::is_none));
    }
}
