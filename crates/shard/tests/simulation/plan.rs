//! One kind of schedule, and the settings of the server that go with it.

use std::sync::Arc;

use switchboard_auth::Access;
use switchboard_hub::{Accounting, Bounds, Limits, Namespaces, OnGap, Router, Rules, SlowPolicy};
use switchboard_shard::{
    Admission, AdmissionRules, Api, ApiConfig, ApiRequest, ApiResponse, ClientIds, ClientRules,
    Common, Config, EmulationKeys, Handle, HeadLimits, HookRules, IdentityConfig, MessageLimits,
    NamespaceRules, NoBackends, Reply, RequestHandler, Timeouts,
};

/// Namespace `demo` lets its clients publish, `lossy` has plain clients that need not be told.
pub(crate) const CHANNELS: [&str; 6] =
    ["news", "sport:a", "skip:a", "latest:b", "lossy:a", "demo:lobby"];

/// The listener of the internal API.
pub(crate) const INTERNAL: u16 = 1;

/// The one that clients publish in; the others are the backend's.
pub(crate) const LOBBY: &str = "demo:lobby";

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) shards: u16,
    pub(crate) clients: usize,
    pub(crate) steps: usize,
    /// Short reads and writes, delays, reordering between connections.
    pub(crate) faults: bool,
    /// Clients stop reading now and then.
    pub(crate) stalls: bool,
    pub(crate) deletions: bool,
    pub(crate) tail: Bounds,
    pub(crate) history: Bounds,
    pub(crate) history_ttl_ms: u64,
    pub(crate) shard_log_bytes_max: usize,
    pub(crate) channels_idle_max: usize,
    /// The newest publications that every history surely has.
    pub(crate) kept: Option<u64>,
    pub(crate) long_poll_timeout_status: u16,
    /// Offsets that may be left out between two publications.
    pub(crate) offset_skip_max: u32,
}

impl Plan {
    /// Everything is kept, nobody stalls: nothing may be missed by anybody.
    pub(crate) fn roomy(seed: u64) -> Self {
        let bounds = Bounds { publications: 1_024, bytes: 8 << 20 };
        Self {
            shards: 1 + (seed % 3) as u16,
            clients: 6 + seed as usize % 19,
            steps: 350,
            faults: seed % 2 == 1,
            stalls: false,
            deletions: false,
            tail: bounds,
            history: bounds,
            history_ttl_ms: 3_600_000,
            shard_log_bytes_max: 64 << 20,
            channels_idle_max: 1_000,
            kept: Some(1_024),
            long_poll_timeout_status: if seed % 4 < 2 { 304 } else { 408 },
            offset_skip_max: [0, 3][seed as usize / 5 % 2],
        }
    }

    /// Little is kept, and clients stop reading.
    pub(crate) fn scarce(seed: u64) -> Self {
        let publications = [0, 1, 3, 10][seed as usize / 2 % 4];
        let by_bytes = seed % 5 == 4;
        Self {
            faults: seed % 4 != 3,
            stalls: true,
            tail: Bounds { publications: [1, 4][seed as usize % 2], bytes: 16 << 10 },
            history: Bounds { publications, bytes: if by_bytes { 2_000 } else { 8 << 20 } },
            kept: (!by_bytes).then_some(publications as u64),
            ..Self::roomy(seed)
        }
    }

    /// Streams end: by deletion, by age, by the budget of the shard, by the number of idle channels.
    pub(crate) fn fleeting(seed: u64) -> Self {
        Self {
            faults: true,
            stalls: seed.is_multiple_of(3),
            deletions: true,
            history_ttl_ms: if seed.is_multiple_of(2) { 2_000 } else { 3_600_000 },
            shard_log_bytes_max: if seed % 5 < 2 { 12_000 } else { 64 << 20 },
            channels_idle_max: if seed % 3 == 1 { 2 } else { 1_000 },
            kept: None,
            ..Self::roomy(seed)
        }
    }

    /// A client that reads all that comes gets everything.
    pub(crate) fn is_roomy(&self) -> bool {
        !self.stalls && !self.deletions
    }

    /// Nobody gives the server a reason to cut anybody off.
    pub(crate) fn is_calm(&self) -> bool {
        !self.stalls && self.shard_log_bytes_max > 1 << 20
    }

    /// What the shards have in common; nothing is asked of the internal API's handler.
    pub(crate) fn common(&self) -> Common {
        self.common_with(Box::new(Nobody))
    }

    /// The same with a handler.
    pub(crate) fn common_with(&self, handler: Box<dyn RequestHandler>) -> Common {
        Common {
            config: Arc::new(self.config()),
            handles: Handle::set(self.shards),
            gateway: None,
            router: Router::new(self.shards),
            admission: Arc::new(Admission::new(&AdmissionRules::default())),
            api: Arc::new(Api::new(ApiConfig::default(), handler)),
            // Where logs may hold little, so may other forms of payloads.
            backends: Arc::new(NoBackends),
            accounting: Arc::new(Accounting::new(self.shard_log_bytes_max / 4)),
        }
    }

    /// The settings of the shards.
    pub(crate) fn config(&self) -> Config {
        let clients = |name: &str| ClientRules {
            publish: if name == "demo" { Access::Anyone } else { Access::Nobody },
            lossy_plain: name == "lossy",
            join_leave: name == "skip",
            ..ClientRules::default()
        };
        let rules = |name: &str| Rules {
            slow_policy: policy(name),
            tail: self.tail,
            history: self.history,
            history_ttl_ms: self.history_ttl_ms,
            share_percent: if name == "demo" { 25 } else { 100 },
        };
        let both = |name: &str| (rules(name), clients(name));
        let names = ["demo", "skip", "latest", "lossy"];
        let named = names.map(|name| (name.to_owned(), both(name)));
        let namespaces = Namespaces::new(both("default"), named, false);
        Config {
            connections_max: 200,
            first_internal_listener: Some(INTERNAL),
            first_proxy_listener: None,
            head: HeadLimits::default(),
            message: MessageLimits {
                frame_bytes_max: 65_536,
                message_bytes_max: 65_536,
                fragments_max: 64,
            },
            channels_per_connection_max: 128,
            shares_channels: false,
            hub: Limits {
                shard_log_bytes_max: self.shard_log_bytes_max,
                channels_idle_max: self.channels_idle_max,
                mirror_linger_ms: 500,
                offset_skip_max: self.offset_skip_max,
                ..Limits::default()
            },
            namespaces: NamespaceRules::new(&namespaces),
            allowed_origins: Vec::new(),
            identity: IdentityConfig::default(),
            allowed_hosts: Vec::new(),
            hooks: HookRules::default(),
            centrifuge: true,
            client_ids: ClientIds::default(),
            emulation: EmulationKeys::new(&[7; 32]),
            echo: true,
            page: "<p>",
            long_poll_timeout_status: self.long_poll_timeout_status,
            event_stream_retry_ms: 2_000,
            // Its slow readers may be as slow as they like.
            slow_reader_bytes_per_second_min: 0,
            timeouts: Timeouts {
                handshake_ms: 10_000,
                http_idle_ms: 60_000,
                ping_interval_ms: 5_000,
                pong_ms: 10_000,
                close_ms: 8_000,
                message_ms: 30_000,
                stall_ms: 10_000,
                long_poll_ms: 4_000,
                drain_ms: 2_000,
                stop_ms: 5_000,
            },
        }
    }
}

/// The policy of a namespace or of a channel in it.
pub(crate) fn policy(name: &str) -> SlowPolicy {
    match name.split(':').next() {
        Some("skip" | "lossy") => SlowPolicy::Skip,
        Some("latest") => SlowPolicy::Latest,
        _ => SlowPolicy::Disconnect,
    }
}

/// Whether plain clients may miss publications of the channel without being told.
pub(crate) fn is_lossy(channel: &str) -> bool {
    channel.starts_with("lossy:")
}

/// How it stands in a query.
pub(crate) fn gap_word(on_gap: OnGap) -> &'static str {
    match on_gap {
        OnGap::Now => "now",
        OnGap::Earliest => "earliest",
    }
}

struct Nobody;

impl RequestHandler for Nobody {
    fn handle(&self, request: ApiRequest, _reply: Reply<ApiResponse>) {
        panic!("{request:?}");
    }
}
