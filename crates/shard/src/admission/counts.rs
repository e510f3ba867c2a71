//! How many connections each address has, on all shards together.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use super::address::Subject;

/// Locks; a shard rarely waits for another at one of so many.
const STRIPES: usize = 64;

/// Counts per address. An address is in a table only while it has connections, so there are never more
/// than connections. The hash is keyed: nobody can choose addresses that meet in one place.
#[derive(Debug)]
pub(crate) struct Counts {
    max: u32,
    keys: RandomState,
    stripes: Box<[Stripe]>,
}

/// On a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe(Mutex<HashTable<(Subject, u32)>>);

impl Counts {
    /// Lets an address have at most `max`.
    pub(crate) fn new(max: u32) -> Self {
        let stripes = (0..STRIPES).map(|_| Stripe::default()).collect();
        Self { max, keys: RandomState::new(), stripes }
    }

    /// One more, if that is not too many.
    pub(crate) fn try_add(&self, subject: Subject) -> bool {
        let (hash, mut table) = self.find(subject);
        let rehash = |(subject, _): &(Subject, u32)| self.keys.hash_one(subject);
        let entry = table.entry(hash, |(known, _)| *known == subject, rehash);
        let mut entry = entry.or_insert((subject, 0));
        let (_, count) = entry.get_mut();
        let has_room = *count < self.max;
        *count += u32::from(has_room);
        has_room
    }

    /// Whether one more would not be too many.
    pub(crate) fn has_room(&self, subject: Subject) -> bool {
        let (hash, table) = self.find(subject);
        let found = table.find(hash, |(known, _)| *known == subject);
        found.is_none_or(|(_, count)| *count < self.max)
    }

    /// One less.
    pub(crate) fn remove(&self, subject: Subject) {
        let (hash, mut table) = self.find(subject);
        if let Ok(mut entry) = table.find_entry(hash, |(known, _)| *known == subject) {
            let (_, count) = entry.get_mut();
            *count -= 1;
            if *count == 0 {
                entry.remove();
            }
        }
    }

    fn find(&self, subject: Subject) -> (u64, MutexGuard<'_, HashTable<(Subject, u32)>>) {
        let hash = self.keys.hash_one(subject);
        // The table itself uses the other bits of the hash.
        let Stripe(stripe) = &self.stripes[(hash >> 32) as usize % STRIPES];
        (hash, stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn addresses(counts: &Counts) -> usize {
        counts.stripes.iter().map(|Stripe(stripe)| stripe.lock().unwrap().len()).sum()
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_plain_map(
            max in 1_u32..4,
            steps in prop::collection::vec((0_u8..6, any::<bool>()), 0..200),
        ) {
            let counts = Counts::new(max);
            let mut model: HashMap<u8, u32> = HashMap::new();
            for (last, comes) in steps {
                let subject = Subject::from(IpAddr::from([192, 0, 2, last]));
                let known = model.entry(last).or_default();
                if comes {
                    prop_assert_eq!(counts.try_add(subject), *known < max);
                    *known = (*known + 1).min(max);
                } else if *known > 0 {
                    counts.remove(subject);
                    *known -= 1;
                }
                model.retain(|_, count| *count > 0);
                prop_assert_eq!(addresses(&counts), model.len());
            }
        }
    }

    #[test]
    fn many_threads_never_exceed_the_bound() {
        let counts = Counts::new(10);
        let subject = Subject::from(IpAddr::from([192, 0, 2, 1]));
        let added: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..100).filter(|_| counts.try_add(subject)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(added, 10);
        for _ in 0..10 {
            counts.remove(subject);
        }
        assert_eq!(addresses(&counts), 0);
    }
}
