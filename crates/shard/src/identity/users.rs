//! The users of a shard's connections: each name once, and the first connection of each.

use std::hash::{BuildHasher, RandomState};

use switchboard_hub::Buckets;

/// No slot, no user.
pub(super) const NONE: u32 = u32::MAX;

/// Users in one page; the pages never move.
const PAGE: usize = 256;

#[derive(Debug)]
struct User {
    name: Box<str>,
    /// The slot of its connection that came last; the others are chained behind it.
    first: u32,
    next_in_bucket: u32,
}

#[derive(Debug)]
enum Place {
    Free { next: u32 },
    Used(User),
}

// A page is 6 KiB, which the allocator does not round up.
const _: () = assert!(size_of::<Place>() == 24);

/// All users with a connection. It grows page by page and bucket by bucket: no step touches all of them.
#[derive(Debug)]
pub(super) struct Users {
    pages: Vec<Vec<Place>>,
    free: u32,
    len: usize,
    /// Made with the first user.
    buckets: Option<Buckets>,
    hasher: RandomState,
}

impl Default for Users {
    fn default() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0, buckets: None, hasher: RandomState::new() }
    }
}

impl Users {
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let buckets = self.buckets.as_ref()?;
        let mut at = buckets.head(buckets.of(self.hash(name)));
        while let Some(user) = self.get(at) {
            if *user.name == *name {
                return Some(at);
            }
            at = user.next_in_bucket;
        }
        None
    }

    /// The user of that name, made when it is not there.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if let Some(user) = self.find(name) {
            return user;
        }
        let user = User { name: name.into(), first: NONE, next_in_bucket: NONE };
        let index = self.add(Place::Used(user));
        self.len += 1;
        let mut buckets = self.buckets.take().unwrap_or_default();
        self.chain(&mut buckets, index);
        if self.len > buckets.len() {
            self.split(&mut buckets);
        }
        self.buckets = Some(buckets);
        index
    }

    /// Its last connection is gone.
    pub(super) fn remove(&mut self, index: u32) {
        let Some(mut buckets) = self.buckets.take() else {
            return;
        };
        self.unchain(&mut buckets, index);
        self.buckets = Some(buckets);
        let free = self.free;
        if let Some(place) = self.place(index) {
            *place = Place::Free { next: free };
            self.free = index;
            self.len -= 1;
        }
    }

    pub(super) fn name(&self, index: u32) -> &str {
        self.get(index).map_or("", |user| &user.name)
    }

    /// The first of its connections.
    pub(super) fn first(&self, index: u32) -> u32 {
        self.get(index).map_or(NONE, |user| user.first)
    }

    pub(super) fn set_first(&mut self, index: u32, slot: u32) {
        if let Some(Place::Used(user)) = self.place(index) {
            user.first = slot;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn hash(&self, name: &str) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    fn get(&self, index: u32) -> Option<&User> {
        match self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)? {
            Place::Used(user) => Some(user),
            Place::Free { .. } => None,
        }
    }

    fn place(&mut self, index: u32) -> Option<&mut Place> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }

    fn add(&mut self, user: Place) -> u32 {
        let index = self.free;
        if let Some(place) = self.place(index)
            && let Place::Free { next } = *place
        {
            *place = user;
            self.free = next;
            return index;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        self.pages[page].push(user);
        (page * PAGE + self.pages[page].len() - 1) as u32
    }

    fn chain(&mut self, buckets: &mut Buckets, index: u32) {
        let bucket = buckets.of(self.hash(self.name(index)));
        let head = buckets.head(bucket);
        self.set_next(index, head);
        buckets.set_head(bucket, index);
    }

    fn unchain(&mut self, buckets: &mut Buckets, index: u32) {
        let bucket = buckets.of(self.hash(self.name(index)));
        let next = self.get(index).map_or(NONE, |user| user.next_in_bucket);
        let mut at = buckets.head(bucket);
        if at == index {
            return buckets.set_head(bucket, next);
        }
        while let Some(user) = self.get(at) {
            let following = user.next_in_bucket;
            if following == index {
                return self.set_next(at, next);
            }
            at = following;
        }
    }

    fn set_next(&mut self, index: u32, next: u32) {
        if let Some(Place::Used(user)) = self.place(index) {
            user.next_in_bucket = next;
        }
    }

    /// Adds one bucket and moves its entries there from its one predecessor.
    fn split(&mut self, buckets: &mut Buckets) {
        let from = buckets.add();
        let mut at = buckets.head(from);
        buckets.set_head(from, NONE);
        while let Some(user) = self.get(at) {
            let next = user.next_in_bucket;
            self.chain(buckets, at);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn users_are_as_in_a_map_while_they_come_and_go() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut users = Users::default();
        let mut model: HashMap<String, u32> = HashMap::new();
        for _ in 0..20_000 {
            let name = format!("user-{}", random.u32(..3_000));
            if random.bool() || model.len() < 1_500 {
                let index = users.intern(&name);
                assert_eq!(*model.entry(name.clone()).or_insert(index), index);
                assert_eq!(users.name(index), name);
            } else if let Some(index) = model.remove(&name) {
                users.remove(index);
            }
            assert_eq!(users.find(&name), model.get(&name).copied());
            assert_eq!(users.len(), model.len());
        }
        assert!(
            users.buckets.as_ref().is_some_and(|buckets| buckets.len() > 1_024),
            "it was split"
        );
        assert!(model.iter().all(|(name, index)| users.find(name) == Some(*index)));
    }
}
