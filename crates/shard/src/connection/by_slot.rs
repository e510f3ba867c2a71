//! Values beside the connections, by slot, in pages that are there only where some slot has one.

/// Slots in one page, as in the slab of connections.
const PAGE_SLOTS: usize = 256;

/// A value that a slot may be without.
pub(crate) trait Vacant: Default {
    fn is_vacant(&self) -> bool;
}

#[derive(Debug)]
pub(crate) struct BySlot<T> {
    pages: Vec<Page<T>>,
}

#[derive(Debug)]
struct Page<T> {
    values: Option<Box<[T; PAGE_SLOTS]>>,
    used: u16,
}

impl<T> Default for BySlot<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Vacant> BySlot<T> {
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        let (page, at) = split(slot);
        let value = &self.pages.get(page)?.values.as_ref()?[at];
        (!value.is_vacant()).then_some(value)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (page, at) = split(slot);
        let value = &mut self.pages.get_mut(page)?.values.as_mut()?[at];
        (!value.is_vacant()).then_some(value)
    }

    /// Gives a slot a value; it had none.
    pub(crate) fn put(&mut self, slot: u32, value: T) {
        let (page, at) = split(slot);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || Page { values: None, used: 0 });
        }
        let page = &mut self.pages[page];
        let values =
            page.values.get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default())));
        values[at] = value;
        page.used += 1;
    }

    /// Takes a slot's value, and gives the page back with its last one.
    pub(crate) fn take(&mut self, slot: u32) -> Option<T> {
        let (page, at) = split(slot);
        let page = self.pages.get_mut(page)?;
        let value = std::mem::take(&mut page.values.as_mut()?[at]);
        if value.is_vacant() {
            return None;
        }
        page.used -= 1;
        if page.used == 0 {
            page.values = None;
        }
        Some(value)
    }

    /// The slots of a page that have a value.
    pub(crate) fn page(&self, page: usize) -> impl Iterator<Item = (u32, &T)> {
        let values = self.pages.get(page).and_then(|page| page.values.as_ref());
        let first = page * PAGE_SLOTS;
        values
            .into_iter()
            .flat_map(|values| values.iter())
            .enumerate()
            .filter(|(_, value)| !value.is_vacant())
            .map(move |(at, value)| ((first + at) as u32, value))
    }
}

fn split(slot: u32) -> (usize, usize) {
    let slot = slot as usize;
    (slot / PAGE_SLOTS, slot % PAGE_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Vacant for Option<u8> {
        fn is_vacant(&self) -> bool {
            self.is_none()
        }
    }

    #[test]
    fn a_page_is_there_while_a_slot_of_it_has_a_value() {
        let mut values = BySlot::default();
        assert_eq!(values.get(0), None);
        assert_eq!(values.take(900), None);
        values.put(700, Some(1));
        values.put(701, Some(2));
        assert_eq!(values.page(2).collect::<Vec<_>>(), [(700, &Some(1)), (701, &Some(2))]);
        assert!(values.pages[0].values.is_none() && values.pages[2].values.is_some());
        assert_eq!((values.take(700), values.take(700)), (Some(Some(1)), None));
        assert_eq!(values.get(701), Some(&Some(2)));
        assert_eq!(values.take(701), Some(Some(2)));
        assert!(values.pages[2].values.is_none() && values.page(9).next().is_none());
    }
}
