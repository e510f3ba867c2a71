//! All nodes, the engine between them, and clients that listen on any of them.

use switchboard_cluster::{Body, Expiry, Fetched, Fill, Gap};
use switchboard_hub::{Epoch, Position};

use crate::broker::{Stream, View};
use crate::log::{Entry, serial_of};
use crate::network::{Call, Happening, Line, Network};
use crate::node::{Node, Out};
use crate::plan::{CHANNELS, Plan, Planted, channel, layout, subjects};
use crate::random::Random;
use crate::record::{Client, Record};

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) network: Network,
    /// By partition: which life it is in, and that.
    pub(crate) streams: Vec<(u64, Stream)>,
    /// Until when a partition has no leader, and until when one that was deposed may still answer.
    pub(crate) leaderless_until_ms: Vec<u64>,
    pub(crate) deposed_until_ms: Vec<u64>,
    pub(crate) subscriptions: Vec<(Line, switchboard_cluster::Place)>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) nodes_made: u64,
    /// When each node has something to do, and which have done something that clients may not have yet.
    due_ms: Vec<u64>,
    has_acted: Vec<bool>,
    pub(crate) clients: Vec<Client>,
    pub(crate) record: Record,
    pub(crate) serial: u64,
    pub(crate) gathered: u64,
    /// Nothing fails any more since then.
    pub(crate) calm_since_ms: Option<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: &Plan) -> Self {
        let partitions = usize::from(layout().partitions());
        let client = |index: usize| Client::new(CHANNELS[index % CHANNELS.len()]);
        let mut world = Self {
            now_ms: 0,
            plan: plan.clone(),
            random: Random::new(seed),
            network: Network::default(),
            streams: (0..partitions).map(|_| (0, Stream::default())).collect(),
            leaderless_until_ms: vec![0; partitions],
            deposed_until_ms: vec![0; partitions],
            subscriptions: Vec::new(),
            nodes: Vec::new(),
            nodes_made: 0,
            due_ms: vec![0; 3],
            has_acted: vec![false; 3],
            clients: (0..plan.clients).map(client).collect(),
            record: Record::default(),
            serial: 0,
            gathered: 0,
            calm_since_ms: None,
        };
        for _ in 0..3 {
            let node = world.new_node();
            world.nodes.push(node);
        }
        world
    }

    /// Its clock is like no other's.
    pub(crate) fn new_node(&mut self) -> Node {
        self.nodes_made += 1;
        let offset_ms = self.random.below(1_000_000) as u64;
        Node::new(self.now_ms, self.nodes_made, offset_ms, &self.plan)
    }

    /// Lets time pass, and all that happens meanwhile happen.
    pub(crate) fn advance(&mut self, by_ms: u64) {
        let until_ms = self.now_ms + by_ms;
        self.due_ms = self.nodes.iter().map(Node::due_ms).collect();
        loop {
            let due = self.due_ms.iter().copied();
            let next_ms = due.chain(self.network.next_ms()).min().unwrap_or(u64::MAX);
            if next_ms > until_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            while let Some(happening) = self.network.take(self.now_ms) {
                self.happen(happening);
            }
            for index in 0..self.nodes.len() {
                if self.due_ms[index] <= self.now_ms {
                    self.act(index, Node::work);
                }
            }
            self.feed();
        }
        self.now_ms = until_ms;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Call(line, call) => self.call(line, call),
            Happening::Finish { .. } => self.finish(happening),
            Happening::Delivery(line, delivery) => {
                let node = &self.nodes[line.node];
                if node.connection != line.connection || !node.is_connected {
                    return;
                }
                if node.frozen_until_ms > self.now_ms {
                    let at_ms = node.frozen_until_ms;
                    return self.network.put(at_ms, Happening::Delivery(line, delivery));
                }
                self.act(line.node, |node, now_ms, out| node.take(now_ms, delivery, out));
            }
            Happening::Reconnect(index) => {
                if !self.nodes[index].is_connected {
                    self.act(index, Node::on_connected);
                }
            }
        }
    }

    /// Lets a node do something, and sees to what it wants.
    pub(crate) fn act<T>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Node, u64, &mut Vec<Out>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let result = act(&mut self.nodes[index], self.now_ms, &mut out);
        for out in out {
            self.see_to(index, out);
        }
        self.due_ms[index] = self.nodes[index].due_ms();
        self.has_acted[index] = true;
        result
    }

    fn see_to(&mut self, index: usize, out: Out) {
        match out {
            Out::Call(call) => self.send(index, call),
            Out::Say(control) => self.say(index, &control.encode().unwrap()),
            Out::Acknowledged { serial, sequence } => {
                self.record.note_acknowledged(serial, sequence);
            }
            Out::Answered(gathered, asked) => {
                let known: std::collections::BTreeSet<_> =
                    gathered.answers.keys().chain(&gathered.silent).copied().collect();
                assert!(known.is_superset(&asked.live), "{gathered:?} says nothing of {asked:?}");
                let asked_ms = self.now_ms - asked.took_ms;
                if self.calm_since_ms.is_some_and(|calm_ms| calm_ms + 10_000 <= asked_ms) {
                    assert!(asked.took_ms <= switchboard_cluster::ANSWER_MS);
                    assert!(gathered.silent.is_empty(), "{gathered:?}");
                    assert_eq!(gathered.answers.len(), self.nodes.len() - 1);
                }
                self.gathered += 1;
            }
            Out::Filled { client, attempt, fetched } => {
                self.filled(index, (client, attempt), fetched);
            }
            Out::Changed(change) => {
                let is_refused = matches!(change, switchboard_cluster::Change::Refused(..));
                assert!(!is_refused, "all nodes have one configuration");
            }
        }
    }

    fn send(&mut self, index: usize, call: Call) {
        let node = &self.nodes[index];
        if !node.is_connected {
            return;
        }
        let line = Line { node: index, connection: node.connection };
        // One connection keeps its order, and loses nothing before it breaks.
        let at_ms = self.now_ms + 1 + self.random.below(3) as u64;
        self.network.put(at_ms, Happening::Call(line, call));
    }

    pub(crate) fn say(&mut self, from: usize, bytes: &[u8]) {
        if !self.nodes[from].is_connected {
            return;
        }
        for index in (0..self.nodes.len()).filter(|index| *index != from) {
            let delivery = crate::network::Delivery::Control(bytes.to_vec());
            self.deliver(index, delivery, true);
        }
    }

    /// Puts something on its way to a node: what is repeated may get lost, and come twice and in any order.
    pub(crate) fn deliver(
        &mut self,
        index: usize,
        delivery: crate::network::Delivery,
        is_core: bool,
    ) {
        let line = Line { node: index, connection: self.nodes[index].connection };
        let is_wild = is_core && self.calm_since_ms.is_none();
        if is_wild && self.random.percent(self.plan.loss) {
            return;
        }
        if is_wild && self.random.percent(self.plan.duplicates) {
            let at_ms = self.now_ms + 1 + self.random.below(3 * self.plan.delay_ms) as u64;
            self.network.put(at_ms, Happening::Delivery(line, delivery.clone()));
        }
        let at_ms = self.now_ms + 1 + self.random.below(self.plan.delay_ms) as u64;
        self.network.put(at_ms, Happening::Delivery(line, delivery));
    }

    /// Gives every client what its node has for it.
    pub(crate) fn feed(&mut self) {
        for client in 0..self.clients.len() {
            if let Some(index) = self.clients[client].node
                && self.has_acted[index]
                && self.nodes[index].frozen_until_ms <= self.now_ms
            {
                while self.feed_one(index, client) {}
            }
        }
        self.has_acted.fill(false);
    }

    /// Whether there may be more.
    fn feed_one(&mut self, index: usize, client: usize) -> bool {
        let node = &mut self.nodes[index];
        let Some(log) = node.logs.get(&self.clients[client].name) else { return false };
        let Some(head) = log.position() else {
            // The stream is being joined, or was lost.
            node.backfills.remove(&client);
            return false;
        };
        let Some(own) = self.clients[client].position else {
            self.clients[client].begin(head);
            return true;
        };
        if own.epoch != head.epoch {
            let (old, new) = (self.record.life(own.epoch), self.record.life(head.epoch));
            assert_ne!(old, new, "the stream is still the same");
            node.backfills.remove(&client);
            self.clients[client].restart();
            return true;
        }
        if node.backfills.contains_key(&client) {
            return false;
        }
        if own.offset < log.begin || own.offset > log.head {
            let fill = Fill::new(own.epoch, own.offset, false, log.begin.max(own.offset));
            node.resume(client, self.clients[client].attempt, own.epoch, fill);
            self.due_ms[index] = node.due_ms();
            return false;
        }
        let Some((position, entry)) = log.next(own.offset) else { return false };
        self.give(client, position, entry);
        true
    }

    fn give(&mut self, client: usize, position: Position, entry: Entry) {
        match entry {
            Entry::Publication(serial) => {
                self.clients[client].receive(&self.record, position, serial);
            }
            Entry::Deleted => self.clients[client].deleted(&self.record, position),
            Entry::Foreign => self.clients[client].position = Some(position),
            Entry::Missed(loss) => {
                self.check_loss(client, position.offset);
                self.clients[client].miss(loss, position.offset);
            }
        }
    }

    /// What was fetched for a client that resumes.
    fn filled(&mut self, index: usize, (client, attempt): (usize, u64), fetched: Fetched) {
        let node = &mut self.nodes[index];
        let Some(backfill) = node.backfills.get_mut(&client) else { return };
        assert_eq!(backfill.attempt, attempt);
        if fetched.standing.epoch != Some(backfill.epoch) {
            // Its partition finds out, and then the client.
            backfill.fill.on_failed(u64::MAX / 2);
            node.backfills.remove(&client);
            return;
        }
        let expiry = match self.plan.retention.lifetime_ms {
            None => Expiry::Never,
            Some(_) => Expiry::Possible,
        };
        let now_ms = backfill.fill.due_ms();
        let filled = backfill.fill.on_fetched(now_ms, fetched, (&self.plan.retention, expiry));
        let epoch = backfill.epoch;
        if filled.is_done || filled.is_refuted {
            node.backfills.remove(&client);
        }
        if let Some(Gap { loss, missed }) = filled.gap
            && self.plan.planted != Planted::ResumesUnjudged
        {
            self.check_loss(client, *missed.end());
            self.clients[client].miss(loss, *missed.end());
        }
        for message in filled.messages {
            let entry = match &message.body {
                Body::Publication(draft) => Entry::Publication(serial_of(draft.payload())),
                Body::Deletion => Entry::Deleted,
                Body::Foreign(_) => Entry::Foreign,
            };
            self.give(client, Position { epoch, offset: message.sequence }, entry);
        }
        if filled.is_done {
            self.resumed(index, client);
        }
    }

    /// All up to where the node's log begins is there, or was announced.
    fn resumed(&mut self, index: usize, client: usize) {
        let log = &self.nodes[index].logs[&self.clients[client].name];
        if let Some(own) = &mut self.clients[client].position
            && log.epoch == Some(own.epoch)
        {
            own.offset = own.offset.max(log.begin);
        }
    }

    /// What a client is told to have missed is lost: none of it is held any more, and some of it was there, or
    /// nobody can know that nothing was.
    fn check_loss(&self, client: usize, until: u64) {
        let Client { channel: name, position: Some(own), .. } = &self.clients[client] else {
            panic!()
        };
        let (partition, life) = self.record.life(own.epoch);
        let (current, stream) = &self.streams[usize::from(partition)];
        if *current != life {
            return;
        }
        let view = View { last: stream.last, now_ms: self.now_ms };
        let subject = subjects().channel(switchboard_cluster::Direction::In, &channel(name));
        let missed: Vec<_> = self.record.publications(name, *own, until).collect();
        let held = stream.held(view, &subject);
        let held: Vec<u64> =
            held.map(|it| it.sequence).filter(|it| (own.offset + 1..=until).contains(it)).collect();
        assert!(
            held.is_empty(),
            "{own} to {until} in {name} is said to be lost, and {held:?} is held"
        );
        let facts = self.record.facts(own.epoch, name);
        let later = facts.iter().filter(|(sequence, _)| *sequence > own.offset);
        let is_uncertain = self.plan.retention.lifetime_ms.is_some()
            || later.clone().count() as u64 >= self.plan.retention.messages_max
            || later.into_iter().any(|(_, fact)| *fact == crate::record::Fact::Deletion);
        assert!(
            !missed.is_empty() || is_uncertain,
            "nothing was there from {own} to {until} in {name}"
        );
    }

    pub(crate) fn epoch_of(&self, partition: usize) -> Option<Epoch> {
        let (_, stream) = &self.streams[partition];
        let view = View { last: stream.last, now_ms: self.now_ms };
        let marker = subjects().epoch_marker(switchboard_cluster::Direction::In, partition as u16);
        stream.epoch(view, &marker)
    }
}
