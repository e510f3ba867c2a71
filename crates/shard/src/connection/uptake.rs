//! How fast a full socket takes what waits for it.

/// Bytes that a socket has taken since a moment. Whoever takes nothing for long is stalled and ends by a
/// deadline, which any progress moves; this is for those who take a byte now and then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uptake {
    since_ms: u64,
    bytes: u64,
}

impl Uptake {
    /// From now on.
    pub(crate) fn begin(now_ms: u64) -> Self {
        Self { since_ms: now_ms, bytes: 0 }
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// It has been looked at for so long that it can be judged. Kernels take in steps of tens of
    /// kilobytes, so a moment says nothing.
    #[inline]
    pub(crate) fn is_over(&self, now_ms: u64, window_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) >= window_ms
    }

    /// Whether it has taken at least so much, on average. What is beyond does not count for later.
    pub(crate) fn keeps_up(&mut self, now_ms: u64, bytes_per_second_min: u32) -> bool {
        let owed = u64::from(bytes_per_second_min) * now_ms.saturating_sub(self.since_ms) / 1_000;
        let keeps_up = self.bytes >= owed;
        *self = Self::begin(now_ms);
        keeps_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_judged_by_itself() {
        let mut uptake = Uptake::begin(5_000);
        assert!(!uptake.is_over(34_999, 30_000) && uptake.is_over(35_000, 30_000));
        uptake.add(20_000);
        uptake.add(10_000);
        assert!(uptake.keeps_up(35_000, 1_000));
        assert!(!uptake.is_over(64_999, 30_000));
        uptake.add(29_999);
        assert!(!uptake.keeps_up(65_000, 1_000), "what it took before does not help");
        // Looked at later, it owes more.
        uptake.add(30_000);
        assert!(!uptake.keeps_up(96_000, 1_000));
        assert!(uptake.keeps_up(126_000, 0), "no bound");
    }
}
