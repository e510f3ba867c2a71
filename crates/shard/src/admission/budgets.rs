//! How often each address may do something, whatever connection it uses for it.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::address::Subject;
use super::pace::{NS_PER_S, taken};

/// Locks; a shard rarely waits for another at one of so many.
const STRIPES: usize = 64;
/// Sets behind one lock.
const SETS: usize = 128;
/// Buckets in a set: an address has its bucket in one of them.
const WAYS: usize = 8;

/// Token buckets of a fixed number of addresses, 65,536 in 1 MiB, all of which take the same rate.
///
/// A bucket outlives the connections of its address, so that connecting anew does not fill it. It is
/// forgotten only where its place is needed: the fullest of a set goes, and whoever takes the place begins
/// with what was left in it. So nobody gains by driving buckets out, and an address that meets many others
/// in its set loses at most what the fullest of them had taken. The hash is keyed: nobody can choose addresses
/// that meet.
#[derive(Debug)]
pub(crate) struct Budgets {
    interval_ns: u64,
    keys: RandomState,
    stripes: Box<[Mutex<Box<[Set]>>]>,
}

type Set = [Bucket; WAYS];

/// What the buckets of one rate take, in bytes.
pub const BUDGETS_BYTES: u64 = (STRIPES * SETS * size_of::<Set>()) as u64;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    subject: Option<Subject>,
    /// When it will be full again, if nothing is taken from it.
    full_at_ns: u64,
}

impl Budgets {
    /// Lets each address do something `per_second` times a second, with a burst of as many.
    pub(crate) fn new(per_second: u32) -> Self {
        let sets = || vec![[Bucket::default(); WAYS]; SETS].into_boxed_slice();
        Self {
            interval_ns: NS_PER_S / u64::from(per_second.max(1)),
            keys: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::new(sets())).collect(),
        }
    }

    /// Takes `count` tokens, if there is at least one. What is not there is owed: it comes out of what the
    /// bucket would get next.
    pub(crate) fn try_take(&self, subject: Subject, count: u32, now_ms: u64) -> bool {
        let hash = self.keys.hash_one(subject) as usize;
        let stripe = &self.stripes[hash % STRIPES];
        let mut sets = stripe.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = find(&mut sets[hash / STRIPES % SETS], subject);
        let taken = taken(bucket.full_at_ns, self.interval_ns, count, now_ms);
        bucket.full_at_ns = taken.unwrap_or(bucket.full_at_ns);
        taken.is_some()
    }
}

/// The bucket of an address: its own, or the fullest one, with what is in it.
fn find(set: &mut Set, subject: Subject) -> &mut Bucket {
    let own = set.iter().position(|bucket| bucket.subject == Some(subject));
    let fullest = || (0..WAYS).min_by_key(|way| set[*way].full_at_ns).unwrap_or(0);
    let bucket = &mut set[own.unwrap_or_else(fullest)];
    bucket.subject = Some(subject);
    bucket
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::rate::TokenBucket;

    fn subject(nth: u32) -> Subject {
        IpAddr::from(nth.to_be_bytes()).into()
    }

    proptest! {
        #[test]
        fn few_addresses_have_a_token_bucket_each(
            per_second in prop::sample::select(vec![1_u32, 5, 20, 1_000]),
            steps in prop::collection::vec((0_u64..300, 0_u32..WAYS as u32, 1_u32..40), 1..100),
        ) {
            let budgets = Budgets::new(per_second);
            let mut now_ms = 1_000;
            let mut model: Vec<_> =
                (0..WAYS).map(|_| TokenBucket::new(per_second, now_ms)).collect();
            for (passed_ms, nth, times) in steps {
                now_ms += passed_ms;
                for _ in 0..times {
                    let taken = budgets.try_take(subject(nth), 1, now_ms);
                    prop_assert_eq!(taken, model[nth as usize].try_take(now_ms));
                }
            }
        }

        /// However many others there are, nobody gets more than the rate and a burst.
        #[test]
        fn nobody_gains_by_driving_buckets_out(others in 0_u32..4_000, rounds in 1_u32..6) {
            let budgets = Budgets::new(10);
            let mut taken = 0;
            for round in 0..rounds {
                let now_ms = 1_000_000 + u64::from(round) * 100;
                taken += (0..30).filter(|_| budgets.try_take(subject(7), 1, now_ms)).count();
                for other in 0..others {
                    // Each takes all that it has.
                    let take = || budgets.try_take(subject(1_000 + other), 1, now_ms);
                    while take() {}
                }
            }
            prop_assert!(taken <= 10 + rounds as usize, "{taken} in {rounds} rounds");
        }
    }

    #[test]
    fn a_rate_takes_the_memory_that_is_documented() {
        assert_eq!(BUDGETS_BYTES, 1 << 20);
    }

    #[test]
    fn what_is_taken_beyond_the_bucket_is_owed() {
        let budgets = Budgets::new(10);
        assert!(budgets.try_take(subject(1), 25, 1_000), "a burst of 10, and 15 are owed");
        assert!(!budgets.try_take(subject(1), 1, 2_599));
        assert!(budgets.try_take(subject(1), 1, 2_600));
        assert!(!budgets.try_take(subject(1), 1, 2_600));
    }
}
