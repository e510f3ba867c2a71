//! The bounds of one hub.

/// Bounds of one hub. All of them hold per shard.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Publications that a channel's log keeps. Publications that ready subscribers still wait for
    /// are kept beyond it; then only `shard_log_bytes_max` bounds them.
    pub log_publications_max: usize,
    /// Bytes that a channel's log keeps, counted by `Publication::cost_bytes`; the newest
    /// publication stays though it alone is larger, and those that ready subscribers wait for.
    pub log_bytes_max: usize,
    /// Bytes that all logs of the shard hold together. The largest log gives first.
    pub shard_log_bytes_max: usize,
    /// Channels without subscribers that are remembered; the oldest are forgotten first.
    pub channels_idle_max: usize,
    /// How long a channel without subscribers keeps its log, and then its epoch and offset.
    pub meta_ttl_ms: u64,
    /// How long a shard keeps its mirror of a log after its last subscriber left.
    pub mirror_linger_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log_publications_max: 1024,
            log_bytes_max: 1 << 20,
            shard_log_bytes_max: 64 << 20,
            channels_idle_max: 100_000,
            meta_ttl_ms: 3_600_000,
            mirror_linger_ms: 10_000,
        }
    }
}
