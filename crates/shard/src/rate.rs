//! A token bucket: how often one client may publish.

/// Fills with `per_second` tokens a second and holds as many.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    per_second: u32,
    /// Thousandths of a token, so that a millisecond adds a whole number.
    millitokens: u64,
    filled_at_ms: u64,
}

impl TokenBucket {
    /// A full bucket. `per_second` must not be 0.
    pub(crate) fn new(per_second: u32, now_ms: u64) -> Self {
        let mut bucket = Self { per_second, millitokens: 0, filled_at_ms: now_ms };
        bucket.millitokens = bucket.capacity();
        bucket
    }

    /// Takes one token, or says that there is none.
    pub(crate) fn try_take(&mut self, now_ms: u64) -> bool {
        self.millitokens = self.level(now_ms);
        self.filled_at_ms = now_ms;
        let enough = self.millitokens >= 1000;
        if enough {
            self.millitokens -= 1000;
        }
        enough
    }

    /// Whether it may as well be forgotten.
    pub(crate) fn is_full(&self, now_ms: u64) -> bool {
        self.level(now_ms) == self.capacity()
    }

    fn capacity(&self) -> u64 {
        u64::from(self.per_second) * 1000
    }

    fn level(&self, now_ms: u64) -> u64 {
        let passed_ms = now_ms.saturating_sub(self.filled_at_ms);
        let added = passed_ms.saturating_mul(u64::from(self.per_second));
        self.millitokens.saturating_add(added).min(self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10, 0);
        assert!((0..10).all(|_| bucket.try_take(0)));
        assert!(!bucket.try_take(99));
        assert!(bucket.try_take(100));
        assert!(!bucket.try_take(199));
        assert!(!bucket.is_full(1_000));
        assert!(bucket.is_full(1_200));
    }
}
