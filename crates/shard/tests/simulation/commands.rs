//! Clients of the Centrifuge SDKs that say what they may in any order, several commands in a message, while the
//! mail between shards crosses and bytes are cut anywhere. Beside each of them stands a model ([`sdk`](crate::sdk)),
//! which checks every reply and every push; at the end everybody has all that was published since it came.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use switchboard_auth::Access;
use switchboard_hub::{ChannelName, Draft, Kind, Namespaces, Router, Rules, ShardId, SlowPolicy};
use switchboard_plane::sim::{SimConfig, SimNet, SimPlane};
use switchboard_shard::{ClientRules, Command, Common, Config, Handle, NamespaceRules, Shard};

use crate::plan::Plan;
use crate::random::Random;
use crate::sdk::{CHANNELS, CHANNELS_MAX, Client, Seen};

const CLIENTS: usize = 5;
const STEPS: usize = 1_500;

struct Room {
    random: Random,
    shards: Vec<Shard<SimPlane>>,
    nets: Vec<SimNet>,
    handles: Vec<Handle>,
    router: Router,
    clients: Vec<Client>,
    seen: Seen,
    now_ms: u64,
    serial: u64,
}

pub(crate) fn run(seed: u64) {
    let outcome = std::panic::catch_unwind(|| {
        let mut room = Room::new(seed);
        for _ in 0..STEPS {
            room.step();
        }
        room.come_to_rest();
        room.check_rest();
    });
    if let Err(panic) = outcome {
        eprintln!("failed with SIM_SEED={seed}");
        std::panic::resume_unwind(panic);
    }
}

fn config(plan: &Plan) -> Config {
    let rules = Rules {
        slow_policy: SlowPolicy::Disconnect,
        tail: plan.tail,
        history: plan.history,
        history_ttl_ms: plan.history_ttl_ms,
        share_percent: 100,
    };
    let clients = |join_leave| ClientRules {
        publish: Access::Anyone,
        presence_list: true,
        join_leave,
        ..ClientRules::default()
    };
    let named = [("room", true), ("quiet", false)];
    let named = named.map(|(name, join_leave)| (name.to_owned(), (rules, clients(join_leave))));
    let namespaces = Namespaces::new((rules, ClientRules::default()), named, false);
    Config {
        channels_per_connection_max: CHANNELS_MAX,
        namespaces: NamespaceRules::new(&namespaces),
        ..plan.config()
    }
}

impl Room {
    fn new(seed: u64) -> Self {
        let plan = Plan::roomy(seed);
        let common = Common { config: Arc::new(config(&plan)), ..plan.common() };
        let (mut shards, mut nets) = (Vec::new(), Vec::new());
        for id in 0..plan.shards {
            let sim = SimConfig { room_bytes: 4_096, faults: plan.faults, ..SimConfig::default() };
            let (plane, net) = SimNet::new(seed * 31 + u64::from(id), sim);
            shards.push(Shard::new(plane, ShardId(id), &common, seed, 1_000));
            nets.push(net);
        }
        let mut random = Random::new(seed);
        let clients = (0..CLIENTS).map(|_| Client::new(&nets, &mut random)).collect();
        let (handles, router) = (common.handles, common.router);
        let (seen, now_ms, serial) = (Seen::new(), 1_000, 0);
        Self { random, shards, nets, handles, router, clients, seen, now_ms, serial }
    }

    fn step(&mut self) {
        let nth = self.random.below(self.clients.len());
        match self.random.below(16) {
            0 => self.publish(),
            1 if self.random.one_in(6) => self.delete(),
            2 if self.random.one_in(6) => self.replace(nth),
            3 | 4 => self.say(nth),
            _ => {
                let shard = self.random.below(self.shards.len());
                self.turn(shard);
            }
        }
    }

    fn turn(&mut self, shard: usize) {
        self.now_ms += 3;
        self.shards[shard].turn(self.now_ms).unwrap();
        for client in &mut self.clients {
            client.hear(&self.nets[client.shard], &mut self.seen);
        }
    }

    fn home(&self, channel: &str) -> (&Handle, ChannelName) {
        let name = ChannelName::new(channel).unwrap();
        (&self.handles[usize::from(self.router.home(&name).0)], name)
    }

    fn publish(&mut self) {
        self.serial += 1;
        let channel = *self.random.pick(&CHANNELS);
        let text = json!({ "serial": self.serial, "filler": "x".repeat(self.random.below(900)) });
        let (home, name) = self.home(channel);
        let draft = Draft::new(Kind::Text, text.to_string().as_bytes());
        home.send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
    }

    fn delete(&mut self) {
        let channel = *self.random.pick(&CHANNELS);
        let watched = format!("presence:{channel}");
        let channel = if self.random.one_in(3) { watched } else { channel.to_owned() };
        let (home, name) = self.home(&channel);
        home.send(Command::Delete { name, reply: Box::new(|_| ()) });
    }

    /// A client goes in the middle of whatever it does, and another one comes.
    fn replace(&mut self, nth: usize) {
        let client = &self.clients[nth];
        let net = &self.nets[client.shard];
        if self.random.one_in(2) {
            net.reset(client.id);
        } else {
            net.half_close(client.id);
        }
        self.clients[nth] = Client::new(&self.nets, &mut self.random);
    }

    fn say(&mut self, nth: usize) {
        let count = 1 + self.random.below(4);
        let mut commands = Vec::new();
        for _ in 0..count {
            self.serial += 1;
            commands.push(self.clients[nth].any_command(&mut self.random, self.serial));
        }
        let client = &self.clients[nth];
        client.write(&self.nets[client.shard], &commands);
    }

    fn come_to_rest(&mut self) {
        for _ in 0..2_000 {
            for shard in 0..self.shards.len() {
                self.turn(shard);
            }
            if self.clients.iter().all(Client::is_at_rest) {
                break;
            }
        }
        for client in &self.clients {
            assert!(client.is_at_rest(), "not answered: {client:?}");
        }
        for _ in 0..200 {
            for shard in 0..self.shards.len() {
                self.turn(shard);
            }
        }
    }

    /// Everybody has all that was published since it came, knows who is there, and hears who comes.
    fn check_rest(&mut self) {
        for client in &self.clients {
            for (channel, listened) in &client.listened {
                let all = self.seen.keys().filter(|(of, epoch, offset)| {
                    of == channel && *epoch == listened.epoch && *offset > listened.after
                });
                let all: BTreeSet<u64> = all.map(|(_, _, offset)| *offset).collect();
                assert_eq!(all, listened.got, "{channel} of {}", client.name);
            }
        }
        for channel in CHANNELS {
            let listens = |client: &&Client| client.listened.contains_key(channel);
            let here: BTreeSet<_> =
                self.clients.iter().filter(listens).map(|it| it.name.clone()).collect();
            let presence = self.ask(0, "presence", json!({ "channel": channel }));
            let listed = presence["presence"].as_object().unwrap();
            assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), here, "{channel}");
            let stats = self.ask(0, "presence_stats", json!({ "channel": channel }));
            assert_eq!(stats["num_clients"], here.len());
        }
        self.clients.iter_mut().for_each(|client| client.joined.clear());
        let (nets, random) = (&self.nets, &mut self.random);
        self.clients.push(Client::new(nets, random));
        let last = self.clients.len() - 1;
        self.ask(last, "subscribe", json!({ "channel": CHANNELS[0] }));
        self.come_to_rest();
        let name = self.clients[last].name.clone();
        for client in &self.clients[..last] {
            let hears = client.listened.get(CHANNELS[0]).is_some_and(|it| it.has_joins);
            let join = (CHANNELS[0].to_owned(), name.clone());
            assert_eq!(client.joined, Vec::from_iter(hears.then_some(join)), "{client:?}");
        }
    }

    /// Asks something and gives the result.
    fn ask(&mut self, nth: usize, method: &'static str, fields: Value) -> Value {
        let client = &mut self.clients[nth];
        let command = client.command(method, fields);
        client.write(&self.nets[client.shard], &[command]);
        self.come_to_rest();
        let (number, result) = &self.clients[nth].last_reply;
        assert_eq!(*number, self.clients[nth].number);
        result.clone()
    }
}
