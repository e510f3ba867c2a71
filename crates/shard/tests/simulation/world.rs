//! Shards, their simulated networks, the clients, and the schedule.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use switchboard_hub::{
    Accounting, Bounds, ChannelName, Draft, Kind, Limits, Namespaces as HubNamespaces, Router,
    Rules, ShardId,
};
use switchboard_plane::sim::{ClientState, SimConfig, SimNet, SimPlane};
use switchboard_shard::{
    Command, Common, Config, Handle, Namespace, Namespaces, Next, Shard, Timeouts,
};
use switchboard_ws::head::HeadLimits;
use switchboard_ws::message::MessageLimits;

use crate::client::{Client, payload};

/// One kind of schedule.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) shards: u16,
    /// Short reads and writes, delays, reordering between connections.
    pub(crate) faults: bool,
    pub(crate) steps: usize,
    /// Clients stop reading now and then.
    pub(crate) stalls: bool,
    pub(crate) log_publications_max: usize,
}

const CHANNELS: [&str; 4] = ["news", "sport:a", "sport:b", "demo:lobby"];

pub(crate) struct World {
    random: u64,
    plan: Plan,
    now_ms: u64,
    shards: Vec<Shard<SimPlane>>,
    nets: Vec<SimNet>,
    handles: Vec<Handle>,
    router: Router,
    accounting: Arc<Accounting>,
    clients: Vec<Client>,
    published: HashMap<String, u64>,
    answered: Arc<AtomicU64>,
    asked: u64,
}

fn config(plan: &Plan) -> Config {
    let namespace = |name: &str, publish| Namespace {
        name: name.to_owned(),
        publish,
        publish_per_second: 0,
        lossy_raw: false,
        join_leave: false,
    };
    let bounds = Bounds { publications: plan.log_publications_max, bytes: 8 << 20 };
    let rules = Rules { tail: bounds, history: bounds, ..Rules::default() };
    let hub = HubNamespaces::new(rules, vec![("demo".to_owned(), rules)], false);
    Config {
        connections_max: 200,
        head: HeadLimits::default(),
        message: MessageLimits {
            frame_bytes_max: 65_536,
            message_bytes_max: 65_536,
            fragments_max: 64,
        },
        channels_per_connection_max: 128,
        hub: Limits::default(),
        namespaces: Namespaces::new(
            Arc::new(hub),
            vec![namespace("default", false), namespace("demo", true)],
        ),
        allowed_origins: Vec::new(),
        echo: true,
        page: "<p>",
        long_poll_timeout_status: 304,
        event_stream_retry_ms: 2_000,
        timeouts: Timeouts {
            handshake_ms: 10_000,
            http_idle_ms: 60_000,
            ping_interval_ms: 25_000,
            pong_ms: 10_000,
            close_ms: 2_000,
            stall_ms: 10_000,
            long_poll_ms: 25_000,
            stop_ms: 5_000,
        },
    }
}

impl World {
    pub(crate) fn new(seed: u64, plan: &Plan) -> Self {
        let common = Common {
            config: Arc::new(config(plan)),
            handles: Handle::set(plan.shards),
            router: Router::new(plan.shards),
            accounting: Arc::new(Accounting::default()),
        };
        let (mut shards, mut nets) = (Vec::new(), Vec::new());
        for id in 0..plan.shards {
            let sim = SimConfig { room_bytes: 4_096, faults: plan.faults, ..SimConfig::default() };
            let (plane, net) = SimNet::new(seed * 31 + u64::from(id), sim);
            shards.push(Shard::new(plane, ShardId(id), &common, seed, 1_000));
            nets.push(net);
        }
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            plan: plan.clone(),
            now_ms: 1_000,
            shards,
            nets,
            handles: common.handles,
            router: common.router,
            accounting: common.accounting,
            clients: Vec::new(),
            published: HashMap::new(),
            answered: Arc::new(AtomicU64::new(0)),
            asked: 0,
        }
    }

    pub(crate) fn run(mut self) {
        for _ in 0..self.plan.steps {
            self.step();
        }
        self.come_to_rest();
        for client in &self.clients {
            client.check_runs();
            // Who stalled for too long and never took the Close frame was reset in the end.
            let reset = self.nets[client.shard].state(client.id) == ClientState::Reset;
            if client.is_open() && !reset {
                client.check_complete(&self.published);
            }
        }
        assert_eq!(self.answered.load(Ordering::Relaxed), self.asked, "every publish is answered");
        self.stop();
    }

    fn below(&mut self, bound: usize) -> usize {
        // xorshift64*: enough to pick schedules.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=2 => self.connect(),
            3..=7 => self.publish(),
            8 => self.publish_from_client(),
            9 => self.leave(),
            10 | 11 if self.plan.stalls => self.stall(),
            12 => self.now_ms += self.below(700) as u64,
            _ => {
                let shard = self.below(self.shards.len());
                self.turn(shard);
            }
        }
    }

    fn connect(&mut self) {
        let shard = self.below(self.shards.len());
        let mut channels = Vec::new();
        for _ in 0..=self.below(2) {
            let channel = CHANNELS[self.below(CHANNELS.len())].to_owned();
            if !channels.contains(&channel) {
                channels.push(channel);
            }
        }
        let number = self.clients.len() as u32;
        self.clients.push(Client::connect(&self.nets[shard], shard, number, channels));
    }

    fn publish(&mut self) {
        let channel = CHANNELS[self.below(3)];
        let filler = if self.below(8) == 0 { self.below(3_000) } else { self.below(60) };
        let number = self.published.entry(channel.to_owned()).or_default();
        *number += 1;
        let text = payload(channel, *number, filler + 1);
        let name = ChannelName::new(channel).unwrap();
        let home = usize::from(self.router.home(&name).0);
        let answered = Arc::clone(&self.answered);
        self.asked += 1;
        self.handles[home].send(Command::Publish {
            name,
            draft: Draft::new(Kind::Text, text.as_bytes()),
            reply: Box::new(move |_| {
                answered.fetch_add(1, Ordering::Relaxed);
            }),
        });
    }

    /// Only one client at a time publishes to the lobby, so that its numbers are in order.
    fn publish_from_client(&mut self) {
        let publisher = self.clients.iter().position(|client| {
            client.is_open() && !client.stalled && client.channels == ["demo:lobby"]
        });
        let Some(publisher) = publisher else { return };
        let number = self.published.entry("demo:lobby".to_owned()).or_default();
        *number += 1;
        let text = payload("demo:lobby", *number, 1);
        let client = &self.clients[publisher];
        client.publish(&self.nets[client.shard], text.as_bytes());
        // It arrives before another client may publish.
        self.settle();
    }

    fn leave(&mut self) {
        let Some(index) = self.pick() else { return };
        let way = self.below(3);
        let client = &mut self.clients[index];
        let net = &self.nets[client.shard];
        match way {
            0 => client.send_close(net),
            1 => net.reset(client.id),
            _ => net.half_close(client.id),
        }
        client.left = true;
    }

    fn stall(&mut self) {
        let Some(index) = self.pick() else { return };
        let client = &mut self.clients[index];
        client.stalled = !client.stalled;
        self.nets[client.shard].stall(client.id, client.stalled);
    }

    fn pick(&mut self) -> Option<usize> {
        if self.clients.is_empty() {
            return None;
        }
        let index = self.below(self.clients.len());
        self.clients[index].is_open().then_some(index)
    }

    fn turn(&mut self, shard: usize) -> Next {
        self.now_ms += 1;
        let next = self.shards[shard].turn(self.now_ms).unwrap();
        for client in &mut self.clients {
            client.read(&self.nets[client.shard], &self.published);
        }
        next
    }

    /// Turns all shards until what was sent has been handled.
    fn settle(&mut self) {
        for _ in 0..40 {
            for shard in 0..self.shards.len() {
                self.turn(shard);
            }
        }
    }

    /// Everybody reads again, and time goes on until nothing moves any more.
    fn come_to_rest(&mut self) {
        for client in &mut self.clients {
            client.stalled = false;
            self.nets[client.shard].stall(client.id, false);
        }
        for _ in 0..10 {
            self.settle();
            self.now_ms += 1_000;
        }
    }

    /// Stops the shards; afterwards nothing of all this may be left.
    fn stop(mut self) {
        for handle in &self.handles {
            handle.send(Command::Stop);
        }
        let mut running: Vec<usize> = (0..self.shards.len()).collect();
        for _ in 0..20_000 {
            running.retain(|shard| self.turn_one(*shard) != Next::Ended);
            if running.is_empty() {
                break;
            }
        }
        assert!(running.is_empty(), "the shards stop in time");
        for client in &self.clients {
            if client.is_open() {
                assert_ne!(self.nets[client.shard].state(client.id), ClientState::Open);
            }
            assert!(client.close_code.is_none_or(|code| [1000, 1001, 4008].contains(&code)));
        }
        for net in &self.nets {
            assert_eq!(net.live(), 0);
        }
        drop(self.shards);
        assert_eq!(self.accounting.count(), 0, "every publication is freed");
        assert_eq!(self.accounting.bytes(), 0, "and every byte of it");
    }

    fn turn_one(&mut self, shard: usize) -> Next {
        let next = self.turn(shard);
        self.now_ms += 5;
        next
    }
}
