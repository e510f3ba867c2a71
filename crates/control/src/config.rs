//! The settings of the internal API.

use std::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;
use switchboard_hub::Namespaces;

/// Settings of the internal API.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// The secret that requests must carry. Without one the API serves only programs on this
    /// machine, and the listener must be bound to loopback.
    pub api_key: Option<ApiKey>,
    /// Largest payload of a publication, in bytes; 1 MiB.
    pub publish_bytes_max: usize,
    /// Largest batch, in bytes; 16 MiB.
    pub batch_bytes_max: usize,
    /// Lines in a batch; 65,536. Bounds the memory for their results.
    pub batch_lines_max: usize,
    /// Bytes of bodies being read and of publications that shards have not answered yet; 64 MiB.
    pub pending_bytes_max: usize,
    /// Open connections; 1,024. More wait in the kernel's queue.
    pub connections_max: usize,
    /// The namespaces and what each allows.
    pub namespaces: Namespaces<ApiRules>,
    /// The server's version, for `/counters`.
    pub version: &'static str,
    /// The plane in use, for `/counters`.
    pub plane: &'static str,
    /// How long the internal API waits.
    pub timeouts: Timeouts,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            publish_bytes_max: 1 << 20,
            batch_bytes_max: 16 << 20,
            batch_lines_max: 1 << 16,
            pending_bytes_max: 64 << 20,
            connections_max: 1_024,
            namespaces: Namespaces::default(),
            version: env!("CARGO_PKG_VERSION"),
            plane: "unknown",
            timeouts: Timeouts::default(),
        }
    }
}

/// What the internal API may do in a namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiRules {
    /// Whether the subscribers of its channels may be listed.
    pub presence_list: bool,
}

/// How long the internal API waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the accept of a connection to its first request with access (the key, or without a key
    /// from this machine); 3 s. Until then anybody could hold one of
    /// [`ControlConfig::connections_max`] without saying a word.
    pub access: Duration,
    /// For a whole request head, and between requests of a connection; 60 s.
    pub head: Duration,
    /// For a whole body; 30 s.
    pub body: Duration,
    /// For room within [`ControlConfig::pending_bytes_max`]; 1 s.
    pub room: Duration,
    /// For the answer of a shard; 5 s.
    pub shard: Duration,
    /// For a client that does not take its answer; 30 s.
    pub write: Duration,
    /// For requests in flight when the server stops; 1 s.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            access: Duration::from_secs(3),
            head: Duration::from_mins(1),
            body: Duration::from_secs(30),
            room: Duration::from_secs(1),
            shard: Duration::from_secs(5),
            write: Duration::from_secs(30),
            stop: Duration::from_secs(1),
        }
    }
}

/// The secret of the internal API; never printed.
#[derive(Clone)]
pub struct ApiKey(Box<[u8]>);

impl ApiKey {
    /// Wraps a secret.
    pub fn new(key: &str) -> Self {
        Self(key.as_bytes().into())
    }

    /// Compares in a time that depends only on the lengths.
    pub(crate) fn matches(&self, given: &[u8]) -> bool {
        self.0.ct_eq(given).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
