//! Clients that act in the middle of a turn: the shard that has just sent them something is still at it
//! when they turn to another. So they see whether mail is posted before what they act on.

use std::cell::RefCell;
use std::rc::Rc;

use switchboard_hub::{ChannelName, Draft, Kind, OnGap, ShardId};
use switchboard_plane::sim::{ClientId, SimConfig, SimNet, SimPlane};
use switchboard_shard::{Command, Common, Shard};
use switchboard_ws::frame::{self, Opcode};

use crate::course::Course;
use crate::plan::Plan;
use crate::websocket::{MASK, WebSocket};

const CLIENTS: usize = 6;

/// Two shards, each with its own network. The other one can be turned while the own one is in its turn.
struct Pair {
    common: Common,
    own: Shard<SimPlane>,
    net: SimNet,
    other: Rc<RefCell<Shard<SimPlane>>>,
    other_net: SimNet,
}

impl Pair {
    fn new(seed: u64, plan: &Plan, sim: &SimConfig) -> Self {
        let common = plan.common();
        let shard = |id| {
            let (plane, net) = SimNet::new(seed, sim.clone());
            (Shard::new(plane, ShardId(id), &common, seed, 1_000), net)
        };
        let ((own, net), (other, other_net)) = (shard(0), shard(1));
        Self { common, own, net, other: Rc::new(RefCell::new(other)), other_net }
    }
}

/// Clients of one shard, each alone in a channel whose home is the other, publish there as soon as
/// they are sent anything. They must get it.
pub(crate) fn run(seed: u64) {
    let plan = Plan { shards: 2, ..Plan::roomy(seed) };
    let sim = SimConfig { faults: plan.faults, ..SimConfig::default() };
    let Pair { common, mut own, net, other, .. } = Pair::new(seed, &plan, &sim);
    let names = (0..).map(|nth| ChannelName::new(&format!("own:{seed}-{nth}")).unwrap());
    let names = names.filter(|name| common.router.home(name) == ShardId(1));
    let listeners: Vec<(ClientId, ChannelName)> = names
        .take(CLIENTS)
        .map(|name| {
            let id = net.connect(([127, 0, 0, 1], 1_024).into());
            let course = Course::new(vec![name.as_str().to_owned()], OnGap::Now);
            let (_, request) = WebSocket::new(&course, false);
            net.write(id, request.as_bytes());
            (id, name)
        })
        .collect();

    let mut waiting = listeners.clone();
    let (turned, handle) = (Rc::clone(&other), common.handles[1].clone());
    net.on_send(move |client| {
        let Some(nth) = waiting.iter().position(|(id, _)| *id == client) else { return };
        let (_, name) = waiting.swap_remove(nth);
        let draft = Draft::new(Kind::Text, name.as_str().as_bytes());
        handle.send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
        turned.borrow_mut().turn(1_000).unwrap();
    });
    for now_ms in 1_000..1_200 {
        own.turn(now_ms).unwrap();
        other.borrow_mut().turn(now_ms).unwrap();
    }
    for (client, name) in listeners {
        let bytes = net.read(client);
        assert!(bytes.starts_with(b"HTTP/1.1 101 "));
        assert!(bytes.ends_with(name.as_str().as_bytes()), "seed {seed}: {name:?} got nothing");
    }
}

/// A client that could not keep up gets, in the stage in which it is published, what another client of
/// its shard says. By then the other shard has been told: its own listener has it after one turn.
pub(crate) fn catch_up(seed: u64) {
    let plan = Plan { shards: 2, ..Plan::roomy(seed) };
    let sim = SimConfig { room_bytes: 4_096, ..SimConfig::default() };
    let Pair { common, mut own, net, other, other_net } = Pair::new(seed, &plan, &sim);
    let mut names = (0..).map(|nth| ChannelName::new(&format!("demo:{seed}-{nth}")).unwrap());
    let name = names.find(|name| common.router.home(name) == ShardId(0)).unwrap();

    let listen = |net: &SimNet| {
        let id = net.connect(([127, 0, 0, 1], 1_024).into());
        let course = Course::new(vec![name.as_str().to_owned()], OnGap::Now);
        net.write(id, WebSocket::new(&course, false).1.as_bytes());
        id
    };
    let (publisher, slow, far) = (listen(&net), listen(&net), listen(&other_net));
    let mut now_ms = 1_000;
    let mut turn_all = |own: &mut Shard<SimPlane>| {
        for _ in 0..20 {
            now_ms += 1;
            own.turn(now_ms).unwrap();
            other.borrow_mut().turn(now_ms).unwrap();
        }
    };
    turn_all(&mut own);
    net.stall(slow, true);
    let draft = Draft::new(Kind::Text, &[b'x'; 9_000]);
    let name = name.clone();
    common.handles[0].send(Command::Publish { name, draft, reply: Box::new(|_| ()) });
    turn_all(&mut own);

    let seen = Rc::new(RefCell::new(Vec::new()));
    let (turned, log, own_net) = (Rc::clone(&other), Rc::clone(&seen), net.clone());
    net.on_send(move |client| {
        if client == slow && own_net.read(slow).ends_with(b"at once") {
            turned.borrow_mut().turn(1_100).unwrap();
            log.borrow_mut().push(other_net.read(far).ends_with(b"at once"));
        }
    });
    let mut bytes = Vec::new();
    frame::write(&mut bytes, Opcode::Text, b"at once", MASK);
    net.write(publisher, &bytes);
    net.stall(slow, false);
    own.turn(1_100).unwrap();
    assert_eq!(*seen.borrow(), [true], "seed {seed}: it is told before the other shard");
}
