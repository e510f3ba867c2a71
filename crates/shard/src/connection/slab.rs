//! All connections of a shard, addressed by the plane's index.
//!
//! Pages instead of one growing array: no doubling, no stall when it grows, and what a burst took
//! is given back when its pages are empty again.

use switchboard_plane::ConnId;

use super::slot::Connection;

/// Connections in one page, about 14 KiB.
pub(crate) const PAGE_SLOTS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Slab {
    pages: Vec<Option<Box<Page>>>,
    open: usize,
}

#[derive(Debug)]
struct Page {
    slots: [Option<Connection>; PAGE_SLOTS],
    open: usize,
}

impl Page {
    fn boxed() -> Box<Self> {
        Box::new(Self { slots: [const { None }; PAGE_SLOTS], open: 0 })
    }
}

fn split(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / PAGE_SLOTS, index % PAGE_SLOTS)
}

impl Slab {
    /// Stores a connection under its id's index, which must be free.
    pub(crate) fn insert(&mut self, connection: Connection) {
        let (page, slot) = split(connection.id.index());
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
    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection> {
        self.at(id.index()).filter(|connection| connection.id == id)
    }

    /// The connection with exactly this id, to change.
    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.at_mut(id.index()).filter(|connection| connection.id == id)
    }

    /// The connection at `index`, to change.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut Connection> {
        let (page, slot) = split(index);
        self.pages.get_mut(page)?.as_mut()?.slots[slot].as_mut()
    }

    /// The connection at `index`.
    pub(crate) fn at(&self, index: u32) -> Option<&Connection> {
        let (page, slot) = split(index);
        self.pages.get(page)?.as_ref()?.slots[slot].as_ref()
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection> {
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
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// How many pages a sweep has to look at.
    pub(crate) fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Who is on one page, for what changes them.
    pub(crate) fn page_ids(&self, page: usize) -> Vec<ConnId> {
        self.page(page).map(|connection| connection.id).collect()
    }

    /// The connections of one page.
    pub(crate) fn page(&self, page: usize) -> impl Iterator<Item = &Connection> {
        self.pages
            .get(page)
            .and_then(Option::as_ref)
            .into_iter()
            .flat_map(|page| page.slots.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Tick;

    fn connection(index: u32, generation: u32) -> Connection {
        let peer = "127.0.0.1:1".parse().unwrap();
        Connection::new(ConnId::new(index, generation), peer, Tick::at(0, 0), Tick::NEVER)
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
        assert_eq!(slab.page_count(), 4);
        assert_eq!(slab.page(3).count(), 1000 - 3 * PAGE_SLOTS);
        for index in 0..1000 {
            slab.remove(ConnId::new(index, 1));
        }
        assert_eq!(slab.open(), 0);
        assert!(slab.pages.iter().all(Option::is_none));
    }
}
