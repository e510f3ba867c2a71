//! All keys of the configuration, with their defaults, bounds and explanations. This table is the
//! only place that knows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use switchboard_control::{Storage, Url};

use super::engine_values::{EngineChoice, EnginePrefix};
use super::table::settings;
use super::value::{
    CpuList, DescriptorChoice, ForwardedHeader, PlaneChoice, Secret, Secrets, TimeoutStatus,
    TokenSecret,
};

settings! {
    /// The value of every key outside `[namespace.NAME]`, each within its bounds but not yet checked
    /// against the others and the machine.
    #[derive(Clone, Debug)]
    struct Settings;

    "Listeners" {
        /// Addresses that clients connect to, for every way to listen and for the page at `/`. By
        /// default only this machine can connect; `0.0.0.0:8000`, `[::]:8000` are all addresses that
        /// it has. On a machine without IPv6, the default leaves out `[::1]`.
        listen: Vec<SocketAddr> = default_listen();
        /// Address of the internal API, where backends publish and read counters. Any address other
        /// than loopback requires `api_key`.
        internal_listen: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8001);
        /// Secret that requests to the internal API must carry, as `X-API-Key` or `Authorization:
        /// Bearer`. Prefer the file or the environment: every user of the machine can read flags. To
        /// replace it without a gap, give the old one and the new one, as a list in the file and with a
        /// comma between them elsewhere: either is accepted. Only in the file may a secret have commas.
        api_key: Option<Secrets> = None;
        /// Secret that opens `GET /metrics` and nothing else, for the monitoring. Requires `api_key`,
        /// which opens everything.
        metrics_key: Option<Secret> = None;
        /// Web origins allowed besides the server's own, such as `https://example.org`, and those of
        /// apps and browser extensions, such as `capacitor://localhost`, `ionic://`, `file://` or
        /// `chrome-extension://ID`. Origins are compared exactly; `*` on its own allows all of them.
        /// Clients other than browsers send no origin and are not affected.
        allowed_origins: Vec<String> = Vec::new();
        /// Hosts that requests may be for, such as `push.example.org`, with a port only where no other port
        /// may be used; any other gets 421. Names of loopback (`localhost`, `127.0.0.1`, `[::1]`) and
        /// `/health` always work. When empty, every host is answered for: a web page can then have a
        /// name of its own point to this server (DNS rebinding) and listen like the server's own page.
        allowed_hosts: Vec<String> = Vec::new();
        /// Proxies that are believed when they say whose request they pass on: networks such as
        /// `10.0.0.0/8`, or addresses. The client's address is then read from `forwarded_header`, from the right to
        /// the first address that is not in this list. On connections from elsewhere the header is
        /// ignored.
        trusted_proxies: Vec<IpNet> = Vec::new();
        /// Further addresses for clients, to which only proxies in `trusted_proxies` may connect, and where
        /// each connection begins with a header of the PROXY protocol, version 1 or 2.
        /// `handshake_timeout_ms` bounds the time for it and the first request together.
        proxy_protocol_listen: Vec<SocketAddr> = Vec::new();
        /// The header in which trusted proxies name the client: `x-forwarded-for`, or `forwarded`
        /// (RFC 7239). The other one is never read, since a client can send the one that its proxy
        /// does not write.
        forwarded_header: ForwardedHeader = ForwardedHeader::XForwardedFor;
        /// Serve the SDKs of Centrifuge at `/connection/websocket`, `/connection/http_stream`,
        /// `/connection/sse` and `/emulation`.
        centrifuge: bool = true;
        /// Most connections that the internal API holds; a further one takes the place of one
        /// that has not shown its access yet, or is answered with 503.
        /// When unset, never more than a quarter of the descriptors.
        internal_connections_max: u32 = 1_024, 1..=65_535;
    }

    "Identity" {
        /// Secret with which backends sign tokens (HS256, HS384, HS512). 32 random bytes or more; prefer the
        /// file or the environment. A token is shown as `Authorization: Bearer`, as the subprotocol
        /// `bearer.TOKEN`, as `?token=` or in `token_cookie`.
        token_secret: Option<TokenSecret> = None;
        /// PEM files with public keys of tokens (RS256 to RS512, PS256 to PS512, ES256, ES384, `EdDSA`).
        token_key: Vec<String> = Vec::new();
        /// JWK set files (RFC 7517) with public keys of tokens, which tokens choose from by `kid`.
        token_jwks_file: Vec<String> = Vec::new();
        /// Address of a JWK set, like the files. It must be https, but for this machine; redirects are not
        /// followed. The server fetches it at the start and from time to time, and at most once in 10 s when a token
        /// names a key that is not there. When it cannot be fetched, the keys of before are kept.
        token_jwks: Option<Url> = None;
        /// How long until `token_jwks` is fetched again.
        token_jwks_refresh_ms: u32 = 600_000, 1_000..=86_400_000;
        /// What tokens must have in `iss`. When unset, anything.
        token_issuer: Option<String> = None;
        /// What tokens must have in `aud`. When unset, anything.
        token_audience: Option<String> = None;
        /// Name of a cookie that may have the token. It is taken from pages of the server's own
        /// origin and of `allowed_origins`, which must then name each origin.
        token_cookie: Option<String> = None;
        /// Connections whose tokens expire together end within so long after that, so that their clients
        /// do not come back together.
        token_expiry_spread_ms: u32 = 5_000, 0..=600_000;
    }

    "Cores and capacity" {
        /// Number of shards: one pinned thread each, on the first N cores that this process may
        /// use. When unset, the server uses all of them.
        cores: Option<u32> = None, 1..=1_024;
        /// Cores to pin shards to, such as `0,2-3`. Cannot be combined with `cores`.
        pin: Option<CpuList> = None;
        /// How bytes move: `io_uring`, `epoll`, or `auto`, which takes `io_uring` where the
        /// kernel allows it and says at start which one runs and why.
        plane: PlaneChoice = PlaneChoice::Auto;
        /// What names client connections to `io_uring`: `direct` descriptors, which `ulimit -n` does not
        /// limit, descriptors of the `process`, or `auto`, which takes direct ones where the kernel
        /// releases a closed one at once (Linux 6.13 and later).
        io_uring_descriptors: DescriptorChoice = DescriptorChoice::Auto;
        /// Most client connections across all shards; beyond it, new clients get 503. When unset,
        /// as many as the machine can hold, which `--check-config` shows.
        connections_max: Option<u32> = None, 1..=16_777_216;
        /// Most client connections that one address may have across all shards; beyond it, 429. IPv6
        /// counts by /64 network, a client behind a trusted proxy by its own address, and the proxy
        /// itself not at all. 0 means no limit. When unset, a quarter of `connections_max` where strangers can
        /// connect, that is if an address in `listen` is not loopback or `trusted_proxies` names a proxy.
        connections_per_address_max: Option<u32> = None, 0..=16_777_216;
        /// Most client connections that are accepted in a second, with a burst of as many; those
        /// beyond it are closed at once. 0 means no limit.
        accepts_per_second: u32 = 0, 0..=1_000_000;
        /// Channels that one address may begin to listen to in a second, over all its connections, with a
        /// burst of as many; beyond it, 429. Each poll begins anew. 0 means no limit.
        joins_per_second_per_address: u32 = 0, 0..=1_000_000;
        /// Publications that the clients of one address may send in a second, over all their connections,
        /// with a burst of as many; beyond it, close code 1008. 0 means no limit.
        publishes_per_second_per_address: u32 = 0, 0..=1_000_000;
        /// Most connections that one user may listen with, across all shards; beyond it, 429. Users are those
        /// whom tokens name. 0 = no bound.
        connections_per_user_max: u32 = 0, 0..=16_777_216;
        /// Channels that one user may begin to listen to in a second, on all of its connections; beyond it, 429.
        /// 0 = no bound.
        joins_per_second_per_user: u32 = 0, 0..=1_000_000;
        /// Publications that the clients of one user may make in a second; beyond it, close code 1008. 0 = no
        /// bound.
        publishes_per_second_per_user: u32 = 0, 0..=1_000_000;
    }

    "Channels" {
        /// Let every client publish to channels of the namespace `demo`. When unset, only where every
        /// address in `listen` is loopback: the page then works at once, and strangers cannot
        /// connect.
        demo: Option<bool> = None;
        /// Publications per second that one client may send in the namespace `demo`, unless
        /// `[namespace.demo]` says otherwise. 0 means no limit.
        demo_publish_per_second: u32 = 20, 0..=10_000_000;
        /// Answer 404 for channels whose namespace has no `[namespace.NAME]` table, instead of
        /// applying `[namespace.default]`.
        strict_namespaces: bool = false;
        /// Most channels that one connection may subscribe to; beyond it, 400.
        channels_per_connection_max: u32 = 128, 1..=1_024;
        /// How many publications a subscriber may lag behind in a channel, unless its namespace
        /// says otherwise. A subscriber that lags further than this, and further than the history,
        /// loses its place.
        log_publications_max: u32 = 1_024, 1..=1_048_576;
        /// How many bytes a subscriber may lag behind in a channel, unless its namespace says
        /// otherwise. Leave room for several of the largest publications, or a burst of them leaves
        /// ordinary clients behind.
        log_bytes_max: usize = 8_388_608, 1_024..=1_073_741_824;
        /// Bytes that all channels of a shard may keep together, for lagging subscribers and as
        /// history. When they reach it, the namespace that takes most drops the oldest publications
        /// of its largest log. Other forms of the same publications, for event streams and JSON, may
        /// take as much again.
        shard_log_bytes_max: usize = 67_108_864, 65_536..=1_099_511_627_776;
        /// Channels without subscribers that a shard remembers. Beyond it, the shard forgets those
        /// without a publication first, then the oldest of the namespace that has most, with
        /// everything they keep.
        channels_idle_max: u32 = 100_000, 1..=16_777_216;
        /// How long an unused channel keeps its position after its history has expired. Until then,
        /// a client that comes back does not see a gap where there is none.
        meta_ttl_ms: u32 = 3_600_000, 0..=2_592_000_000;
        /// Leaves up to so many offsets out between two messages, at random. For tests: it shows
        /// clients that count on consecutive offsets.
        offset_skip_max: u32 = 0, 0..=1_000_000;
    }

    "Polling and event streams" {
        /// How long a long poll waits for a message. Keep it below the idle timeout of any proxy or
        /// load balancer in front.
        long_poll_timeout_ms: u32 = 25_000, 100..=3_600_000;
        /// Status of a long poll that timed out without a message: 304, or 408 for clients that
        /// expect it.
        long_poll_timeout_status: TimeoutStatus = TimeoutStatus::NotModified;
        /// How long a browser waits before it reconnects a broken event stream (`retry:`).
        event_stream_retry_ms: u32 = 2_000, 0..=3_600_000;
    }

    "Size limits" {
        /// Memory that the server may have in use, in bytes. From 90 % on it refuses new connections (503), from
        /// 95 % on it drops what channels keep, and beyond it it cuts the slowest clients. Not set: three quarters
        /// of the machine's memory or of the control group's, whichever is smaller. 0 = no bound.
        memory_max: Option<usize> = None, 0..=1_125_899_906_842_624;
        /// Largest message that a client may send, in bytes; beyond it, close code 1009.
        message_bytes_max: usize = 65_536, 1..=1_073_741_824;
        /// Most frames that one message of a client may consist of; beyond it, close code 1008.
        fragments_max: u32 = 1_024, 1..=1_048_576;
        /// Largest request head that a client may send, in bytes; beyond it, 431. The request target
        /// may take three quarters of it; beyond that, 414.
        head_bytes_max: usize = 16_384, 512..=65_536;
        /// Most header lines in a client's request; beyond it, 431.
        headers_max: usize = 64, 8..=64;
        /// Largest publication that the internal API accepts, in bytes; beyond it, 413.
        publish_bytes_max: usize = 1_048_576, 1..=1_073_741_824;
        /// Largest batch of publications that the internal API accepts, in bytes; beyond it, 413.
        batch_bytes_max: usize = 16_777_216, 1_024..=1_073_741_824;
        /// Bytes of publications that may be on their way from the internal API to the shards. When
        /// they stay at this limit for a second, publishers get 503.
        publish_pending_bytes_max: usize = 67_108_864, 65_536..=4_294_967_295;
    }

    "Time limits" {
        /// How long a client may take to send a complete request head.
        handshake_timeout_ms: u32 = 10_000, 100..=600_000;
        /// How long a client's HTTP connection may stay open between requests.
        http_idle_timeout_ms: u32 = 60_000, 100..=3_600_000;
        /// Silence after which the server sends a ping to a WebSocket, or a comment to an event
        /// stream. Keep it below the idle timeout of any proxy or load balancer in front.
        ping_interval_ms: u32 = 25_000, 1_000..=3_600_000;
        /// How long a client may stay silent after a ping before it counts as dead.
        pong_timeout_ms: u32 = 10_000, 100..=600_000;
        /// How long a WebSocket message of a client may take from its first byte to its last; beyond it, close
        /// code 1008.
        message_timeout_ms: u32 = 30_000, 100..=3_600_000;
        /// How long a client whose socket is full may take no data before the server closes it (a
        /// WebSocket with code 4008).
        stall_timeout_ms: u32 = 10_000, 100..=600_000;
        /// Bytes that a client whose socket is full must take in a second, on average over three times
        /// `stall_timeout_ms`; one that takes less is closed as if it took none. 0 asks for no more than a byte
        /// within `stall_timeout_ms`.
        slow_reader_bytes_per_second_min: u32 = 1_000, 0..=1_000_000_000;
        /// How long a client may take to answer a Close frame before the server resets its
        /// connection.
        close_timeout_ms: u32 = 2_000, 100..=600_000;
        /// How long the server sends its clients away after SIGTERM, one after another, before it stops: WebSockets
        /// are closed with 1012 and connect again, to another server or to this one once it is back. It stops
        /// earlier when all have gone. 0 stops at once, as SIGINT does.
        drain_ms: u32 = 10_000, 0..=3_600_000;
        /// How long the server may take to stop: after SIGINT, or after the drain that SIGTERM begins.
        stop_timeout_ms: u32 = 5_000, 100..=600_000;
    }

    "Sockets" {
        /// Unsent bytes that the kernel queues for a client before its socket counts as full
        /// (`TCP_NOTSENT_LOWAT`). Small values reveal slow clients early. 0 keeps the system's
        /// value.
        notsent_lowat_bytes: u32 = 16_384, 0..=1_073_741_824;
        /// Send buffer of a client's socket (`SO_SNDBUF`). 0 keeps the system's value, which
        /// adapts.
        send_buffer_bytes: u32 = 0, 0..=1_073_741_824;
        /// How long sent data may stay unacknowledged before the kernel ends the connection
        /// (`TCP_USER_TIMEOUT`). 0 keeps the system's value.
        tcp_user_timeout_ms: u32 = 30_000, 0..=3_600_000;
        /// Connections that may wait to be accepted. The kernel caps it at `net.core.somaxconn`.
        backlog: u32 = 65_535, 1..=65_535;
    }

    "Program" {
        /// Send back what a client sends at `/echo`, for benchmarks and test suites.
        echo: bool = false;
        /// What to log to standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter
        /// such as `info,switchboard_shard=debug`.
        log: String = "info".to_owned();
    }

    "Engine" {
        /// Where channels live: `memory` of this process, or `nats`, by which several nodes share them, with
        /// their order and history: NATS with JetStream, 2.11 or newer. All nodes need the same namespaces and
        /// the same values of `engine_prefix`, `engine_partitions` and `engine_buckets`.
        engine: EngineChoice = EngineChoice::Memory;
        /// NATS servers, such as `nats://10.0.0.1:4222`. From one of them a node hears of the others.
        engine_servers: Vec<String> = vec!["nats://127.0.0.1:4222".to_owned()];
        /// File with the credentials of NATS (`.creds`).
        engine_credentials_file: Option<String> = None;
        /// User of NATS, with `engine_password`.
        engine_user: Option<String> = None;
        /// Password of `engine_user`.
        engine_password: Option<TokenSecret> = None;
        /// Token of NATS, instead of a user.
        engine_token: Option<TokenSecret> = None;
        /// Connect to NATS with TLS only.
        engine_tls: bool = false;
        /// PEM file with the certificates that may sign those of NATS, beside those that the machine trusts.
        engine_tls_ca_file: Option<String> = None;
        /// PEM file with the certificate that this node shows NATS.
        engine_tls_certificate_file: Option<String> = None;
        /// PEM file with the key of that certificate.
        engine_tls_key_file: Option<String> = None;
        /// What the names of streams and subjects begin with, so that clusters can share a NATS.
        engine_prefix: EnginePrefix = EnginePrefix::default();
        /// Streams of each namespace, among which its channels are spread. Another number is another set of
        /// streams: what is in the old ones is not found.
        engine_partitions: u32 = 16, 1..=1_024;
        /// Parts of a stream that a node listens to or not. As with `engine_partitions`.
        engine_buckets: u32 = 64, 1..=4_096;
        /// What this node is called in the logs and answers of others. By default the name of the machine, and the
        /// port of `internal_listen`.
        engine_node_name: Option<String> = None;
        /// NATS servers that keep each stream, where it is made: 1, 3 or 5.
        engine_replicas: u32 = 3, 1..=5;
        /// Where they keep it: `file`, or `memory`, which is lost when all of them have ended.
        engine_storage: Storage = Storage::File;
    }
}

impl Settings {
    /// Clients can say who they are.
    pub(crate) fn takes_tokens(&self) -> bool {
        self.token_secret.is_some()
            || !self.token_key.is_empty()
            || !self.token_jwks_file.is_empty()
            || self.token_jwks.is_some()
    }

    /// Only this machine can connect to the public listener.
    pub(crate) fn is_local(&self) -> bool {
        self.public_addresses().iter().all(is_loopback)
    }

    /// All addresses of the public listener, those for the PROXY protocol last.
    pub(crate) fn public_addresses(&self) -> Vec<SocketAddr> {
        [&self.listen[..], &self.proxy_protocol_listen].concat()
    }
}

/// Only this machine can connect to the address.
pub(super) fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Both families, each with its own socket, and nobody but this machine: who is to connect from
/// elsewhere, the person that starts the server decides.
fn default_listen() -> Vec<SocketAddr> {
    const PORT: u16 = 8000;
    vec![
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
        SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), PORT),
    ]
}
