//! A set of small entries that grows by pages.

#[cfg(test)]
mod tests;

/// Entries per page. Only the first page grows by doubling, so a million subscribers are never
/// copied because one more came.
pub(crate) const PAGE: usize = 256;

/// Entries by index, without holes: a removal moves the last entry into the hole.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    /// All but the last are full; none is empty.
    pages: Vec<Vec<T>>,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T: Copy> Paged<T> {
    pub(crate) fn len(&self) -> usize {
        match self.pages.last() {
            Some(last) => (self.pages.len() - 1) * PAGE + last.len(),
            None => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> T {
        self.pages[index / PAGE][index % PAGE]
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE][index % PAGE]
    }

    /// Appends and returns the new entry's index.
    pub(crate) fn push(&mut self, entry: T) -> usize {
        let index = self.len();
        if index.is_multiple_of(PAGE) {
            self.add_page();
        }
        let page = &mut self.pages[index / PAGE];
        if page.len() == page.capacity() {
            page.reserve_exact(page.len().max(1));
        }
        page.push(entry);
        index
    }

    /// The first page starts with room for one entry: on a server with a channel per user, most
    /// channels have one subscriber.
    fn add_page(&mut self) {
        if self.pages.is_empty() {
            self.pages.reserve_exact(1);
            self.pages.push(Vec::new());
        } else {
            self.pages.push(Vec::with_capacity(PAGE));
        }
    }

    /// Removes an entry. The last one takes its place and is returned, unless it was the last.
    pub(crate) fn swap_remove(&mut self, index: usize) -> Option<T> {
        let last_index = self.len() - 1;
        let last_page = self.pages.last_mut()?;
        let last = last_page.pop()?;
        if last_page.is_empty() {
            self.pages.pop();
            if self.pages.is_empty() {
                self.pages = Vec::new();
            }
        }
        if index == last_index {
            return None;
        }
        *self.get_mut(index) = last;
        Some(last)
    }

    /// The entries before `end` that are in one page: the index of the first, and the entries.
    /// Walking a set from its end downwards takes one call per page.
    pub(crate) fn page_before(&mut self, end: usize) -> (usize, &mut [T]) {
        let page = (end - 1) / PAGE;
        let start = page * PAGE;
        (start, &mut self.pages[page][..end - start])
    }
}
