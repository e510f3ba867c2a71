//! Several hubs and a carrier that delivers when it likes, in order from each to each.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::model::{Station, Truth};
use super::op::{CHANNELS, Op, limits, narrowed, op, rules};
use super::*;

struct Mesh {
    names: Vec<ChannelName>,
    hubs: Vec<Hub>,
    stations: Vec<Station>,
    /// What is in flight, by sender and receiver.
    wires: HashMap<(usize, usize), VecDeque<Message>>,
    truth: Truth,
    accounting: Arc<Accounting>,
    now_ms: u64,
    published: u64,
    /// The furthest that each stream was seen to stand.
    heads: HashMap<(ChannelName, Epoch), u64>,
}

impl Mesh {
    /// The channel with index i lives on hub i modulo their number.
    fn new(hubs: usize, rules: Rules, limits: &Limits) -> Self {
        let router = Router::new(hubs as u16);
        let accounting = Arc::new(Accounting::default());
        let find = |channel: usize| {
            let home = ShardId((channel % hubs) as u16);
            let mut names = (0..).map(|i| name(&format!("{channel}:{i}")));
            names.find(|name| router.home(name) == home).unwrap()
        };
        let named = |channel: usize| {
            (channel.to_string(), Rules { slow_policy: Self::policy(channel), ..rules })
        };
        let namespaces = (0..CHANNELS).map(named).collect();
        let namespaces = Arc::new(Namespaces::new(Rules::default(), namespaces, true));
        let hub = |id: usize| {
            let (id, router, namespaces) = (ShardId(id as u16), router.clone(), namespaces.clone());
            Hub::new(id, router, namespaces, limits.clone(), 7, Arc::clone(&accounting))
        };
        Self {
            names: (0..CHANNELS).map(find).collect(),
            hubs: (0..hubs).map(hub).collect(),
            stations: (0..hubs).map(|_| Station::default()).collect(),
            wires: HashMap::new(),
            truth: Truth::default(),
            accounting,
            now_ms: 0,
            published: 0,
            heads: HashMap::new(),
        }
    }

    fn policy(channel: usize) -> SlowPolicy {
        [SlowPolicy::Disconnect, SlowPolicy::Skip, SlowPolicy::Latest][channel / 2 % 3]
    }

    /// Lets one hub do something and puts on the wires what it sends.
    fn at<R>(
        &mut self,
        hub: usize,
        act: impl FnOnce(&mut Hub, &mut Station, &mut Truth, u64, &mut Outbox) -> R,
    ) -> R {
        let mut out = Outbox::new();
        let station = &mut self.stations[hub];
        let result = act(&mut self.hubs[hub], station, &mut self.truth, self.now_ms, &mut out);
        self.stations[hub].look(&self.hubs[hub]);
        invariants::assert_sound(&self.hubs[hub]);
        for (to, message) in out {
            let to = usize::from(to.0);
            assert_ne!(to, hub, "a message to itself");
            self.wires.entry((hub, to)).or_default().push_back(message);
        }
        self.watch_streams();
        result
    }

    fn watch_streams(&mut self) {
        for (channel, name) in self.names.iter().enumerate() {
            let home = &self.hubs[channel % self.hubs.len()];
            if let Some(home) = home.report(self.now_ms, name).home {
                let seen = self.heads.entry((name.clone(), home.position.epoch)).or_default();
                assert!(home.position.offset >= *seen);
                *seen = home.position.offset;
            }
        }
    }

    fn apply(&mut self, op: &Op) {
        let hubs = self.hubs.len();
        match *op {
            Op::Subscribe { hub, channel } => {
                let name = self.names[channel].clone();
                self.at(hub % hubs, |hub, station, _, now, out| {
                    station.subscribe(hub, now, &name, Self::policy(channel), out);
                });
            }
            Op::Unsubscribe { hub, nth } => self.at(hub % hubs, |hub, station, _, now, out| {
                if let Some(conn) = station.pick(None, nth) {
                    station.unsubscribe(hub, now, conn, out);
                }
            }),
            Op::Publish { hub, channel, count, bytes } => {
                for _ in 0..count {
                    self.publish(hub % hubs, channel, bytes);
                }
            }
            Op::Delete { channel } => {
                let name = self.names[channel].clone();
                self.at(channel % hubs, |hub, _, _, _, out| hub.delete_home(&name, out));
            }
            Op::Carry { from, to, count } => {
                for _ in 0..count {
                    self.carry(from % hubs, to % hubs);
                }
            }
            Op::Work { hub, sends_max, bytes_max, full } => {
                self.at(hub % hubs, |hub, station, truth, now, out| {
                    station.work(hub, now, (sends_max, bytes_max, full), truth, out)
                });
            }
            Op::Pull { hub, nth, bytes_max } => {
                self.at(hub % hubs, |hub, station, truth, now, out| {
                    if let Some(conn) = station.pick(Some(true), nth) {
                        station.pull(hub, now, (conn, bytes_max), truth, out);
                    }
                });
            }
            Op::Unblock { hub, nth } => self.at(hub % hubs, |hub, station, _, _, _| {
                if let Some(conn) = station.pick(Some(true), nth) {
                    station.unblock(hub, conn);
                }
            }),
            Op::Tick { hub, passed_ms } => {
                self.now_ms += passed_ms;
                self.at(hub % hubs, |hub, _, _, now, out| hub.tick(now, out));
            }
        }
    }

    fn publish(&mut self, hub: usize, channel: usize, bytes: usize) {
        self.published += 1;
        let name = self.names[channel].clone();
        let mut payload = format!("{name}/{}/", self.published).into_bytes();
        payload.resize(payload.len() + bytes, b'x');
        let draft = Draft::new(Kind::Binary, &payload);
        self.at(hub, |hub, _, _, now, out| {
            hub.publish(now, &name, draft, out);
        });
    }

    fn carry(&mut self, from: usize, to: usize) -> bool {
        let Some(message) = self.wires.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
            return false;
        };
        self.at(to, |hub, _, _, now, out| hub.handle(now, message, out));
        true
    }

    /// Lets everything come to rest: all that is in flight arrives, all can take everything.
    fn rest(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for from in 0..self.hubs.len() {
                for to in 0..self.hubs.len() {
                    while self.carry(from, to) {
                        busy = true;
                    }
                }
                busy |= self.at(from, |hub, station, truth, now, out| {
                    let mut worked = false;
                    while station.work(hub, now, (256, 1 << 16, 0), truth, out) {
                        worked = true;
                    }
                    while let Some(conn) = station.pick(Some(true), 0) {
                        worked = true;
                        while !station.pull(hub, now, (conn, 100), truth, out) {}
                        if station.listeners.contains_key(&conn) {
                            station.unblock(hub, conn);
                        }
                    }
                    worked
                });
            }
        }
    }

    /// Everybody has everything, and the home knows their number.
    fn assert_served(&mut self) {
        for (channel, name) in self.names.clone().into_iter().enumerate() {
            let home = &self.hubs[channel % self.hubs.len()];
            let stand = home.report(self.now_ms, &name).home.map(|home| home.position);
            let mut count = 0;
            for station in &self.stations {
                for listener in station.listeners.values().filter(|l| l.name == name) {
                    assert!(!listener.doomed, "nobody told it of the deletion");
                    assert_eq!(listener.at, stand, "not all came to a listener of {name}");
                    count += 1;
                }
            }
            self.published += 1;
            let draft = Draft::new(Kind::Binary, format!("{name}/end").as_bytes());
            let receipt = self.at(channel % self.hubs.len(), |hub, _, _, now, out| {
                hub.publish_home(now, &name, draft, out)
            });
            assert_eq!(receipt.subscribers, count, "the home counts wrongly");
            assert_eq!(receipt.subscribed, count > 0);
        }
        let heads: u64 = self.heads.values().sum();
        assert_eq!(heads, self.published, "a publication was lost or doubled");
    }

    /// When all have gone and time has passed, nothing is left.
    fn assert_nothing_stays(mut self) {
        for hub in 0..self.hubs.len() {
            self.at(hub, |hub, station, _, now, out| {
                while let Some(conn) = station.pick(None, 0) {
                    station.unsubscribe(hub, now, conn, out);
                }
            });
        }
        for _ in 0..4 {
            self.rest();
            self.now_ms += 1_000_000;
            for hub in 0..self.hubs.len() {
                self.at(hub, |hub, _, _, now, out| hub.tick(now, out));
            }
        }
        for hub in &self.hubs {
            assert_eq!((hub.channels(), hub.log_bytes()), (0, 0));
            assert_eq!((hub.dirty.len(), hub.presence.len()), (0, 0));
        }
        self.rest();
        drop(self.stations);
        assert_eq!((self.accounting.count(), self.accounting.bytes()), (0, 0));
    }
}

fn run(hubs: usize, rules: Rules, limits: &Limits, ops: &[Op]) {
    let mut mesh = Mesh::new(hubs, rules, limits);
    for op in ops {
        mesh.apply(op);
    }
    mesh.rest();
    mesh.now_ms += 1000;
    for hub in 0..hubs {
        mesh.at(hub, |hub, _, _, now, out| hub.tick(now, out));
    }
    mesh.rest();
    mesh.assert_served();
    mesh.rest();
    mesh.assert_nothing_stays();
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn one_hub_serves_everybody_exactly(
        rules in rules(),
        limits in limits(),
        ops in prop::collection::vec(op(), 1..200),
    ) {
        run(1, rules, &limits, &ops);
    }

    #[test]
    fn hubs_that_hear_of_each_other_late_serve_everybody_exactly(
        rules in rules(),
        limits in limits(),
        ops in prop::collection::vec(op(), 1..250),
    ) {
        run(3, rules, &limits, &ops);
    }

    #[test]
    fn two_hubs_where_everything_meets(
        rules in rules(),
        limits in limits(),
        ops in prop::collection::vec(op(), 1..250),
    ) {
        let ops: Vec<Op> = ops.into_iter().map(narrowed).collect();
        run(2, rules, &limits, &ops);
    }
}
