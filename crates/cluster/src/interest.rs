//! Which buckets of a namespace a node listens to.
//!
//! A node subscribes to whole buckets, never to single channels: a hundred nodes with a million channels each
//! would be a hundred million subscriptions. A bucket is kept for a while after its last channel was left,
//! since clients come back.

use std::collections::{BTreeMap, BTreeSet};

use crate::Place;

/// How long a bucket is kept without need.
const LINGER_MS: u64 = 10_000;

/// What is to be done at the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribe {
    /// Subscribe to the bucket and flush, then say that it is [live](Interest::on_live).
    Begin(Place),
    /// Subscribe to it no longer.
    End(Place),
}

/// The buckets of one namespace that this node uses.
#[derive(Debug, Default)]
pub struct Interest {
    buckets: BTreeMap<Place, Bucket>,
    /// Those that nobody uses, by when they end.
    idle: BTreeSet<(u64, Place)>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Channels that are in use.
    channels: usize,
    is_live: bool,
    /// When it ends, while nobody uses it.
    ends_ms: Option<u64>,
}

impl Interest {
    /// A channel of this bucket is used from now on. Returns what is to be done, if anything.
    pub fn acquire(&mut self, place: Place) -> Option<Subscribe> {
        let is_new = !self.buckets.contains_key(&place);
        let bucket = self.buckets.entry(place).or_default();
        bucket.channels += 1;
        if let Some(ends_ms) = bucket.ends_ms.take() {
            self.idle.remove(&(ends_ms, place));
        }
        is_new.then_some(Subscribe::Begin(place))
    }

    /// A channel of this bucket is used no longer.
    pub fn release(&mut self, now_ms: u64, place: Place) {
        let Some(bucket) = self.buckets.get_mut(&place).filter(|bucket| bucket.channels > 0) else {
            return debug_assert!(false, "{place:?} is released more often than acquired");
        };
        bucket.channels -= 1;
        if bucket.channels == 0 {
            let ends_ms = now_ms + LINGER_MS;
            bucket.ends_ms = Some(ends_ms);
            self.idle.insert((ends_ms, place));
        }
    }

    /// The engine knows of the subscription: what is stored from now on arrives.
    pub fn on_live(&mut self, place: Place) {
        if let Some(bucket) = self.buckets.get_mut(&place) {
            bucket.is_live = true;
        }
    }

    /// The connection to the engine is lost. The subscriptions come back with it, and each is live again when the
    /// engine knows it.
    pub fn on_disconnected(&mut self) {
        for bucket in self.buckets.values_mut() {
            bucket.is_live = false;
        }
    }

    /// Whether messages of this bucket arrive, so that its channels may be joined.
    pub fn is_live(&self, place: Place) -> bool {
        self.buckets.get(&place).is_some_and(|bucket| bucket.is_live)
    }

    /// All buckets that are subscribed to.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.buckets.keys().copied()
    }

    /// When [`next_end`](Self::next_end) has something.
    pub fn due_ms(&self) -> Option<u64> {
        self.idle.first().map(|(ends_ms, _)| *ends_ms)
    }

    /// A bucket that nobody has used for a while.
    pub fn next_end(&mut self, now_ms: u64) -> Option<Subscribe> {
        let (_, place) = *self.idle.first().filter(|(ends_ms, _)| *ends_ms <= now_ms)?;
        self.idle.pop_first();
        self.buckets.remove(&place);
        Some(Subscribe::End(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(bucket: u16) -> Place {
        Place { partition: 0, bucket }
    }

    #[test]
    fn channels_of_one_bucket_share_a_subscription() {
        let mut interest = Interest::default();
        assert_eq!(interest.acquire(place(1)), Some(Subscribe::Begin(place(1))));
        assert_eq!(interest.acquire(place(1)), None);
        assert!(!interest.is_live(place(1)));
        interest.on_live(place(1));
        interest.on_live(place(2));
        assert!(interest.is_live(place(1)) && !interest.is_live(place(2)));
        interest.on_disconnected();
        assert!(!interest.is_live(place(1)));
        assert!(interest.places().eq([place(1)]));
    }

    #[test]
    fn a_bucket_lingers_after_its_last_channel() {
        let mut interest = Interest::default();
        interest.acquire(place(1));
        interest.on_live(place(1));
        interest.release(1_000, place(1));
        assert_eq!((interest.due_ms(), interest.next_end(10_999)), (Some(11_000), None));
        assert_eq!(interest.acquire(place(1)), None, "it is still there");
        assert!(interest.is_live(place(1)));
        assert_eq!((interest.due_ms(), interest.next_end(99_000)), (None, None));
        interest.release(20_000, place(1));
        assert_eq!(interest.next_end(30_000), Some(Subscribe::End(place(1))));
        assert_eq!(interest.next_end(30_000), None);
        assert_eq!(interest.acquire(place(1)), Some(Subscribe::Begin(place(1))));
        assert!(!interest.is_live(place(1)), "it is another subscription");
    }

    proptest! {
        #[test]
        fn the_engine_has_what_is_used_and_no_bucket_twice(
            steps in proptest::collection::vec((0_u8..3, 0_u16..4, 0_u64..8_000), 0..60),
        ) {
            let (mut interest, mut now_ms) = (Interest::default(), 0);
            let (mut used, mut subscribed) = ([0_u32; 4], BTreeSet::new());
            for (step, bucket, pause_ms) in steps {
                let action = match step {
                    0 => {
                        used[usize::from(bucket)] += 1;
                        interest.acquire(place(bucket))
                    }
                    1 if used[usize::from(bucket)] > 0 => {
                        used[usize::from(bucket)] -= 1;
                        interest.release(now_ms, place(bucket));
                        None
                    }
                    _ => {
                        now_ms += pause_ms;
                        interest.next_end(now_ms)
                    }
                };
                match action {
                    Some(Subscribe::Begin(place)) => prop_assert!(subscribed.insert(place)),
                    Some(Subscribe::End(place)) => prop_assert!(subscribed.remove(&place)),
                    None => {}
                }
                for bucket in 0..4 {
                    prop_assert!(used[usize::from(bucket)] == 0 || subscribed.contains(&place(bucket)));
                }
                prop_assert!(interest.places().eq(subscribed.iter().copied()));
            }
        }
    }
}
