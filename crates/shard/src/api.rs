//! The internal API, as all shards share it: its settings, what its connections hold together, and who
//! answers what the shards do not answer themselves.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use switchboard_api::{AccessRules, ItemLimits};

use crate::command::Reply;

/// A whole request, which the shards do not answer themselves.
pub type ApiRequest = http::Request<Vec<u8>>;

/// Its whole answer. `Connection`, `Content-Length` and `Date` are the shard's to write.
pub type ApiResponse = http::Response<Vec<u8>>;

/// Answers requests of clients that have access.
pub trait RequestHandler: Send + Sync {
    /// Takes a request and returns at once. The answer may come from any thread; a reply that is
    /// dropped counts as none.
    fn handle(&self, request: ApiRequest, reply: Reply<ApiResponse>);
}

/// Settings of the internal API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Who may use it.
    pub access: AccessRules,
    /// Largest payload of a publication, in bytes; 1 MiB.
    pub publish_bytes_max: usize,
    /// Largest batch, in bytes; 16 MiB.
    pub batch_bytes_max: usize,
    /// Lines in a batch; 65,536. Bounds the memory for their results.
    pub batch_lines_max: usize,
    /// Bytes of bodies and publications that connections hold, of all shards; 64 MiB.
    pub pending_bytes_max: usize,
    /// Open connections of all shards; 1,024.
    pub connections_max: u32,
    /// How long things may take.
    pub timeouts: ApiTimeouts,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            access: AccessRules::default(),
            publish_bytes_max: 1 << 20,
            batch_bytes_max: 16 << 20,
            batch_lines_max: 1 << 16,
            pending_bytes_max: 64 << 20,
            connections_max: 1_024,
            timeouts: ApiTimeouts::default(),
        }
    }
}

impl ApiConfig {
    /// The bounds of one of several publications.
    pub(crate) fn item_limits(&self) -> ItemLimits {
        ItemLimits { payload_bytes_max: self.publish_bytes_max }
    }
}

/// All in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct ApiTimeouts {
    /// From accept to the first request with access; 3 s. Until then anybody could hold one of the
    /// connections without saying a word.
    pub access_ms: u64,
    /// Between two requests of a connection; 60 s.
    pub idle_ms: u64,
    /// For a whole body; 30 s.
    pub body_ms: u64,
    /// For room within [`ApiConfig::pending_bytes_max`]; 1 s.
    pub room_ms: u64,
    /// For the answer of another shard; 5 s.
    pub shard_ms: u64,
    /// For the answer of the handler, which waits for shards itself; 10 s.
    pub handler_ms: u64,
}

impl Default for ApiTimeouts {
    fn default() -> Self {
        Self {
            access_ms: 3_000,
            idle_ms: 60_000,
            body_ms: 30_000,
            room_ms: 1_000,
            shard_ms: 5_000,
            handler_ms: 10_000,
        }
    }
}

/// The internal API of a server.
pub struct Api {
    /// Its settings.
    pub config: ApiConfig,
    handler: Box<dyn RequestHandler>,
    connections: AtomicU32,
    held_bytes: AtomicUsize,
    unanswered: AtomicU32,
}

impl Api {
    /// The internal API with these settings; `handler` answers what is not a publication.
    pub fn new(config: ApiConfig, handler: Box<dyn RequestHandler>) -> Self {
        Self {
            config,
            handler,
            connections: AtomicU32::new(0),
            held_bytes: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
        }
    }

    pub(crate) fn handle(&self, request: ApiRequest, reply: Reply<ApiResponse>) {
        self.handler.handle(request, reply);
    }

    /// One connection more; false where there are too many with it.
    pub(crate) fn connected(&self) -> bool {
        self.connections.fetch_add(1, Ordering::Relaxed) < self.config.connections_max
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many bytes more may be held.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        let held = self.held_bytes.load(Ordering::Relaxed);
        held.saturating_add(bytes) <= self.config.pending_bytes_max
    }

    /// Some connection waits for its answer: no shard may end before it has it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) > 0
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Bytes that count towards [`ApiConfig::pending_bytes_max`] as long as this value lives, and a request
/// that is not answered.
#[derive(Debug)]
pub(crate) struct Held {
    api: Arc<Api>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(api: &Arc<Api>) -> Self {
        api.unanswered.fetch_add(1, Ordering::Relaxed);
        Self { api: Arc::clone(api), bytes: 0 }
    }

    /// Counts further bytes, if there is room for them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let max = self.api.config.pending_bytes_max;
        let fits = |held: usize| held.checked_add(bytes).filter(|held| *held <= max);
        let all = &self.api.held_bytes;
        let is_counted = all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if is_counted { bytes } else { 0 };
        is_counted
    }

    /// Counts so many bytes from now on, if there is room for them.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            return self.grow(more);
        }
        self.shrink(self.bytes - bytes);
        true
    }

    /// How many more it would count, were it this many.
    pub(crate) fn missing(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.bytes)
    }

    /// Some of the bytes are gone.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.api.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(self.bytes);
        self.api.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl RequestHandler for Nobody {
        fn handle(&self, _request: ApiRequest, _reply: Reply<ApiResponse>) {}
    }

    fn api(config: ApiConfig) -> Arc<Api> {
        Arc::new(Api::new(config, Box::new(Nobody)))
    }

    #[test]
    fn bytes_count_as_long_as_they_are_held() {
        let api = api(ApiConfig { pending_bytes_max: 10, ..ApiConfig::default() });
        let (mut first, mut second) = (Held::new(&api), Held::new(&api));
        assert!(first.grow(8) && !second.grow(3) && second.grow(2));
        assert!(!api.has_room_for(1) && api.has_room_for(0) && api.is_awaited());
        first.shrink(1);
        assert!(second.grow(1) && !second.grow(1));
        drop(first);
        assert!(second.grow(7) && !second.grow(1));
        drop(second);
        assert!(api.has_room_for(10) && !api.has_room_for(11) && !api.is_awaited());
    }

    #[test]
    fn connections_beyond_the_bound_are_told() {
        let api = api(ApiConfig { connections_max: 2, ..ApiConfig::default() });
        assert!(api.connected() && api.connected() && !api.connected());
        api.disconnected();
        api.disconnected();
        assert!(api.connected());
    }
}
