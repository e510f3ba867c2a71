//! What a shard is told when it starts. The program derives it from its checked configuration.

use std::collections::HashMap;

use switchboard_hub::{ChannelName, Limits as HubLimits, SlowPolicy};
use switchboard_ws::head::HeadLimits;
use switchboard_ws::message::MessageLimits;

/// Settings of all shards. Immutable and shared.
#[derive(Debug)]
pub struct Config {
    /// Connections one shard serves at most. Beyond it a request is answered with 503.
    pub connections_max: u32,
    /// Bounds of a request head.
    pub head: HeadLimits,
    /// Bounds of a message from a subscriber.
    pub message: MessageLimits,
    /// Channels one connection may listen to.
    pub channels_per_connection_max: usize,
    /// Bounds of the channel logs.
    pub hub: HubLimits,
    /// The namespaces and their rules.
    pub namespaces: Namespaces,
    /// Origins allowed beside the request's own host (exact, scheme and authority).
    pub allowed_origins: Vec<String>,
    /// Whether `GET /echo` exists.
    pub echo: bool,
    /// The page at `GET /`.
    pub page: &'static str,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// All in milliseconds. The sweep sees a deadline up to a second late.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From accept to a complete request head.
    pub handshake_ms: u64,
    /// Between two requests on a kept-alive connection.
    pub http_idle_ms: u64,
    /// Silence of a peer after which it is pinged; spread by up to a tenth to the early side.
    pub ping_interval_ms: u64,
    /// Silence after that ping after which the peer counts as dead.
    pub pong_ms: u64,
    /// For the peer's answer to our Close frame, and for the end of a connection we have ended.
    pub close_ms: u64,
    /// Without progress on a full socket.
    pub stall_ms: u64,
    /// For the whole stop.
    pub stop_ms: u64,
}

/// Bounds of the echo service, for conformance suites: 16 MiB a message, 65,536 fragments and the
/// empty one with which the Autobahn suite ends them.
pub const ECHO_LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 16 << 20, message_bytes_max: 16 << 20, fragments_max: 65_537 };

/// The rules of one namespace (what stands before the first `:` of a channel's name).
#[derive(Clone, Debug)]
pub struct Namespace {
    /// For messages to people.
    pub name: String,
    /// Whether clients may publish.
    pub publish: bool,
    /// Publications per second one client may make, with a burst of as many; 0 = no bound.
    pub publish_per_second: u32,
    /// What happens to a subscriber that cannot keep up.
    pub slow_policy: SlowPolicy,
}

/// All namespaces: one is the default, the others have names.
#[derive(Debug)]
pub struct Namespaces {
    rules: Vec<Namespace>,
    by_name: HashMap<String, u16>,
    strict: bool,
}

impl Namespaces {
    /// `strict`: a channel whose namespace has no rules of its own does not exist.
    pub fn new(default: Namespace, named: Vec<Namespace>, strict: bool) -> Self {
        let by_name =
            named.iter().zip(1..).map(|(rules, index)| (rules.name.clone(), index)).collect();
        let rules = std::iter::once(default).chain(named).collect();
        Self { rules, by_name, strict }
    }

    /// The number of the rules for a channel, or none when it may not exist.
    pub(crate) fn resolve(&self, channel: &ChannelName) -> Option<u16> {
        match channel.namespace() {
            None => Some(0),
            Some(namespace) => match self.by_name.get(namespace) {
                Some(index) => Some(*index),
                None if self.strict => None,
                None => Some(0),
            },
        }
    }

    pub(crate) fn rules(&self, index: u16) -> &Namespace {
        &self.rules[usize::from(index)]
    }
}
