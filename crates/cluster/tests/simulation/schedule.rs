//! What happens in a run: at random first, and then until everybody has everything.

use switchboard_cluster::{Control, Direction, Question, Say};

use crate::broker::{Stream, Wire};
use crate::network::Happening;
use crate::node::Node;
use crate::plan::{CHANNELS, channel, layout, subjects};
use crate::world::World;

impl World {
    pub(crate) fn run(mut self) -> Outcome {
        self.advance(1_500);
        for _ in 0..self.plan.steps {
            let pause_ms = if self.random.percent(5) { 1_500 } else { self.random.below(60) };
            self.advance(pause_ms as u64);
            self.step();
        }
        self.come_to_rest();
        self.check_rest()
    }

    fn step(&mut self) {
        let (node, client) =
            (self.random.below(self.nodes.len()), self.random.below(self.clients.len()));
        match self.random.below(40) {
            0..=17 => self.publish(node),
            18..=22 => self.attach(client),
            23..=25 => self.detach(client),
            26 if self.plan.deletions => self.delete(node),
            27 => self.ask_all(node),
            28 if self.random.percent(30) => self.disturb(),
            29..=39 if self.random.percent(30) => self.fail(node),
            _ => {}
        }
    }

    fn publish(&mut self, node: usize) {
        let name = *self.random.pick(&CHANNELS);
        let count = if self.random.percent(15) { 2 + self.random.below(8) } else { 1 };
        for _ in 0..count {
            self.serial += 1;
            let serial = Some(self.serial);
            if self.random.percent(10) {
                // Two nodes are asked for the same, by a publisher that does not know whether it has happened.
                let key = format!("order {}", self.serial);
                let other = self.random.below(self.nodes.len());
                for node in [node, other] {
                    self.act(node, |it, now_ms, out| {
                        it.publish(now_ms, &channel(name), (serial, Some(&key)), out)
                    });
                }
            } else {
                self.act(node, |it, now_ms, out| {
                    it.publish(now_ms, &channel(name), (serial, None), out)
                });
            }
        }
    }

    fn delete(&mut self, node: usize) {
        let name = *self.random.pick(&CHANNELS);
        self.act(node, |it, now_ms, out| it.publish(now_ms, &channel(name), (None, None), out));
    }

    /// Somebody else writes to a channel's subject. Where messages expire nobody else may: `Retention` says why.
    fn disturb(&mut self) {
        if self.plan.retention.lifetime_ms.is_some() {
            return;
        }
        let name = channel(CHANNELS[self.random.below(CHANNELS.len())]);
        let subject = subjects().channel(Direction::In, &name);
        let wire = Wire { headers: Vec::new(), payload: b"hi".to_vec() };
        let _ = self.store(layout().place(&name).partition, &subject, wire);
    }

    fn ask_all(&mut self, node: usize) {
        let (method, target, body) = ("GET".into(), CHANNELS[0].into(), "".into());
        let question = Question { method, target, body };
        self.act(node, |it, now_ms, out| it.ask(now_ms, question, out));
    }

    /// A client connects to any node and goes on where it was.
    fn attach(&mut self, client: usize) {
        if self.clients[client].node.is_some() {
            return;
        }
        let node = self.random.below(self.nodes.len());
        self.clients[client].node = Some(node);
        self.clients[client].attempt += 1;
        let name = channel(self.clients[client].channel);
        self.act(node, |it, _, out| it.listen(&name, out));
        self.feed();
    }

    fn detach(&mut self, client: usize) {
        let Some(node) = self.clients[client].node.take() else { return };
        self.nodes[node].backfills.remove(&client);
        let name = self.clients[client].channel;
        let is_used = |it: &crate::record::Client| it.node == Some(node) && it.channel == name;
        if !self.clients.iter().any(is_used) && self.random.percent(70) {
            self.nodes[node].forget(self.now_ms, &channel(name));
        }
    }

    fn fail(&mut self, node: usize) {
        let partition = self.random.below(self.streams.len());
        match self.random.below(6) {
            0 => {
                let until_ms = self.now_ms + 200 + self.random.below(3_000) as u64;
                self.nodes[node].frozen_until_ms = until_ms;
            }
            1 if self.nodes[node].is_connected => {
                self.nodes[node].on_disconnected();
                self.subscriptions.retain(|(line, _)| line.node != node);
                let at_ms = self.now_ms + self.random.below(1_500) as u64;
                self.network.put(at_ms, Happening::Reconnect(node));
            }
            2 => self.restart(node),
            3 | 4 => {
                self.leaderless_until_ms[partition] =
                    self.now_ms + 100 + self.random.below(2_000) as u64;
                if self.plan.deposed {
                    self.deposed_until_ms[partition] = self.leaderless_until_ms[partition] + 300;
                }
            }
            5 if self.plan.streams_end => {
                let (life, stream) = &mut self.streams[partition];
                *life += 1;
                *stream = Stream::default();
            }
            _ => {}
        }
    }

    /// A node ends, by its own will or not, and starts again, and its clients go elsewhere.
    fn restart(&mut self, node: usize) {
        if self.random.percent(50) {
            let leaving = Control::new(self.nodes[node].id, Say::Leaving);
            self.say(node, &leaving.encode().unwrap());
        }
        for client in self.clients.iter_mut().filter(|client| client.node == Some(node)) {
            client.node = None;
        }
        self.subscriptions.retain(|(line, _)| line.node != node);
        let mut new = self.new_node();
        new.connection = self.nodes[node].connection + 1;
        self.nodes[node] = new;
    }

    /// Nothing fails any more, everybody listens, and then there is time for every check.
    fn come_to_rest(&mut self) {
        self.calm_since_ms = Some(self.now_ms);
        for node in &mut self.nodes {
            node.frozen_until_ms = 0;
        }
        self.leaderless_until_ms.fill(0);
        self.deposed_until_ms.fill(0);
        for node in 0..self.nodes.len() {
            if !self.nodes[node].is_connected {
                self.act(node, Node::on_connected);
            }
        }
        for client in 0..self.clients.len() {
            self.attach(client);
        }
        self.advance(30_000);
        self.ask_all(0);
        self.advance(30_000);
    }

    fn check_rest(self) -> Outcome {
        self.record.check_acknowledged();
        for client in &self.clients {
            let position = client.position.unwrap_or_else(|| panic!("{client:?} has not begun"));
            let missing: Vec<_> =
                self.record.publications(client.channel, position, u64::MAX).collect();
            let node = &self.nodes[client.node.unwrap()];
            assert!(missing.is_empty(), "{client:?} has not got {missing:?}: {node:?}");
            let (partition, life) = self.record.life(position.epoch);
            assert_eq!(life, self.streams[usize::from(partition)].0, "{client:?}");
            assert_eq!(Some(position.epoch), self.epoch_of(usize::from(partition)));
        }
        assert!(self.gathered > 0);
        Outcome {
            received: self.clients.iter().map(|client| client.received).sum(),
            gaps: self.clients.iter().map(|client| client.gaps).sum(),
            acknowledged: self.record.acknowledged() as u64,
        }
    }
}

/// What a run has seen, so that the tests know that it was about something.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) received: u64,
    pub(crate) gaps: u64,
    pub(crate) acknowledged: u64,
}
