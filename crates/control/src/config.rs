//! The settings of what is answered.

use std::time::Duration;

use switchboard_api::ItemLimits;
use switchboard_hub::Namespaces;

use crate::engine::EngineStats;
use crate::hooks::HookStats;

/// Settings of what is answered.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// The namespaces and what each allows.
    pub namespaces: Namespaces<ApiRules>,
    /// Bounds of calls of Centrifugo's API.
    pub calls: CallRules,
    /// The server's version, for `/counters`.
    pub version: &'static str,
    /// The plane in use, for `/counters`.
    pub plane: &'static str,
    /// How long a shard may take to answer; 5 s.
    pub shard_timeout: Duration,
    /// What backends are asked and told, for `/counters` and `/metrics`.
    pub hooks: HookStats,
    /// What passes between this node and the engine; none where channels are not shared.
    pub engine: Option<EngineStats>,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            namespaces: Namespaces::default(),
            calls: CallRules::default(),
            version: env!("CARGO_PKG_VERSION"),
            plane: "unknown",
            shard_timeout: Duration::from_secs(5),
            hooks: HookStats::default(),
            engine: None,
        }
    }
}

/// Bounds of calls of Centrifugo's API.
#[derive(Clone, Copy, Debug)]
pub struct CallRules {
    /// Those of one publication.
    pub item_limits: ItemLimits,
    /// Publications of one command; 65,536.
    pub publications_max: usize,
}

impl Default for CallRules {
    fn default() -> Self {
        Self { item_limits: ItemLimits { payload_bytes_max: 1 << 20 }, publications_max: 1 << 16 }
    }
}

/// What the internal API may do in a namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiRules {
    /// Whether the subscribers of its channels may be listed.
    pub presence_list: bool,
    /// Whether its channels have a history.
    pub has_history: bool,
}
