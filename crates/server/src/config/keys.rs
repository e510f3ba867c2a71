//! All keys of the configuration, with their defaults, bounds and explanations. This table is the
//! only place that knows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::table::settings;
use super::value::{CpuList, DescriptorChoice, PlaneChoice, Secret, TimeoutStatus};

settings! {
    /// The value of every key outside `[namespace.NAME]`, each within its bounds but not yet checked
    /// against the others and the machine.
    #[derive(Clone, Debug)]
    struct Settings;

    "Doors" {
        /// Addresses that clients connect to (every way to listen, and the page at `/`). The default
        /// `[::]` is left out on a machine without IPv6.
        listen: Vec<SocketAddr> = default_listen();
        /// Address of the internal door, where backends publish and read counters. Anything but
        /// loopback needs `api_key`.
        internal_listen: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8001);
        /// Secret that requests at the internal door must carry. They send it as `X-API-Key` or
        /// `Authorization: Bearer`. Prefer the file or the environment: flags can be read by every
        /// user of the machine.
        api_key: Option<Secret> = None;
        /// Web origins allowed beside the server's own, such as `https://example.org`. Compared
        /// exactly; `*` alone allows every origin. Clients that are no browsers send no origin and
        /// are not affected.
        allowed_origins: Vec<String> = Vec::new();
        /// Connections held by the internal door at most; more wait in the kernel's queue.
        internal_connections_max: u32 = 1_024, 1..=65_535;
    }

    "Cores and capacity" {
        /// Number of shards, one pinned thread each, on the first N cores this process may use. All
        /// of them when unset.
        cores: Option<u32> = None, 1..=1_024;
        /// The cores to pin shards to, such as `0,2-3`. Excludes `cores`.
        pin: Option<CpuList> = None;
        /// How bytes move: `io_uring`, `epoll`, or `auto`, which takes `io_uring` where the
        /// kernel allows it and says at start which one runs and why.
        plane: PlaneChoice = PlaneChoice::Auto;
        /// What names client connections to `io_uring`: `direct` descriptors, which `ulimit -n` does
        /// not bound, descriptors of the `process`, or `auto`, which takes direct ones where the
        /// kernel releases a closed one at once (Linux 6.13 and later).
        io_uring_descriptors: DescriptorChoice = DescriptorChoice::Auto;
        /// Client connections of all shards together; beyond it new ones get 503. What the machine
        /// can hold when unset (`--check-config` tells).
        connections_max: Option<u32> = None, 1..=16_777_216;
    }

    "Channels" {
        /// Let everyone publish to channels of the namespace `demo`. It makes the page useful at
        /// once; turn it off where strangers can connect.
        demo: bool = true;
        /// Publications a second that one client may send in the namespace `demo`, unless
        /// `[namespace.demo]` says otherwise. 0 is unlimited.
        demo_publish_per_second: u32 = 20, 0..=10_000_000;
        /// Answer 404 for channels whose namespace has no `[namespace.NAME]`, instead of treating
        /// them as `[namespace.default]`.
        strict_namespaces: bool = false;
        /// Channels that one connection may listen to; beyond it 400.
        channels_per_connection_max: u32 = 128, 1..=1_024;
        /// Publications of a channel that a subscriber may be behind, unless its namespace says
        /// otherwise. One that falls behind further, and behind the history, loses its place.
        log_publications_max: u32 = 1_024, 1..=1_048_576;
        /// Bytes of a channel that a subscriber may be behind, unless its namespace says otherwise.
        /// Several of the largest publications should fit, or a burst of them leaves ordinary
        /// clients behind.
        log_bytes_max: usize = 8_388_608, 1_024..=1_073_741_824;
        /// Bytes that all channels of a shard keep together, for subscribers that are behind and as
        /// history; the largest log gives its oldest publication first. What event streams and JSON
        /// need in another form may take as much again.
        shard_log_bytes_max: usize = 67_108_864, 65_536..=1_099_511_627_776;
        /// Channels without subscribers that a shard remembers; the oldest are forgotten first, with
        /// all they keep.
        channels_idle_max: u32 = 100_000, 1..=16_777_216;
        /// Time for which a channel that nobody uses keeps its position after its history is gone,
        /// so that who comes back is not told of a gap where there is none.
        meta_ttl_ms: u32 = 3_600_000, 0..=2_592_000_000;
    }

    "Polling and event streams" {
        /// Time for which a long poll without news is held. Keep it below the idle timeout of
        /// proxies and load balancers in front.
        long_poll_timeout_ms: u32 = 25_000, 100..=3_600_000;
        /// Status of the answer to a long poll that got no news in time: 304, or 408 for clients
        /// that expect it.
        long_poll_timeout_status: TimeoutStatus = TimeoutStatus::NotModified;
        /// Time after which a browser connects an event stream again that broke off (`retry:`).
        event_stream_retry_ms: u32 = 2_000, 0..=3_600_000;
    }

    "Size limits" {
        /// Largest message a client may send, in bytes; beyond it close code 1009.
        message_bytes_max: usize = 65_536, 1..=1_073_741_824;
        /// Frames that one message of a client may come in; beyond it close code 1008.
        fragments_max: u32 = 1_024, 1..=1_048_576;
        /// Largest request head of a client, in bytes; beyond it 431.
        head_bytes_max: usize = 8_192, 512..=65_536;
        /// Header lines in a request of a client; beyond it 431.
        headers_max: usize = 64, 8..=64;
        /// Largest publication at the internal door, in bytes; beyond it 413.
        publish_bytes_max: usize = 1_048_576, 1..=1_073_741_824;
        /// Largest batch of publications at the internal door, in bytes; beyond it 413.
        batch_bytes_max: usize = 16_777_216, 1_024..=1_073_741_824;
        /// Bytes of publications on their way from the internal door to the shards. When it stays
        /// reached for a second, publishers get 503.
        publish_pending_bytes_max: usize = 67_108_864, 65_536..=4_294_967_295;
    }

    "Time limits" {
        /// Time a client has to send a whole request head.
        handshake_timeout_ms: u32 = 10_000, 100..=600_000;
        /// Time an HTTP connection of a client may stay open between requests.
        http_idle_timeout_ms: u32 = 60_000, 100..=3_600_000;
        /// Silence after which a WebSocket gets a ping, and an event stream a comment. Keep it below
        /// the idle timeout of proxies and load balancers in front.
        ping_interval_ms: u32 = 25_000, 1_000..=3_600_000;
        /// Time after a ping in which something must arrive, or the client counts as dead.
        pong_timeout_ms: u32 = 10_000, 100..=600_000;
        /// Time a client that cannot take more data has to take some of it, or it is closed (a
        /// WebSocket with code 4008).
        stall_timeout_ms: u32 = 10_000, 100..=600_000;
        /// Time a client has to answer a Close frame before its connection is reset.
        close_timeout_ms: u32 = 2_000, 100..=600_000;
        /// Time the server takes to stop after SIGTERM or SIGINT.
        stop_timeout_ms: u32 = 5_000, 100..=600_000;
    }

    "Sockets" {
        /// Unsent bytes the kernel queues for a client before it counts as full
        /// (`TCP_NOTSENT_LOWAT`). Small values show slow clients early. 0 leaves the system's value.
        notsent_lowat_bytes: u32 = 16_384, 0..=1_073_741_824;
        /// Send buffer of a client's socket (`SO_SNDBUF`). 0 leaves the system's value, which adapts.
        send_buffer_bytes: u32 = 0, 0..=1_073_741_824;
        /// Time after which sent data that was not acknowledged ends a connection
        /// (`TCP_USER_TIMEOUT`). 0 leaves the system's value.
        tcp_user_timeout_ms: u32 = 30_000, 0..=3_600_000;
        /// Connections that may wait to be accepted; the kernel bounds it by `net.core.somaxconn`.
        backlog: u32 = 65_535, 1..=65_535;
    }

    "Program" {
        /// Send what a client sends at `/echo` back to it, for benchmarks and test suites.
        echo: bool = false;
        /// What is logged to standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter
        /// such as `info,switchboard_shard=debug`.
        log: String = "info".to_owned();
    }
}

/// Both families, each with its own socket.
fn default_listen() -> Vec<SocketAddr> {
    const PORT: u16 = 8000;
    vec![
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT),
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT),
    ]
}
