//! Several hubs and a carrier that delivers when it likes, in order from each to each.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::model::Station;
use super::op::{Aim, CHANNELS, Op, limits, narrowed, op, rules};
use super::truth::Truth;
use super::*;
use crate::{OnGap, Start};

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
        let named = (0..CHANNELS).map(named);
        let namespaces = Arc::new(Namespaces::new(Rules::default(), named, true));
        let hub = |id: usize| {
            let (id, router, namespaces) = (ShardId(id as u16), router.clone(), namespaces.clone());
            Hub::new(id, router, namespaces, limits.clone(), 7, Arc::clone(&accounting))
        };
        let roomy = rules.tail.publications == 1024
            && rules.tail.bytes == 1 << 20
            && limits.shard_log_bytes_max == 1 << 26;
        Self {
            names: (0..CHANNELS).map(find).collect(),
            hubs: (0..hubs).map(hub).collect(),
            stations: (0..hubs).map(|_| Station::default()).collect(),
            wires: HashMap::new(),
            truth: Truth::new(roomy),
            accounting,
            now_ms: 0,
            published: 0,
        }
    }

    fn policy(channel: usize) -> SlowPolicy {
        [SlowPolicy::Disconnect, SlowPolicy::Skip, SlowPolicy::Latest][channel / 2 % 3]
    }

    /// Lets one hub do something and puts what it sends in flight.
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
            self.truth.watch(home, self.now_ms, name);
        }
        self.truth.whole = self.hubs.iter().all(|hub| hub.evicted() == 0);
    }

    fn start(&self, channel: usize, aim: &Aim) -> Start {
        let name = &self.names[channel];
        let after = |position: Option<Position>| position.map_or(Start::Now, Start::After);
        match *aim {
            Aim::At(start) => start,
            Aim::Remembered { nth, before } => {
                after(self.truth.remembered(name, nth).map(|position| Position {
                    offset: position.offset.saturating_sub(before),
                    ..position
                }))
            }
            Aim::Foreign => after(Some(Position { epoch: Epoch::from_random(77), offset: 3 })),
            Aim::Beyond(by) => {
                let home = self.hubs[channel % self.hubs.len()].report(self.now_ms, name).home;
                after(
                    home.map(|home| Position {
                        offset: home.position.offset + by,
                        ..home.position
                    }),
                )
            }
            Aim::Since { ago_ms } => Start::AfterSecond(self.now_ms.saturating_sub(ago_ms) / 1000),
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
            Op::Unsubscribe { hub, nth } => self.at(hub % hubs, |hub, station, truth, now, out| {
                if let Some(conn) = station.pick(false, nth) {
                    station.unsubscribe(hub, now, conn, truth, out);
                }
            }),
            Op::Resume { hub, channel, ref aim, on_gap } => {
                let name = self.names[channel].clone();
                let wants = (self.start(channel, aim), on_gap);
                self.at(hub % hubs, |hub, station, truth, now, out| {
                    let channel = (&name, Self::policy(channel));
                    station.resume(hub, now, channel, wants, truth, out);
                });
            }
            Op::Poll { hub, channel, ref aim, on_gap, bytes_max } => {
                let name = self.names[channel].clone();
                let wants = (self.start(channel, aim), on_gap);
                self.at(hub % hubs, |hub, _, truth, now, out| {
                    Station::poll(hub, now, &name, (wants, bytes_max), truth, out);
                });
            }
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
                    if let Some(conn) = station.pick(true, nth) {
                        station.pull(hub, now, (conn, bytes_max), truth, out);
                    }
                });
            }
            Op::Unblock { hub, nth } => self.at(hub % hubs, |hub, station, _, _, _| {
                if let Some(conn) = station.pick(true, nth) {
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
            hub.publish(now, &name, draft, None, out);
        });
    }

    fn carry(&mut self, from: usize, to: usize) -> bool {
        let Some(message) = self.wires.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
            return false;
        };
        self.at(to, |hub, _, _, now, out| hub.handle(now, message, out));
        true
    }

    /// Lets the mesh settle: all that is in flight arrives, all sockets have room.
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
                    while let Some(conn) = station.pick(true, 0) {
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
                    assert!(!listener.doomed, "it never heard of the deletion");
                    assert!(!listener.uninformed, "it never heard of the home's answer");
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
        let made = self.truth.publications();
        assert_eq!(made, self.published, "a publication was lost or doubled");
    }

    /// Once all mail has arrived, mirrors let a subscriber begin where the home does.
    fn assert_agreed(&self) {
        let aims = (0..8).map(|nth| Aim::Remembered { nth, before: nth as u64 % 3 });
        let seconds = (0..4).map(|n| Aim::Since { ago_ms: n * 700 });
        let words = [Start::Now, Start::Earliest, Start::Latest].map(Aim::At);
        for aim in aims.chain(seconds).chain(words).chain([Aim::Foreign, Aim::Beyond(1)]) {
            for (channel, name) in self.names.iter().enumerate() {
                let start = self.start(channel, &aim);
                let mut begins = Vec::new();
                for hub in &self.hubs {
                    let known = hub.find(name).filter(|&index| hub.position(index).is_some());
                    let on_gap = OnGap::Earliest;
                    begins.extend(
                        known.map(|index| {
                            self.truth.begin(hub, self.now_ms, index, (&start, on_gap))
                        }),
                    );
                }
                let agreed = begins.windows(2).all(|two| two[0] == two[1]);
                assert!(agreed || !self.truth.whole, "{start:?}: {begins:?}");
            }
        }
    }

    /// When all have left and time has passed, nothing is left.
    fn assert_nothing_stays(mut self) {
        for hub in 0..self.hubs.len() {
            self.at(hub, |hub, station, truth, now, out| {
                while let Some(conn) = station.pick(false, 0) {
                    station.unsubscribe(hub, now, conn, truth, out);
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
    mesh.assert_agreed();
    mesh.assert_served();
    mesh.rest();
    mesh.assert_agreed();
    mesh.assert_nothing_stays();
}

/// 600 cases, or as many more as the variable `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(600), failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(config())]

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
