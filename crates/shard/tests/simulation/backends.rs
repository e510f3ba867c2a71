//! Backends on the internal API, while the mail between shards crosses in every order: publications by
//! requests, in batches and on publishing streams, cut anywhere, sent before the answers to those before
//! have come. Every answer is there once, in order and with a position that only grows; a listener has
//! heard each publication that was answered with one.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use switchboard_hub::{OnGap, Position, ShardId};
use switchboard_plane::Reserved;
use switchboard_plane::sim::{ClientId, SimConfig, SimNet, SimPlane};
use switchboard_shard::{ApiRequest, ApiResponse, Reply, RequestHandler, Shard};
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::course::Course;
use crate::http::Head;
use crate::plan::{INTERNAL, Plan};
use crate::random::Random;
use crate::websocket::{MASK, WebSocket};

const CHANNELS: [&str; 3] = ["one", "two", "three"];
const REQUESTS: usize = 12;
const BACKENDS: usize = 5;

/// Answers requests later, when the test wants it.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<VecDeque<Reply<ApiResponse>>>>);

impl RequestHandler for Waiting {
    fn handle(&self, request: ApiRequest, reply: Reply<ApiResponse>) {
        assert_eq!(request.uri().path(), "/slow");
        self.0.lock().unwrap().push_back(reply);
    }
}

/// What is to come for something that a backend has sent.
#[derive(Debug)]
enum Due {
    /// An answer with this status, and one publication where that is 202.
    Answer(u16),
    /// Results of so many publications; `None` is one that is refused.
    Results(Vec<Option<&'static str>>),
    /// What the handler says.
    Handler,
}

struct Backend {
    shard: usize,
    id: ClientId,
    is_stream: bool,
    unsent: VecDeque<u8>,
    due: VecDeque<Due>,
    received: Vec<u8>,
    receiver: Receiver,
    channels: VecDeque<&'static str>,
    last: HashMap<&'static str, Position>,
    published: usize,
}

pub(crate) fn run(seed: u64) {
    let plan = Plan { shards: 2, ..Plan::roomy(seed) };
    let mut random = Random::new(seed);
    let waiting = Waiting::default();
    let common = plan.common_with(Box::new(waiting.clone()));
    let reserved = Reserved { first_listener: INTERNAL, slots: 64 };
    let sim = SimConfig { faults: plan.faults, reserved, ..SimConfig::default() };
    let (mut shards, mut nets): (Vec<Shard<SimPlane>>, Vec<SimNet>) = (Vec::new(), Vec::new());
    for id in 0..plan.shards {
        let (plane, net) = SimNet::new(seed * 31 + u64::from(id), sim.clone());
        shards.push(Shard::new(plane, ShardId(id), &common, seed, 1_000));
        nets.push(net);
    }
    let listeners: Vec<_> = CHANNELS.iter().map(|name| listen(&nets[0], name)).collect();
    let mut now_ms = 1_000;
    let mut turn = |shards: &mut Vec<Shard<SimPlane>>| {
        now_ms += 1;
        for shard in shards {
            shard.turn(now_ms).unwrap();
        }
    };
    (0..50).for_each(|_| turn(&mut shards));
    let mut backends: Vec<_> = (0..BACKENDS)
        .map(|nth| {
            let shard = random.below(2);
            let id = nets[shard].connect_to(INTERNAL, ([127, 0, 0, 1], 2_000).into());
            Backend::new(shard, id, nth % 2 == 1, &mut random)
        })
        .collect();
    for _ in 0..4_000 {
        for backend in &mut backends {
            backend.send(&nets[backend.shard], &mut random);
        }
        turn(&mut shards);
        if random.one_in(3)
            && let Some(reply) = waiting.0.lock().unwrap().pop_front()
        {
            reply(ApiResponse::new(b"said".to_vec()));
        }
        for backend in &mut backends {
            backend.hear(&nets[backend.shard]);
        }
        if backends.iter().all(|backend| backend.due.is_empty()) {
            break;
        }
    }
    for backend in &backends {
        assert!(backend.due.is_empty(), "seed {seed}: {:?} did not come", backend.due.front());
    }
    (0..100).for_each(|_| turn(&mut shards));
    let heard: usize = listeners.iter().map(|id| count_messages(&nets[0].read(*id))).sum();
    let published: usize = backends.iter().map(|backend| backend.published).sum();
    assert_eq!(heard, published, "seed {seed}");
}

fn listen(net: &SimNet, channel: &str) -> ClientId {
    let id = net.connect(([127, 0, 0, 1], 1_024).into());
    let course = Course::new(vec![channel.to_owned()], OnGap::Now);
    net.write(id, WebSocket::new(&course, false).1.as_bytes());
    id
}

/// How many messages follow a 101.
fn count_messages(received: &[u8]) -> usize {
    let mut received = received.to_vec();
    assert_eq!(Head::take(&mut received).unwrap().status, 101);
    messages(&mut Receiver::default(), &mut received).len()
}

/// The text messages in what was received.
fn messages(receiver: &mut Receiver, received: &mut Vec<u8>) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    let limits = MessageLimits::default();
    while at < received.len() {
        let step = receiver.next(&mut received[at..], Role::Client, &limits).unwrap();
        at += step.consumed;
        match step.event {
            None => break,
            Some(Event::Text(text)) => found.push(text.to_owned()),
            Some(other) => panic!("{other:?}"),
        }
    }
    received.clear();
    found
}

impl Backend {
    fn new(shard: usize, id: ClientId, is_stream: bool, random: &mut Random) -> Self {
        let mut backend = Self {
            shard,
            id,
            is_stream,
            unsent: VecDeque::new(),
            due: VecDeque::new(),
            received: Vec::new(),
            receiver: Receiver::default(),
            channels: VecDeque::new(),
            last: HashMap::new(),
            published: 0,
        };
        if is_stream {
            backend.unsent.extend(
                b"GET /publish HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                  Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
            backend.due.push_back(Due::Answer(101));
        }
        for _ in 0..REQUESTS {
            if is_stream {
                backend.message(random);
            } else {
                backend.request(random);
            }
        }
        backend
    }

    fn request(&mut self, random: &mut Random) {
        let channel = *random.pick(&CHANNELS);
        match random.below(5) {
            0 => {
                self.unsent.extend(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
                self.due.push_back(Due::Handler);
            }
            1 => {
                let request = "POST /pub/a,b HTTP/1.1\r\nHost: localhost\r\n\
                               Content-Length: 3\r\n\r\nbad";
                self.unsent.extend(request.as_bytes());
                self.due.push_back(Due::Answer(400));
            }
            2 => {
                let (lines, results) = lines(random);
                let request = format!(
                    "POST /pub HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
                     Content-Type: application/x-ndjson\r\n\r\n{lines}",
                    lines.len()
                );
                self.unsent.extend(request.as_bytes());
                self.due.push_back(Due::Results(results));
            }
            3 => {
                let request = format!(
                    "PUT /pub/{channel} HTTP/1.1\r\nHost: localhost\r\n\
                     Transfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n3\r\n ho\r\n0\r\n\r\n"
                );
                self.publish(&request, channel);
            }
            _ => {
                let request = format!(
                    "POST /pub/{channel} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
                );
                self.publish(&request, channel);
            }
        }
    }

    fn publish(&mut self, request: &str, channel: &'static str) {
        self.unsent.extend(request.as_bytes());
        self.due.push_back(Due::Answer(201));
        self.channels.push_back(channel);
    }

    fn message(&mut self, random: &mut Random) {
        let (opcode, bytes, results) = if random.one_in(2) {
            let (lines, results) = lines(random);
            (Opcode::Text, lines.into_bytes(), results)
        } else {
            let (frames, results) = frames(random);
            (Opcode::Binary, frames, results)
        };
        let mut written = Vec::new();
        frame::write(&mut written, opcode, &bytes, MASK);
        self.unsent.extend(written);
        self.due.push_back(Due::Results(results));
    }

    /// Sends some of what is still to be sent.
    fn send(&mut self, net: &SimNet, random: &mut Random) {
        let most = if random.one_in(3) { 8 } else { 400 };
        let count = random.below(most).min(self.unsent.len());
        let bytes: Vec<u8> = self.unsent.drain(..count).collect();
        if !bytes.is_empty() {
            net.write(self.id, &bytes);
        }
    }

    fn hear(&mut self, net: &SimNet) {
        self.received.extend(net.read(self.id));
        let is_open = self.is_stream && !matches!(self.due.front(), Some(Due::Answer(101)));
        if is_open {
            for results in messages(&mut self.receiver, &mut self.received) {
                let Some(Due::Results(due)) = self.due.pop_front() else { panic!("{results}") };
                self.check(&results, due);
            }
            return;
        }
        while let Some((head, body)) = take_answer(&mut self.received) {
            match self.due.pop_front() {
                Some(Due::Answer(status)) => {
                    assert_eq!(head.status, status, "{body}");
                    if status == 201 {
                        let position =
                            body.lines().find_map(|line| line.strip_prefix("position: "));
                        let channel = self.channels.pop_front().unwrap();
                        self.note(channel, position.unwrap());
                    } else if status == 101 {
                        return;
                    }
                }
                Some(Due::Results(due)) => self.check(&body, due),
                Some(Due::Handler) => assert_eq!((head.status, &*body), (200, "said")),
                None => panic!("{head:?}"),
            }
        }
    }

    fn check(&mut self, results: &str, due: Vec<Option<&'static str>>) {
        assert_eq!(results.lines().count(), due.len(), "{results}");
        for (line, channel) in results.lines().zip(due) {
            let position = line.split_once("\"position\":\"").map(|(_, rest)| rest);
            let position = position.and_then(|rest| rest.split('"').next());
            assert_eq!(position.is_some(), channel.is_some(), "{line}");
            if let (Some(channel), Some(position)) = (channel, position) {
                self.note(channel, position);
            }
        }
    }

    /// A publication has this position, which is behind the one before it.
    fn note(&mut self, channel: &'static str, position: &str) {
        let position: Position = position.parse().unwrap();
        if let Some(before) = self.last.insert(channel, position) {
            assert_eq!(before.epoch, position.epoch);
            assert!(before.offset < position.offset, "{before} {position}");
        }
        self.published += 1;
    }
}

/// A whole answer.
fn take_answer(received: &mut Vec<u8>) -> Option<(Head, String)> {
    let mut rest = received.clone();
    let head = Head::take(&mut rest)?;
    let length = if head.status == 101 { 0 } else { head.body_bytes() };
    if rest.len() < length {
        return None;
    }
    let body = String::from_utf8(rest.drain(..length).collect()).unwrap();
    *received = rest;
    Some((head, body))
}

/// Lines of a batch, and what is to come of each.
fn lines(random: &mut Random) -> (String, Vec<Option<&'static str>>) {
    let (mut text, mut results) = (String::new(), Vec::new());
    // At times more than one turn handles.
    let count = if random.one_in(8) { 600 } else { random.below(5) };
    for _ in 0..count {
        if random.one_in(9) {
            text.push_str("no line\n");
            results.push(None);
        } else {
            let channel = *random.pick(&CHANNELS);
            let line = serde_json::json!({ "channel": channel, "data": "hi" });
            let _ = writeln!(text, "{line}");
            results.push(Some(channel));
        }
    }
    (text, results)
}

/// The same in the binary form.
fn frames(random: &mut Random) -> (Vec<u8>, Vec<Option<&'static str>>) {
    let (mut bytes, mut results) = (Vec::new(), Vec::new());
    for _ in 0..random.below(6) {
        let channel = *random.pick(&CHANNELS);
        bytes.push(channel.len() as u8);
        bytes.extend_from_slice(channel.as_bytes());
        bytes.extend_from_slice(b"\x01\x02hi");
        results.push(Some(channel));
    }
    if random.one_in(4) {
        bytes.extend_from_slice(b"\x09too short");
        results.push(None);
    }
    (bytes, results)
}
