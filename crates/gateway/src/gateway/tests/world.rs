//! Nodes of one shard each, and the engine that they share.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use switchboard_cluster::{Layout, Place, Prefix, PublishingRules};
use switchboard_hub::{
    Accounting, ChannelName, Condition, Draft, Hub, Kind, Limits, Message, NamespaceId, Namespaces,
    OnGap, Outbox, Position, Published, ReplyTo, Router, Rules, ShardId, Start, Subscriber,
    Subscription, Work, WorkKind,
};

use super::super::Gateway;
use super::engine::Engine;
use crate::{Call, Out, Reply, Sharing};

const SHARD: ShardId = ShardId(0);
const GATEWAY: ShardId = ShardId(1);

pub(super) fn name(text: &str) -> ChannelName {
    ChannelName::new(text).unwrap()
}

/// What a client of a shard has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Payload(String),
    Deleted,
    Joined,
    Missed,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) gateway: Gateway,
    shard: Hub,
    work: Work,
    pub(super) got: Vec<Got>,
    pub(super) published: Vec<Published>,
    /// How often it heard that the gateway has come as far as it was asked.
    pub(super) reached: u32,
    pub(super) buckets: BTreeSet<Place>,
    pub(super) is_connected: bool,
    /// What the engine repeats does not arrive.
    pub(super) is_deaf: bool,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) nodes: Vec<Node>,
    pub(super) now_ms: u64,
    sharing: Sharing,
}

impl World {
    pub(super) fn new(nodes: u64) -> Self {
        let sharing = Sharing { prefix: Prefix::default(), layout: Layout::new(1, 4).unwrap() };
        let node = |seed| Node::new(seed, &sharing);
        let nodes = (1..=nodes).map(node).collect();
        let engine = Engine::default();
        let mut world = Self { engine, nodes, now_ms: 1_000, sharing };
        for node in 0..world.nodes.len() {
            world.connect(node);
        }
        world.run(1_000);
        world
    }

    pub(super) fn connect(&mut self, node: usize) {
        let mut out = Out::default();
        self.nodes[node].is_connected = true;
        self.nodes[node].gateway.on_connected(self.now_ms, 1 << 20, &mut out);
        self.finish(node, out);
    }

    pub(super) fn disconnect(&mut self, node: usize) {
        self.nodes[node].is_connected = false;
        self.nodes[node].buckets.clear();
        self.nodes[node].gateway.on_disconnected();
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms <= until_ms {
            for node in 0..self.nodes.len() {
                let mut out = Out::default();
                self.nodes[node].gateway.work(self.now_ms, &mut out);
                self.finish(node, out);
            }
            self.now_ms += 10;
        }
    }

    /// A client of a node's shard subscribes.
    pub(super) fn subscribe(&mut self, node: usize, channel: &str, start: Start) -> Subscription {
        let mut mail = Outbox::new();
        let who = Subscriber { conn: 7, nth: 0, form: 0 };
        let shard = &mut self.nodes[node].shard;
        let mut subscription = shard.subscribe(self.now_ms, &name(channel), who, &mut mail);
        if start != Start::Now {
            let cursor = shard.cursor(subscription);
            subscription = shard.block(subscription, cursor).0;
        }
        self.hand_over(node, mail);
        self.run(500);
        if start != Start::Now {
            self.nodes[node].begin(self.now_ms, subscription, &start);
        }
        subscription
    }

    pub(super) fn publish(&mut self, node: usize, channel: &str, payload: &str) {
        let mut mail = Outbox::new();
        let draft = Draft::new(Kind::Text, payload.as_bytes());
        let to = ReplyTo { shard: SHARD, conn: 7, generation: 1, request: 1 };
        let shard = &mut self.nodes[node].shard;
        assert_eq!(shard.publish(self.now_ms, &name(channel), draft, Some(to), &mut mail), None);
        self.hand_over(node, mail);
    }

    /// A client of a node's shard has been further than its mirror.
    pub(super) fn reach(&mut self, node: usize, channel: &str, position: Position) {
        let to = ReplyTo { shard: SHARD, conn: 7, generation: 1, request: 0 };
        let message = Message::Reach { name: name(channel), position, to };
        self.hand_over(node, vec![(GATEWAY, message)]);
    }

    /// A program publishes under a key.
    pub(super) fn publish_once(&mut self, node: usize, key: &str) -> Published {
        let condition = Condition { key: Some(key.into()), version: None };
        let draft = Draft::new(Kind::Text, key.as_bytes());
        self.ask(node, |gateway, now_ms, reply, out| {
            gateway.publish(now_ms, name("a"), (draft, condition), reply, out);
        })
    }

    /// A program asks a node's gateway something, and is answered within two seconds.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        node: usize,
        question: impl FnOnce(&mut Gateway, u64, Reply<T>, &mut Out),
    ) -> T {
        let (reply, answer): (Reply<T>, Receiver<T>) = {
            let (sender, answer) = channel();
            (Box::new(move |value| sender.send(value).unwrap()), answer)
        };
        let mut out = Out::default();
        question(&mut self.nodes[node].gateway, self.now_ms, reply, &mut out);
        self.finish(node, out);
        self.run(2_000);
        answer.try_recv().expect("an answer")
    }

    pub(super) fn hand_over(&mut self, node: usize, mail: Outbox) {
        let mut out = Out::default();
        for (to, message) in mail {
            assert_eq!(to, GATEWAY);
            self.nodes[node].gateway.handle(self.now_ms, message, &mut out);
        }
        self.finish(node, out);
    }

    /// Does what a gateway wants, and what follows from it.
    fn finish(&mut self, node: usize, out: Out) {
        let mut all = VecDeque::from([(node, out)]);
        while let Some((node, Out { mail, replies, calls })) = all.pop_front() {
            let answer = self.nodes[node].hear(self.now_ms, mail);
            for reply in replies {
                reply();
            }
            for call in calls {
                if self.nodes[node].is_connected {
                    all.extend(self.call(node, call));
                }
            }
            if !answer.is_empty() {
                let mut out = Out::default();
                for (_, message) in answer {
                    self.nodes[node].gateway.handle(self.now_ms, message, &mut out);
                }
                all.push_back((node, out));
            }
        }
    }

    fn call(&mut self, node: usize, call: Call) -> Vec<(usize, Out)> {
        let (now_ms, mut out) = (self.now_ms, Out::default());
        match call {
            Call::Ask { stream, asker, request } => {
                let subjects = self.sharing.subjects(None);
                let answer = self.engine.answer(&subjects, &request);
                self.nodes[node].gateway.on_answer(now_ms, stream, asker, answer, &mut out);
            }
            Call::Publish(send) => {
                let (sequence, repeated) = self.engine.store(&send.outgoing);
                self.nodes[node].gateway.on_stored(now_ms, send.id, sequence, &mut out);
                let mut all = vec![(node, out)];
                for listener in 0..self.nodes.len() {
                    all.extend(repeated.as_ref().map(|stored| {
                        let (subject, headers) = stored.repeated();
                        (listener, self.repeat(listener, &subject, &headers, &stored.payload))
                    }));
                }
                return all;
            }
            Call::Subscribe(namespace, place) => {
                self.nodes[node].buckets.insert(place);
                self.nodes[node].gateway.on_live(now_ms, namespace, place);
            }
            Call::Unsubscribe(_, place) => {
                self.nodes[node].buckets.remove(&place);
            }
        }
        vec![(node, out)]
    }

    fn repeat(
        &mut self,
        node: usize,
        subject: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Out {
        let mut out = Out::default();
        let place = self.sharing.subjects(None).parse(switchboard_cluster::Direction::Out, subject);
        let Ok(switchboard_cluster::Named::Channel { place, .. }) = place else { return out };
        let node = &mut self.nodes[node];
        if node.is_connected && !node.is_deaf && node.buckets.contains(&place) {
            let what = (NamespaceId::DEFAULT, subject);
            node.gateway.on_republished(self.now_ms, what, headers, payload, &mut out);
        }
        out
    }
}

impl Node {
    fn new(seed: u64, sharing: &Sharing) -> Self {
        let router = Router::to(GATEWAY);
        let rules = Arc::new(Namespaces::<Rules>::default());
        let accounting = Arc::new(Accounting::default());
        let limits = Limits::default();
        let gateway = Gateway::new(
            GATEWAY,
            (Arc::clone(&rules), limits.clone()),
            sharing,
            PublishingRules::default(),
            seed,
            Arc::clone(&accounting),
            router.clone(),
        );
        Self {
            gateway: gateway.unwrap(),
            shard: Hub::new(SHARD, router, rules, limits, seed, accounting),
            work: Work::default(),
            got: Vec::new(),
            published: Vec::new(),
            reached: 0,
            buckets: BTreeSet::new(),
            is_connected: false,
            is_deaf: false,
        }
    }

    /// The shard reads its mail and serves its clients. Returns what it has for the gateway.
    fn hear(&mut self, now_ms: u64, mail: Outbox) -> Outbox {
        let mut answer = Outbox::new();
        for (to, message) in mail {
            assert_eq!(to, SHARD);
            match message {
                Message::Published { published, .. } => self.published.push(published),
                Message::Reached { .. } => self.reached += 1,
                message => self.shard.handle(now_ms, message, &mut answer),
            }
        }
        self.shard.tick(now_ms, &mut answer);
        while self.shard.next_work(64, 1 << 20, &mut self.work) {
            for _ in &self.work.targets {
                match &self.work.kind {
                    WorkKind::Deliver => self.got.extend(self.work.publications.iter().map(text)),
                    WorkKind::Deleted => self.got.push(Got::Deleted),
                    WorkKind::Joined => self.got.push(Got::Joined),
                    WorkKind::Lagged | WorkKind::Skipped { .. } => self.got.push(Got::Missed),
                }
            }
            if matches!(self.work.kind, WorkKind::Deleted | WorkKind::Lagged) {
                for (_, subscription) in std::mem::take(&mut self.work.targets) {
                    self.shard.unsubscribe(now_ms, subscription, &mut answer);
                }
            }
        }
        answer
    }

    /// A subscriber gets what it begins with.
    fn begin(&mut self, now_ms: u64, subscription: Subscription, start: &Start) {
        let begin = self.shard.begin(now_ms, subscription.channel, start, OnGap::Now).unwrap();
        if begin.gap.is_some() {
            self.got.push(Got::Missed);
        }
        let mut publications = Vec::new();
        self.shard.copy_after(subscription.channel, begin.cursor, 1 << 20, &mut publications);
        self.got.extend(publications.iter().map(text));
    }

    pub(super) fn payloads(&self) -> Vec<&str> {
        let payload = |got: &Got| matches!(got, Got::Payload(_));
        let all = self.got.iter().filter(|got| payload(got));
        all.map(|got| if let Got::Payload(text) = got { text.as_str() } else { "" }).collect()
    }
}

fn text(publication: &Arc<switchboard_hub::Publication>) -> Got {
    Got::Payload(String::from_utf8(publication.payload().to_vec()).unwrap())
}
