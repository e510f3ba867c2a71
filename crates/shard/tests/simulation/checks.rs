//! What must hold when nothing moves any more.

use std::sync::{Arc, Mutex};

use switchboard_hub::ChannelName;
use switchboard_shard::{Command, Handle, Next};

use crate::client::Client;
use crate::plan::CHANNELS;
use crate::world::World;

/// What counts who is there now.
const GAUGES: [&str; 5] = [
    "connections_open",
    "websockets_open",
    "event_streams_open",
    "polls_held",
    "connections_blocked",
];

impl World {
    /// The client has seen the last publication of each of its channels.
    pub(crate) fn has_everything(&self, client: &Client) -> bool {
        client.line.is_some() && client.course.missing(&self.record()).is_empty()
    }

    /// Everybody listens and nothing is under way.
    pub(crate) fn check_rest(&mut self) {
        assert_eq!(self.record().answered, self.asked, "every publish is answered");
        assert_eq!(self.sum("connections_blocked"), 0, "nobody is held back");
        let waiting = self.clients.iter().filter(|client| client.waits()).count() as u64;
        assert_eq!(self.sum("polls_held"), waiting, "every held poll is somebody's");
        self.check_idle_connections();
    }

    /// A client that only listens, to one channel or several, has no busy part.
    fn check_idle_connections(&self) {
        for shard in &self.shards {
            let text = format!("{shard:?}");
            for connection in text.split("Connection { ").skip(1) {
                let is_idle =
                    connection.contains("gates: Gates(0)") && connection.contains("input: [],");
                let is_busy = connection.contains("busy: Some(");
                assert!(!(is_idle && is_busy), "a busy part stays: {connection}");
            }
        }
    }

    /// Lists of those who listen and of those who cannot keep up, in the middle of it all.
    pub(crate) fn list(&mut self) {
        let handle = self.random.pick(&self.handles);
        let name = ChannelName::new(CHANNELS[0]).unwrap();
        handle.send(Command::Subscribers {
            name,
            max: 3,
            reply: Box::new(|list| assert!(list.len() <= 3)),
        });
        handle.send(Command::Slow {
            max: 2,
            reply: Box::new(|list| {
                assert!(list.len() <= 2);
                assert!(list.is_sorted_by_key(|client| std::cmp::Reverse(client.blocked_ms)));
            }),
        });
    }

    /// All clients go, and no trace of them stays.
    pub(crate) fn empty(&mut self) {
        for nth in 0..self.clients.len() {
            let way = self.random.below(3);
            self.leave(nth, way);
        }
        for _ in 0..15 {
            self.settle();
            self.now_ms += 1_000;
        }
        for gauge in GAUGES {
            assert_eq!(self.sum(gauge), 0, "{gauge}");
        }
        for channel in CHANNELS {
            assert_eq!(self.subscribers(channel), 0, "{channel}");
        }
        let events = self.position("presence:skip:a").map_or(0, |position| position.offset);
        // Offsets count events only where none is left out.
        let is_kept = !self.plan.deletions && self.plan.offset_skip_max == 0;
        assert!(!is_kept || events.is_multiple_of(2), "every join has its leave, not {events}");
    }

    fn sum(&self, counter: &str) -> u64 {
        let counters = self.handles.iter().flat_map(Handle::counters);
        counters.filter(|(name, _)| *name == counter).map(|(_, value)| value).sum()
    }

    fn subscribers(&mut self, channel: &str) -> u64 {
        let sum = Arc::new(Mutex::new(0));
        for handle in &self.handles {
            let (name, sum) = (ChannelName::new(channel).unwrap(), Arc::clone(&sum));
            let reply = Box::new(move |report: switchboard_hub::ShardReport| {
                *sum.lock().unwrap() += report.subscribers;
            });
            handle.send(Command::Report { name, reply });
        }
        self.settle();
        let sum = sum.lock().unwrap();
        *sum
    }

    /// Stops the shards.
    pub(crate) fn stop(mut self) {
        self.stopping = true;
        for handle in &self.handles {
            handle.send(Command::Stop);
        }
        self.end();
    }

    /// Waits for the end of the shards; afterwards nothing of all this may be left.
    pub(crate) fn end(mut self) {
        let mut running: Vec<usize> = (0..self.shards.len()).collect();
        for _ in 0..20_000 {
            running.retain(|shard| self.turn_unread(*shard) != Next::Ended);
            self.read();
            self.now_ms += 5;
            if running.is_empty() {
                break;
            }
        }
        assert!(running.is_empty(), "the shards stop in time");
        // What the last have said to the first is read, so that it is not counted as left.
        for _ in 0..3 {
            self.turn_all();
        }
        for gauge in GAUGES {
            assert_eq!(self.sum(gauge), 0, "{gauge} after the stop");
        }
        assert!(self.clients.iter().all(|client| client.line.is_none()), "nobody is forgotten");
        assert!(self.nets.iter().all(|net| net.live() == 0));
        drop(self.shards);
        assert_eq!(self.accounting.count(), 0, "every publication is freed");
        assert_eq!(self.accounting.bytes(), 0, "and every byte of it");
    }
}
