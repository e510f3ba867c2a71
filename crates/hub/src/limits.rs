//! The bounds of one hub.

/// Bounds of one hub. All of them hold per shard; those of a channel are its namespace's
/// [`Rules`](crate::Rules).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes that all logs of the shard hold together. The largest log is cut first.
    pub shard_log_bytes_max: usize,
    /// Channels without subscribers that are remembered, at least one; the oldest are forgotten
    /// first.
    pub channels_idle_max: usize,
    /// How long a channel without subscribers keeps its epoch and offset after its history has
    /// ended.
    pub meta_ttl_ms: u64,
    /// How long a shard keeps its mirror of a log after its last subscriber left.
    pub mirror_linger_ms: u64,
    /// For tests: leaves up to so many offsets out between two publications, at random. With 0
    /// offsets are consecutive.
    pub offset_skip_max: u32,
    /// Whether [`Hub::take_occupancy`](crate::Hub::take_occupancy) says which channels get their first
    /// subscriber and lose their last.
    pub watches_occupancy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            shard_log_bytes_max: 64 << 20,
            channels_idle_max: 100_000,
            meta_ttl_ms: 3_600_000,
            mirror_linger_ms: 10_000,
            offset_skip_max: 0,
            watches_occupancy: false,
        }
    }
}
