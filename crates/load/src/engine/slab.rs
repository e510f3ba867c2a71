//! All connections of a thread, by the plane's index, in pages: no doubling, no stall when it grows.

use switchboard_plane::ConnId;

use super::Connection;

const PAGE_SLOTS: usize = 256;

type Page<D> = Box<[Option<Connection<D>>]>;

#[derive(Debug)]
pub(crate) struct Slab<D> {
    pages: Vec<Page<D>>,
}

impl<D> Default for Slab<D> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

fn split(id: ConnId) -> (usize, usize) {
    let index = id.index() as usize;
    (index / PAGE_SLOTS, index % PAGE_SLOTS)
}

impl<D> Slab<D> {
    /// Stores a connection under its id's index, which must be free.
    pub(crate) fn insert(&mut self, connection: Connection<D>) {
        let (page, slot) = split(connection.id);
        while self.pages.len() <= page {
            self.pages.push((0..PAGE_SLOTS).map(|_| None).collect());
        }
        debug_assert!(self.pages[page][slot].is_none());
        self.pages[page][slot] = Some(connection);
    }

    /// The connection with exactly this id.
    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection<D>> {
        let (page, slot) = split(id);
        self.pages.get(page)?[slot].as_ref().filter(|connection| connection.id == id)
    }

    /// The connection with exactly this id, to change.
    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection<D>> {
        let (page, slot) = split(id);
        self.pages.get_mut(page)?[slot].as_mut().filter(|connection| connection.id == id)
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Connection<D>> {
        self.get(id)?;
        let (page, slot) = split(id);
        self.pages[page][slot].take()
    }

    /// All connections, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection<D>> {
        self.pages.iter().flatten().flatten()
    }
}
