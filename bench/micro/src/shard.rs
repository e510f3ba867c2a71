//! A whole shard over the simulated network, with clients that take everything at once.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use switchboard_hub::{Accounting, ChannelName, Draft, Limits, Namespaces, Router, Rules, ShardId};
use switchboard_plane::sim::{ClientId, SimConfig, SimNet, SimPlane};
use switchboard_plane::{
    Chunk, Close, ConnId, Event, Plane, PlaneStats, Reserved, SendException, Waker,
};
use switchboard_shard::{
    Admission, AdmissionRules, Api, ApiConfig, ApiRequest, ApiResponse, ClientIds, ClientRules,
    Command, Common, Config, EmulationKeys, HeadLimits, HookRules, IdentityConfig, MessageLimits,
    NamespaceRules, Next, NoBackends, Reply, RequestHandler, Shard, Timeouts,
};

use crate::sample;

/// The simulated plane, but what is sent is only counted: its copies of the bytes and its checks of
/// the batches would cost more than the shard.
#[derive(Debug)]
struct Sink {
    sim: SimPlane,
    bytes_sent: u64,
}

/// A shard and its clients.
#[derive(Debug)]
pub struct SimShard {
    shard: Shard<Sink>,
    net: SimNet,
    common: Common,
    clients: Vec<ClientId>,
    now_ms: u64,
}

impl SimShard {
    /// A shard with so many WebSockets to `path`.
    pub fn new(connections: usize, path: &str) -> Self {
        Self::with_clients(connections, &sample::short_upgrade(path))
    }

    /// A shard with so many clients that have sent this head.
    pub fn with_clients(connections: usize, head: &[u8]) -> Self {
        let mut this = Self::without_clients(connections);
        for _ in 0..connections {
            this.connect(head);
        }
        this.run();
        this
    }

    /// A shard that has room for so many connections.
    pub fn without_clients(connections_max: usize) -> Self {
        Self::with_rules(connections_max, &AdmissionRules::default())
    }

    /// The same, where these rules say who is let in.
    pub fn with_rules(connections_max: usize, rules: &AdmissionRules) -> Self {
        let common = Common {
            config: Arc::new(config(connections_max as u32)),
            handles: switchboard_shard::Handle::set(1),
            gateway: None,
            router: Router::new(1),
            admission: Arc::new(Admission::new(rules)),
            api: Arc::new(Api::new(ApiConfig::default(), Box::new(Nobody))),
            backends: Arc::new(NoBackends),
            accounting: Arc::new(Accounting::default()),
        };
        let slots = connections_max as u32 + switchboard_shard::RESERVED_SLOTS;
        let reserved = Reserved { first_listener: INTERNAL, slots: 64 };
        let sim = SimConfig { connections_max: slots, reserved, ..SimConfig::default() };
        let (sim, net) = SimNet::new(1, sim);
        let shard = Shard::new(Sink { sim, bytes_sent: 0 }, ShardId(0), &common, 1, 1_000);
        Self { shard, net, common, clients: Vec::new(), now_ms: 1_000 }
    }

    /// A client connects and sends its head.
    pub fn connect(&mut self, head: &[u8]) {
        let client = self.net.connect(([127, 0, 0, 1], 1_024).into());
        self.net.write(client, head);
        self.clients.push(client);
    }

    /// A backend connects to the internal API and sends this.
    pub fn connect_backend(&mut self, bytes: &[u8]) -> ClientId {
        let backend = self.net.connect_to(INTERNAL, ([127, 0, 0, 1], 2_048).into());
        self.net.write(backend, bytes);
        self.run();
        backend
    }

    /// A client or backend sends these bytes.
    pub fn send(&mut self, client: ClientId, bytes: &[u8]) {
        self.net.write(client, bytes);
    }

    /// Every client sends these bytes.
    pub fn everybody_sends(&mut self, bytes: &[u8]) {
        for client in &self.clients {
            self.net.write(*client, bytes);
        }
    }

    /// A backend publishes.
    pub fn publish(&mut self, channel: &ChannelName, draft: &Draft) {
        let (name, draft) = (channel.clone(), draft.clone());
        let reply = Box::new(|receipt| {
            let _ = std::hint::black_box(receipt);
        });
        self.common.handles[0].send(Command::Publish { name, draft, reply });
    }

    /// One turn. The time stays where it is, so that no turn has a sweep that others have not.
    pub fn turn(&mut self) -> Next {
        self.shard.turn(self.now_ms).unwrap()
    }

    /// Turns until nothing is left to do.
    pub fn run(&mut self) {
        while self.turn() == Next::Now {}
    }

    /// Bytes handed to the plane so far.
    pub fn bytes_sent(&self) -> u64 {
        self.shard.plane().bytes_sent
    }
}

/// The listener of the internal API.
const INTERNAL: u16 = 1;

/// Nothing is asked of the internal API but publications.
struct Nobody;

impl RequestHandler for Nobody {
    fn handle(&self, _request: ApiRequest, _reply: Reply<ApiResponse>) {}
}

fn config(connections_max: u32) -> Config {
    let namespaces = Namespaces::new((Rules::default(), ClientRules::default()), [], false);
    Config {
        connections_max,
        first_internal_listener: Some(INTERNAL),
        first_proxy_listener: None,
        head: HeadLimits::default(),
        message: MessageLimits::default(),
        channels_per_connection_max: 128,
        shares_channels: false,
        hub: Limits::default(),
        namespaces: NamespaceRules::new(&namespaces),
        allowed_origins: Vec::new(),
        identity: IdentityConfig::default(),
        allowed_hosts: Vec::new(),
        hooks: HookRules::default(),
        slow_reader_bytes_per_second_min: 0,
        centrifuge: true,
        client_ids: ClientIds::default(),
        emulation: EmulationKeys::new(&[7; 32]),
        echo: true,
        page: "",
        long_poll_timeout_status: 304,
        event_stream_retry_ms: 2_000,
        timeouts: Timeouts {
            message_ms: 30_000,
            handshake_ms: 10_000,
            http_idle_ms: 60_000,
            ping_interval_ms: 25_000,
            pong_ms: 10_000,
            close_ms: 2_000,
            stall_ms: 10_000,
            long_poll_ms: 25_000,
            drain_ms: 10_000,
            stop_ms: 5_000,
        },
    }
}

impl Plane for Sink {
    fn send_batch<'b, I>(&mut self, sends: I, _exceptions: &mut Vec<SendException>)
    where
        I: IntoIterator<Item = (ConnId, &'b [u8])>,
    {
        for send in sends {
            self.bytes_sent += std::hint::black_box(send).1.len() as u64;
        }
    }

    fn name(&self) -> &'static str {
        self.sim.name()
    }

    fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.sim.poll(events)
    }

    fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.sim.received(at)
    }

    fn has_more(&self) -> bool {
        self.sim.has_more()
    }

    fn pause_read(&mut self, conn: ConnId) {
        self.sim.pause_read(conn);
    }

    fn resume_read(&mut self, conn: ConnId) {
        self.sim.resume_read(conn);
    }

    fn want_write(&mut self, conn: ConnId) {
        self.sim.want_write(conn);
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        self.sim.shutdown_write(conn);
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        self.sim.close(conn, how);
    }

    fn hold_off(&mut self, below: u16) {
        self.sim.hold_off(below);
    }

    fn waiting(&self, below: u16) -> u32 {
        self.sim.waiting(below)
    }

    fn close_listeners(&mut self, below: u16) {
        self.sim.close_listeners(below);
    }

    fn connect(&mut self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<ConnId> {
        self.sim.connect(to, from)
    }

    fn wait_fd(&self) -> BorrowedFd<'_> {
        self.sim.wait_fd()
    }

    fn waker(&self) -> Waker {
        self.sim.waker()
    }

    fn stats(&self) -> PlaneStats {
        self.sim.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_ws::frame::Opcode;

    #[test]
    fn everybody_is_upgraded_and_gets_what_is_published() {
        let mut shard = SimShard::new(600, "/sub/news");
        let name = ChannelName::new("news").unwrap();
        let before = shard.bytes_sent();
        assert!(before > 600 * 100, "a response each, not {before} bytes in all");
        shard.publish(&name, &sample::draft(64));
        shard.run();
        assert_eq!(shard.bytes_sent() - before, 600 * (2 + 64));
    }

    #[test]
    fn everybody_gets_an_echo() {
        let mut shard = SimShard::new(300, "/echo");
        let before = shard.bytes_sent();
        shard.everybody_sends(&sample::masked_frame(Opcode::Text, 64));
        shard.run();
        assert_eq!(shard.bytes_sent() - before, 300 * (2 + 64));
    }
}
