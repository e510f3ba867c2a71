//! Shards, their simulated networks, the clients, and time.

use std::sync::{Arc, Mutex, MutexGuard};

use switchboard_hub::{Accounting, ChannelName, Draft, Kind, Position, Router, ShardId};
use switchboard_plane::sim::{SimConfig, SimNet, SimPlane};
use switchboard_shard::{Command, Handle, Next, Shard};

use crate::client::Client;
use crate::course::Facts;
use crate::plan::{LOBBY, Plan};
use crate::random::Random;
use crate::record::{Record, payload};

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) now_ms: u64,
    pub(crate) shards: Vec<Shard<SimPlane>>,
    pub(crate) nets: Vec<SimNet>,
    pub(crate) handles: Vec<Handle>,
    router: Router,
    pub(crate) accounting: Arc<Accounting>,
    pub(crate) clients: Vec<Client>,
    pub(crate) record: Arc<Mutex<Record>>,
    /// Publications made, which are their numbers too.
    pub(crate) serial: u64,
    /// Publications that somebody must answer.
    pub(crate) asked: u64,
    next_port: u16,
    pub(crate) stopping: bool,
}

impl World {
    pub(crate) fn new(seed: u64, plan: &Plan) -> Self {
        let common = plan.common();
        let (mut shards, mut nets) = (Vec::new(), Vec::new());
        for id in 0..plan.shards {
            let sim = SimConfig { room_bytes: 4_096, faults: plan.faults, ..SimConfig::default() };
            let (plane, net) = SimNet::new(seed * 31 + u64::from(id), sim);
            shards.push(Shard::new(plane, ShardId(id), &common, seed, 1_000));
            nets.push(net);
        }
        let mut random = Random::new(seed);
        Self {
            clients: (0..plan.clients).map(|nth| Client::new(nth, &mut random)).collect(),
            random,
            plan: plan.clone(),
            now_ms: 1_000,
            shards,
            nets,
            handles: common.handles,
            router: common.router,
            accounting: common.accounting,
            record: Arc::new(Mutex::new(Record::new(plan.offset_skip_max))),
            serial: 0,
            asked: 0,
            next_port: 1_024,
            stopping: false,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn home(&self, channel: &str) -> (&Handle, ChannelName) {
        let name = ChannelName::new(channel).unwrap();
        (&self.handles[usize::from(self.router.home(&name).0)], name)
    }

    /// The backend publishes.
    pub(crate) fn publish(&mut self, channel: &str, filler: usize) {
        self.serial += 1;
        self.asked += 1;
        let serial = self.serial;
        let text = payload(channel, serial, filler);
        let kind = if serial.is_multiple_of(7) { Kind::Binary } else { Kind::Text };
        let (record, own) = (Arc::clone(&self.record), channel.to_owned());
        let (home, name) = self.home(channel);
        home.send(Command::Publish {
            name,
            draft: Draft::new(kind, text.as_bytes()),
            reply: Box::new(move |published| {
                let position = published.unwrap().position;
                record.lock().unwrap().note(&own, position, serial);
            }),
        });
    }

    pub(crate) fn delete(&mut self, channel: &str) {
        let (home, name) = self.home(channel);
        home.send(Command::Delete { name, reply: Box::new(|_| ()) });
    }

    /// A client publishes to the lobby. What became of it is asked of the home before anybody reads
    /// it, so one at a time.
    pub(crate) fn publish_from_client(&mut self) {
        self.settle();
        let before = self.position(LOBBY);
        self.serial += 1;
        let text = payload(LOBBY, self.serial, 1);
        let nets = &self.nets;
        let mut publish = |client: &mut Client| {
            let shard = client.line.as_ref().map(|line| line.shard);
            shard.is_some_and(|shard| client.publish(&nets[shard], text.as_bytes()))
        };
        if !self.clients.iter_mut().any(&mut publish) {
            return;
        }
        for _ in 0..200 {
            self.turn_all();
            let after = self.position(LOBBY);
            if after != before {
                let serial = self.serial;
                self.asked += 1;
                self.record().note(LOBBY, after.unwrap(), serial);
                return;
            }
        }
    }

    /// Where a channel stands, as its home says.
    pub(crate) fn position(&mut self, channel: &str) -> Option<Position> {
        let found = Arc::new(Mutex::new(None));
        let (home, name) = self.home(channel);
        let answer = Arc::clone(&found);
        home.send(Command::Report {
            name,
            reply: Box::new(move |report| *answer.lock().unwrap() = report.home),
        });
        self.turn_all();
        let report = found.lock().unwrap().take();
        report.map(|home| home.position).filter(|position| position.offset > 0)
    }

    /// A client without a line connects to some shard.
    pub(crate) fn connect(&mut self, nth: usize) {
        let shard = self.random.below(self.shards.len());
        self.next_port = 1_024 + (self.next_port - 1_023) % 60_000;
        let record = self.record.lock().unwrap();
        let facts = Facts { record: &record, plan: &self.plan, is_watched: !self.stopping };
        let net = (&self.nets[shard], shard);
        let random = &mut self.random;
        self.clients[nth].connect(net, self.next_port, random, facts, self.now_ms);
    }

    /// A poll asks again.
    pub(crate) fn poll(&mut self, nth: usize) {
        let Some(shard) = self.clients[nth].line.as_ref().map(|line| line.shard) else { return };
        let record = self.record.lock().unwrap();
        let facts = Facts { record: &record, plan: &self.plan, is_watched: !self.stopping };
        self.clients[nth].poll(&self.nets[shard], &mut self.random, facts, self.now_ms);
    }

    pub(crate) fn leave(&mut self, nth: usize, way: usize) {
        let Some(line) = &self.clients[nth].line else { return };
        let net = &self.nets[line.shard];
        self.clients[nth].leave(net, way);
    }

    pub(crate) fn stall(&mut self, nth: usize, stalled: bool) {
        let Some(line) = &self.clients[nth].line else { return };
        let net = &self.nets[line.shard];
        self.clients[nth].stall(net, stalled);
    }

    /// One turn of a shard, unread.
    pub(crate) fn turn_unread(&mut self, shard: usize) -> Next {
        self.now_ms += 1;
        self.shards[shard].turn(self.now_ms).unwrap()
    }

    pub(crate) fn turn_all(&mut self) {
        for shard in 0..self.shards.len() {
            self.turn_unread(shard);
        }
    }

    /// All clients read what arrived.
    pub(crate) fn read(&mut self) {
        let record = self.record.lock().unwrap();
        let facts = Facts { record: &record, plan: &self.plan, is_watched: !self.stopping };
        for client in &mut self.clients {
            let Some(line) = &client.line else { continue };
            client.read(&self.nets[line.shard], facts);
        }
    }

    /// Turns all shards until none has anything to do.
    pub(crate) fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..5_000 {
            let mut rests = true;
            for shard in 0..self.shards.len() {
                let next = self.turn_unread(shard);
                self.read();
                rests &= matches!(next, Next::At(_));
            }
            quiet = if rests { quiet + 1 } else { 0 };
            // What one says in its last turn may wake another.
            if quiet == 3 {
                return;
            }
        }
        panic!("the shards do not come to rest");
    }
}
