//! What one turn does at most, and what one client may make the shard hold: each bound by itself, on one
//! shard without faults, with as many clients as it takes to reach it.

use std::sync::Arc;

use switchboard_hub::{ChannelName, Draft, Kind, ShardId};
use switchboard_plane::sim::{ClientId, SimConfig, SimNet, SimPlane};
use switchboard_shard::{Command, Common, Config, Handle, Shard};
use switchboard_ws::frame::{self, Opcode};

use crate::plan::Plan;
use crate::websocket::MASK;

/// As the shard has them.
const REPLY_BYTES_MAX: usize = 64 << 10;
const CATCH_UP_BYTES_MAX: usize = 256 << 10;
const CATCH_UP_TURN_BYTES_MAX: usize = 4 << 20;
const BATCH_BYTES_MAX: usize = 64 << 10;
const MAILBOX_BYTES_MAX: usize = 8 << 20;
const SLICE_SENDS_MAX: usize = 256;
const SWEEP_ACTIONS_MAX: usize = 512;

/// One shard and its network.
struct Single {
    shard: Shard<SimPlane>,
    net: SimNet,
    handle: Handle,
    now_ms: u64,
}

impl Single {
    fn new(sim: &SimConfig, change: impl FnOnce(&mut Config)) -> Self {
        let plan = Plan { shards: 1, faults: false, ..Plan::roomy(0) };
        let mut config = plan.config();
        config.connections_max = 4_000;
        config.echo = true;
        change(&mut config);
        let common = Common { config: Arc::new(config), ..plan.common() };
        let (plane, net) = SimNet::new(1, SimConfig { connections_max: 4_000, ..sim.clone() });
        let shard = Shard::new(plane, ShardId(0), &common, 1, 1_000);
        Self { shard, net, handle: common.handles[0].clone(), now_ms: 1_000 }
    }

    fn turn(&mut self, times: usize) {
        for _ in 0..times {
            self.shard.turn(self.now_ms).unwrap();
        }
    }

    /// Clients with open WebSockets; what they were answered is read.
    fn open(&mut self, path: &str, count: usize) -> Vec<ClientId> {
        let head = upgrade(path);
        let connect = |_| {
            let client = self.net.connect(([127, 0, 0, 1], 1_024).into());
            self.net.write(client, head.as_bytes());
            client
        };
        let clients: Vec<_> = (0..count).map(connect).collect();
        self.turn(100);
        for client in &clients {
            assert!(self.net.read(*client).starts_with(b"HTTP/1.1 101 "));
        }
        clients
    }

    fn publish(&mut self, times: usize, bytes: usize) {
        for _ in 0..times {
            let (name, draft) =
                (ChannelName::new("news").unwrap(), Draft::new(Kind::Binary, &vec![7; bytes]));
            self.handle.send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
        }
    }

    fn counter(&self, wanted: &str) -> usize {
        let counters = self.handle.counters();
        let found = counters.iter().find(|(name, _)| *name == wanted);
        found.unwrap().1 as usize
    }

    fn stall(&self, clients: &[ClientId], stalled: bool) {
        for client in clients {
            self.net.stall(*client, stalled);
        }
    }

    fn read(&self, clients: &[ClientId]) -> Vec<usize> {
        clients.iter().map(|client| self.net.read(*client).len()).collect()
    }
}

fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn pings(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        frame::write(&mut bytes, Opcode::Ping, &[1; 125], MASK);
    }
    bytes
}

const PING: usize = 125 + 6;
const PONG: usize = 125 + 2;

/// It is read for as long as what it is owed is below the bound, and not much further.
pub(crate) fn replies() {
    let room_bytes = 4_096;
    let mut single = Single::new(&SimConfig { room_bytes, ..SimConfig::default() }, |_| ());
    let clients = single.open("/sub/news", 2);
    let (modest, greedy) = (clients[0], clients[1]);
    single.stall(&clients, true);
    let received = single.counter("bytes_received");

    let below = (REPLY_BYTES_MAX - 10_000) / PONG;
    // In several sends, so that some find the replies before them parked.
    for _ in 0..10 {
        single.net.write(modest, &pings(below / 10));
        single.turn(3);
    }
    let read_of_modest = single.counter("bytes_received") - received;
    assert_eq!(read_of_modest, below / 10 * 10 * PING, "it is owed less than the bound");

    let many = 4 * REPLY_BYTES_MAX / PONG;
    for _ in 0..10 {
        single.net.write(greedy, &pings(many / 10));
        single.turn(3);
    }
    let read = single.counter("bytes_received") - received - read_of_modest;
    // Bytes that were received with the last that fit are held, and a receive has at most these.
    let receive = SimConfig::default().receive_bytes_max as usize;
    assert!(read >= REPLY_BYTES_MAX - receive, "{read} bytes read");
    assert!(read <= 2 * (REPLY_BYTES_MAX + room_bytes) + 2 * receive, "{read} bytes read");

    single.stall(&clients, false);
    let mut answered = vec![0; 2];
    for _ in 0..200 {
        single.turn(1);
        let more = single.read(&clients);
        answered.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    assert_eq!(answered, [below / 10 * 10 * PONG, many / 10 * 10 * PONG], "all of it in the end");
}

/// Clients that fell behind and read again get a bounded part at a time, in one turn and each.
pub(crate) fn catch_up() {
    let mut single = Single::new(&SimConfig::default(), |config| {
        config.timeouts.stall_ms = 3_600_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    });
    let clients = single.open("/sub/news", 60);
    single.stall(&clients, true);
    let (times, bytes) = (100, 10_000);
    single.publish(times, bytes);
    single.turn(50);
    let owed = times * (bytes + 4);
    let mut got = vec![0; clients.len()];
    single.stall(&clients, false);
    let (mut most_of_turn, mut most_of_client) = (0, 0);
    for _ in 0..100 {
        let before = single.read(&clients);
        single.turn(1);
        let more = single.read(&clients);
        most_of_turn = most_of_turn.max(more.iter().sum());
        most_of_client = most_of_client.max(*more.iter().max().unwrap());
        for (sum, more) in got.iter_mut().zip(before.iter().zip(more)) {
            *sum += more.0 + more.1;
        }
    }
    assert!(got.iter().all(|got| *got == owed), "{got:?} of {owed}");
    assert!(most_of_client <= CATCH_UP_BYTES_MAX + 2 * BATCH_BYTES_MAX, "{most_of_client} to one");
    assert!(
        most_of_turn <= CATCH_UP_TURN_BYTES_MAX + CATCH_UP_BYTES_MAX + 2 * BATCH_BYTES_MAX,
        "{most_of_turn} in one turn"
    );
    // Nor so little that a turn does next to nothing.
    assert!(most_of_client > CATCH_UP_BYTES_MAX / 2, "{most_of_client} to one at most");
    assert!(most_of_turn > CATCH_UP_TURN_BYTES_MAX / 2, "{most_of_turn} in one turn at most");
}

/// Clients are not read while another shard has so much of what they published that it is not done with.
pub(crate) fn mailbox() {
    let (clients, times, bytes) = (40, 10, 60_000);
    let plan = Plan { shards: 2, faults: false, ..Plan::roomy(0) };
    let common = plan.common();
    let shard = |id| {
        let (plane, net) = SimNet::new(1, SimConfig::default());
        (Shard::new(plane, ShardId(id), &common, 1, 1_000), net)
    };
    let ((mut own, net), (mut home, _)) = (shard(0), shard(1));
    let names = (0..).map(|nth| format!("demo:{nth}"));
    let is_there =
        |name: &String| common.router.home(&ChannelName::new(name).unwrap()) == ShardId(1);
    let mut message = Vec::new();
    frame::write(&mut message, Opcode::Binary, &vec![7; bytes], MASK);
    for name in names.filter(is_there).take(clients) {
        let client = net.connect(([127, 0, 0, 1], 1_024).into());
        net.write(client, upgrade(&format!("/sub/{name}")).as_bytes());
        net.write(client, &message.repeat(times));
    }
    let published = || {
        let handle = &common.handles[0];
        handle.counters().iter().find(|(name, _)| *name == "published_by_clients").unwrap().1
    };
    // The homes have to answer before the clients may publish.
    for _ in 0..3 {
        own.turn(1_000).unwrap();
        home.turn(1_000).unwrap();
    }
    let before = published() as usize;
    for _ in 0..500 {
        own.turn(1_000).unwrap();
    }
    let held = (published() as usize - before) * bytes;
    assert!(held >= MAILBOX_BYTES_MAX / 2, "{held} bytes");
    // The bound is looked at between turns: what one turn receives goes beyond it, and with it what each
    // client sent of a message before.
    let turn = SimConfig::default().receives_max * SimConfig::default().receive_bytes_max;
    assert!(held <= MAILBOX_BYTES_MAX + turn as usize + clients * bytes, "{held} bytes");
    for _ in 0..500 {
        own.turn(1_000).unwrap();
        home.turn(1_000).unwrap();
    }
    assert_eq!(published() as usize, clients * times, "all of it in the end");
}

/// A large channel is served a slice in each turn.
pub(crate) fn slices() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let clients = single.open("/sub/news", 1_000);
    single.publish(1, 100);
    let (mut most, mut got) = (0, 0);
    for _ in 0..50 {
        single.turn(1);
        let sends = single.read(&clients).iter().filter(|bytes| **bytes > 0).count();
        most = most.max(sends);
        got += sends;
    }
    assert_eq!((most, got), (SLICE_SENDS_MAX, clients.len()));
}

/// Those who came together are pinged in parts, and each once.
pub(crate) fn sweep() {
    let mut single = Single::new(&SimConfig::default(), |config| {
        config.timeouts.ping_interval_ms = 10_000;
        config.timeouts.pong_ms = 3_600_000;
    });
    let clients = single.open("/sub/news", 3_000);
    let mut pinged = vec![0; clients.len()];
    // All are due long before the next step.
    single.now_ms += 15_000;
    let mut most = 0;
    for _ in 0..100 {
        single.turn(1);
        single.now_ms += 20;
        let more = single.read(&clients);
        most = most.max(more.iter().filter(|bytes| **bytes > 0).count());
        pinged.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    assert!(pinged.iter().all(|bytes| *bytes == 2), "one ping for each");
    // The page that is under way when the bound is reached is done to its end.
    assert!(most <= 2 * SWEEP_ACTIONS_MAX, "{most} in one step");
}
