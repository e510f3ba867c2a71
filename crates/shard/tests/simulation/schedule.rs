//! What happens in a run: at random first, and then until everybody has everything.

use crate::plan::{CHANNELS, LOBBY};
use crate::world::World;

impl World {
    pub(crate) fn run(mut self) {
        for _ in 0..self.plan.steps {
            self.step();
        }
        self.come_to_rest();
        self.check_rest();
        if self.random.one_in(2) {
            self.empty();
        }
        if self.random.one_in(2) { self.drain() } else { self.stop() }
    }

    fn step(&mut self) {
        let nth = self.random.below(self.clients.len());
        match self.random.below(24) {
            0..=2 if self.clients[nth].line.is_none() => self.connect(nth),
            3..=6 => self.publish_somewhere(),
            7 if self.random.one_in(4) => self.publish_from_client(),
            8 => {
                let way = self.random.below(3);
                self.leave(nth, way);
            }
            9 | 10 if self.plan.stalls => {
                let stalled = self.clients[nth].line.as_ref().is_some_and(|line| line.stalled);
                self.stall(nth, !stalled);
            }
            11 => self.now_ms += self.random.below(700) as u64,
            12 if self.plan.deletions && self.random.one_in(3) => {
                let channel = *self.random.pick(&CHANNELS);
                self.delete(channel);
            }
            13 | 14 => self.poll(nth),
            15 => self.list(),
            _ => {
                let shard = self.random.below(self.shards.len());
                self.turn_unread(shard);
                self.read();
            }
        }
    }

    pub(crate) fn publish_somewhere(&mut self) {
        let channel = *self.random.pick(&CHANNELS[..5]);
        let filler = match self.random.below(16) {
            0 => self.random.below(9_000),
            1 | 2 => self.random.below(3_000),
            _ => self.random.below(60),
        };
        // Now and then more at once than a tail keeps.
        let count = if self.random.one_in(6) { 2 + self.random.below(7) } else { 1 };
        for _ in 0..count {
            self.publish(channel, filler);
        }
    }

    /// Everybody reads again and comes back; one more publication in each channel; and then all
    /// must get to the end.
    fn come_to_rest(&mut self) {
        for nth in 0..self.clients.len() {
            self.stall(nth, false);
            self.clients[nth].roams = false;
        }
        self.settle();
        for round in 0..500 {
            self.come_back();
            if round % 50 == 0 {
                // Plain clients that come back without a position know where they are by this only.
                self.publish_everywhere();
            }
            if self.clients.iter().all(|client| self.has_everything(client)) {
                return self.outlive_deadlines();
            }
            self.now_ms += 20;
        }
        let behind = self.clients.iter().find(|client| !self.has_everything(client));
        let missing = behind.map(|client| client.course.missing(&self.record()));
        panic!("does not get to the end of {missing:?}: {behind:?}");
    }

    /// Until those are cut who never took what they were sent: they have the time of a stall, then that of
    /// a close.
    fn outlive_deadlines(&mut self) {
        for _ in 0..20 {
            self.now_ms += 1_000;
            self.come_back();
        }
    }

    fn publish_everywhere(&mut self) {
        for channel in CHANNELS.iter().filter(|channel| **channel != LOBBY) {
            self.publish(channel, 10);
        }
        self.publish_from_client();
        self.settle();
    }

    fn come_back(&mut self) {
        for nth in 0..self.clients.len() {
            if self.clients[nth].line.is_none() {
                self.connect(nth);
            } else {
                self.poll(nth);
            }
        }
        self.settle();
    }
}
