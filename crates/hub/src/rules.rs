//! The rules of a channel, by its namespace.

use crate::SlowPolicy;

/// How much of a stream is kept at most. Bytes are counted by `Publication::cost_bytes`; the newest
/// publication stays even if it alone has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Publications; a history of 0 is none at all.
    pub publications: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The rules of a namespace. A publication is kept while it is within the tail's bounds or within
/// the history's. Those that ready subscribers still wait for are kept beyond both; then only the
/// shard's budget bounds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What happens to a subscriber that cannot keep up.
    pub slow_policy: SlowPolicy,
    /// How far a subscriber may lag. What no subscriber needs is given back after a while, if it is
    /// not in the history.
    pub tail: Bounds,
    /// What a new or resumed subscriber can begin with.
    pub history: Bounds,
    /// How long a publication stays in the history at most.
    pub history_ttl_ms: u64,
    /// How many percent of what all channels of a shard may keep, bytes and idle channels, those of
    /// the namespace may take together: 1 to 100. The newest publication stays even if it alone has
    /// more.
    pub share_percent: u32,
}

impl Default for Rules {
    fn default() -> Self {
        let bounds = Bounds { publications: 1024, bytes: 8 << 20 };
        Self {
            slow_policy: SlowPolicy::default(),
            tail: bounds,
            history: bounds,
            history_ttl_ms: 3_600_000,
            share_percent: 100,
        }
    }
}
