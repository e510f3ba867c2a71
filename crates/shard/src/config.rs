//! What a shard is told when it starts. The program derives it from its checked configuration.

use std::sync::Arc;

use switchboard_auth::{Access, UserChannels, Verifier};
use switchboard_dialects::Cors;
use switchboard_hub::{
    ChannelName, Limits as HubLimits, NamespaceId, Namespaces, Rules, SlowPolicy,
};
use switchboard_ws::head::HeadLimits;
use switchboard_ws::message::MessageLimits;

use crate::connection::{ClientIds, EmulationKeys};

/// Settings of all shards. Immutable and shared.
#[derive(Debug)]
pub struct Config {
    /// Connections one shard serves at most. Beyond it a request is answered with 503.
    pub connections_max: u32,
    /// The first of the listeners of the internal API, which are the last ones; none has more.
    pub first_internal_listener: Option<u16>,
    /// The first of the listeners that expect the PROXY protocol, which are the last but those of the
    /// internal API; none has more.
    pub first_proxy_listener: Option<u16>,
    /// Bounds of a request head.
    pub head: HeadLimits,
    /// Bounds of a message from a subscriber.
    pub message: MessageLimits,
    /// Channels one connection may listen to.
    pub channels_per_connection_max: usize,
    /// Other machines share the channels: a publication may fail, and takes longer.
    pub shares_channels: bool,
    /// Bounds of the channel logs.
    pub hub: HubLimits,
    /// The namespaces and their rules.
    pub namespaces: NamespaceRules,
    /// Origins allowed beside the request's own host (exact, scheme and authority), at most 255; `*`
    /// is all.
    pub allowed_origins: Vec<String>,
    /// How clients say who they are.
    pub identity: IdentityConfig,
    /// The backends that are asked and told.
    pub hooks: HookRules,
    /// Hosts for which requests are answered, beside those of loopback; all where there is none.
    pub allowed_hosts: Vec<String>,
    /// Whether Centrifuge SDKs are served.
    pub centrifuge: bool,
    /// Makes the names of their connections.
    pub client_ids: ClientIds,
    /// Makes the sessions of those that are only sent to.
    pub emulation: EmulationKeys,
    /// Whether `GET /echo` exists.
    pub echo: bool,
    /// The page at `GET /`.
    pub page: &'static str,
    /// What a long poll is answered with when its time is over: 304 or 408.
    pub long_poll_timeout_status: u16,
    /// How long event streams are told to wait before they connect again, in milliseconds.
    pub event_stream_retry_ms: u32,
    /// What a client whose socket is full must take on average, in bytes per second, over three times
    /// [`Timeouts::stall_ms`]; 0 = no bound.
    pub slow_reader_bytes_per_second_min: u32,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Config {
    /// Whether a cookie may say who a client is: to the server, or to a backend that it asks.
    fn takes_cookies(&self) -> bool {
        let hooks = [&self.hooks.connect, &self.hooks.subscribe].into_iter().flatten();
        self.identity.cookie.is_some() || hooks.flatten().any(|name| &**name == "cookie")
    }

    /// The listeners with a lower number are for clients.
    pub(crate) fn public_listeners(&self) -> u16 {
        self.first_internal_listener.unwrap_or(u16::MAX)
    }

    /// What a page of the origin with this number, counted from 1, is allowed.
    pub(crate) fn cors(&self, number: u8) -> Option<Cors<'_>> {
        let index = usize::from(number).checked_sub(1)?;
        let origin = self.allowed_origins.get(index)?;
        Some(Cors { origin, credentials: self.takes_cookies() })
    }
}

/// How clients say who they are.
#[derive(Clone, Debug, Default)]
pub struct IdentityConfig {
    /// Checks tokens; without one, everybody is anonymous.
    pub verifier: Option<Arc<Verifier>>,
    /// The cookie that may have a token.
    pub cookie: Option<String>,
    /// Connections whose tokens expire together end within so many milliseconds after that.
    pub expiry_spread_ms: u64,
}

/// All in milliseconds. The sweep sees a deadline up to a second late.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From accept to a complete request head.
    pub handshake_ms: u64,
    /// Between two requests on a kept-alive connection.
    pub http_idle_ms: u64,
    /// Silence of a peer after which it is pinged, and between two comments that keep an event
    /// stream alive; spread by up to a tenth to the early side.
    pub ping_interval_ms: u64,
    /// Silence after that ping after which the peer counts as dead.
    pub pong_ms: u64,
    /// For the peer's answer to our Close frame, and for the end of a connection we have ended.
    pub close_ms: u64,
    /// From the first byte of a WebSocket frame to the last of its message.
    pub message_ms: u64,
    /// Without progress on a full socket.
    pub stall_ms: u64,
    /// For a long poll without news.
    pub long_poll_ms: u64,
    /// Over which the clients are spread that a drain tells to go.
    pub drain_ms: u64,
    /// For the whole stop.
    pub stop_ms: u64,
}

impl Timeouts {
    /// Over which time it is looked at how fast a full socket takes what waits for it.
    pub(crate) fn uptake_ms(&self) -> u64 {
        self.stall_ms.saturating_mul(3)
    }
}

/// Bounds of the echo service, for conformance suites: 16 MiB a message, 65,536 fragments and the
/// empty one with which the Autobahn suite ends them.
pub const ECHO_LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 16 << 20, message_bytes_max: 16 << 20, fragments_max: 65_537 };

/// What clients may do in a namespace.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the configuration has them")]
pub struct ClientRules {
    /// Who may listen.
    pub subscribe: Access,
    /// Who may publish.
    pub publish: Access,
    /// Who may listen to the channels that report joins and leaves, and ask who listens.
    pub presence: Access,
    /// Clients of Centrifuge may ask who listens, where they have the right to.
    pub presence_list: bool,
    /// Who may begin in the past.
    pub history: Access,
    /// The channels that belong to one user.
    pub user_channels: UserChannels,
    /// Publications per second one client may make, with a burst of as many; 0 = no bound.
    pub publish_per_second: u32,
    /// Plain WebSockets may miss publications without being told.
    pub lossy_plain: bool,
    /// Who comes and goes is published in `presence:NAME`.
    pub join_leave: bool,
    /// Whether clients that want it hear only what has changed since the publication before.
    pub delta: bool,
    /// How many of these a channel may have in a second, with a burst of as many; 0 = no bound.
    pub join_leave_per_second: u32,
}

impl Default for ClientRules {
    /// Everybody may listen, nobody publish.
    fn default() -> Self {
        Self {
            subscribe: Access::Anyone,
            publish: Access::Nobody,
            presence: Access::Anyone,
            presence_list: false,
            history: Access::Anyone,
            user_channels: UserChannels::default(),
            publish_per_second: 0,
            lossy_plain: false,
            join_leave: false,
            delta: false,
            join_leave_per_second: 0,
        }
    }
}

/// The rules of all namespaces: the hub's and those for clients, beside one table.
#[derive(Debug)]
pub struct NamespaceRules {
    hub: Arc<Namespaces<Rules>>,
    clients: Namespaces<ClientRules>,
    any_join_leave: bool,
}

impl NamespaceRules {
    /// Parts the rules that were made beside one table.
    pub fn new(rules: &Namespaces<(Rules, ClientRules)>) -> Self {
        Self {
            hub: Arc::new(rules.map(|(hub, _)| *hub)),
            clients: rules.map(|(_, clients)| clients.clone()),
            any_join_leave: rules.iter().any(|(_, (_, clients))| clients.join_leave),
        }
    }

    /// What the hub knows of them.
    pub(crate) fn hub(&self) -> Arc<Namespaces<Rules>> {
        Arc::clone(&self.hub)
    }

    /// The namespace of a channel, or none when it may not exist.
    pub(crate) fn resolve(&self, channel: &ChannelName) -> Option<NamespaceId> {
        self.clients.resolve(channel)
    }

    /// What happens to a subscriber of the channel that cannot keep up.
    pub(crate) fn slow_policy(&self, channel: &ChannelName) -> SlowPolicy {
        self.hub[self.hub.resolve(channel).unwrap_or(NamespaceId::DEFAULT)].slow_policy
    }

    /// Whether plain WebSockets of the channel may miss publications without being told.
    pub(crate) fn lossy_plain(&self, channel: &ChannelName) -> bool {
        self.clients.of(channel).is_some_and(|rules| rules.lossy_plain)
    }

    /// Whether some namespace publishes who comes and goes.
    pub(crate) fn any_join_leave(&self) -> bool {
        self.any_join_leave
    }

    /// What clients may do in a namespace.
    pub(crate) fn rules(&self, namespace: NamespaceId) -> &ClientRules {
        &self.clients[namespace]
    }

    /// The name of a namespace, for messages to people.
    pub(crate) fn name(&self, namespace: NamespaceId) -> &str {
        self.clients.name(namespace)
    }
}

/// Which backends there are, and what of a client's request they want to see.
#[derive(Clone, Debug, Default)]
pub struct HookRules {
    /// Asked who a client is that shows no token; none is not asked.
    pub connect: Option<HeaderNames>,
    /// What it wants to see of the headers that a Centrifuge client says its request would have.
    pub emulated: HeaderNames,
    /// Asked where a namespace says `subscribe = "hook"`.
    pub subscribe: Option<HeaderNames>,
    /// Asked at the end of a client's time.
    pub refresh: bool,
    /// Asked where a namespace says `publish = "hook"`.
    pub publish: bool,
    /// Takes what clients ask with `request:`.
    pub message: bool,
    /// What a backend is told.
    pub events: EventRules,
}

impl HookRules {
    /// Whether something is asked about clients that want to listen.
    #[inline]
    pub(crate) fn ask_of_newcomers(&self) -> bool {
        self.connect.is_some() || self.subscribe.is_some()
    }

    /// Whether something is asked about clients that listen already.
    pub(crate) fn ask_of_listeners(&self) -> bool {
        self.refresh || self.publish || self.message
    }
}

/// Which events there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventRules {
    /// Clients come and go.
    pub connections: bool,
    /// Clients join channels and leave them.
    pub subscriptions: bool,
    /// Channels get their first subscriber and lose their last.
    pub channels: bool,
}

/// Headers of a request, in lower case.
pub type HeaderNames = Vec<Box<str>>;
