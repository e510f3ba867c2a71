//! What a subscriber may see, and what a shard does with work: the yardstick of the mesh tests.

use std::collections::HashMap;

use super::*;
use crate::{Epoch, SlowPolicy};

/// What all must agree on: which payload stands at which place of which stream.
#[derive(Default)]
pub(super) struct Truth(HashMap<(ChannelName, Position), Vec<u8>>);

impl Truth {
    fn check(&mut self, name: &ChannelName, epoch: Epoch, publication: &Publication) {
        let payload = publication.payload().to_vec();
        let channel = payload.split(|&byte| byte == b'/').next().unwrap();
        assert_eq!(channel, name.as_str().as_bytes(), "a publication of a foreign channel");
        let position = Position { epoch, offset: publication.offset() };
        let known = self.0.entry((name.clone(), position)).or_insert_with(|| payload.clone());
        assert_eq!(*known, payload, "two payloads at {position}");
    }
}

/// One subscriber and what it must receive next.
pub(super) struct Listener {
    pub(super) name: ChannelName,
    pub(super) seat: Seat,
    policy: SlowPolicy,
    /// The last position that it received, missed, or started after; none while its shard waits
    /// for the home.
    pub(super) at: Option<Position>,
    /// Its stream was deleted: it must hear that and nothing else.
    pub(super) doomed: bool,
}

impl Listener {
    fn receive(&mut self, publication: &Publication, truth: &mut Truth) {
        assert!(!self.doomed, "a publication after the deletion");
        let at = self.at.as_mut().expect("nothing comes before the home has answered");
        assert_eq!(publication.offset(), at.offset + 1, "a gap or a repetition");
        at.offset += 1;
        truth.check(&self.name, at.epoch, publication);
    }

    /// Checks that a lag is real and the missed range exact.
    fn miss(&mut self, hub: &Hub, missed: &std::ops::RangeInclusive<u64>) {
        let at = self.at.as_mut().unwrap();
        let log = &hub.table[self.seat.channel].log;
        assert!(!self.doomed && at.offset + 1 < log.first(), "a lag that is none");
        let resume = match self.policy {
            SlowPolicy::Latest => log.first().max(log.head()),
            _ => log.first(),
        };
        assert_eq!(*missed, at.offset + 1..=resume - 1);
        at.offset = resume - 1;
    }
}

/// A shard's connections, each with one channel.
#[derive(Default)]
pub(super) struct Station {
    pub(super) listeners: HashMap<u32, Listener>,
    next_conn: u32,
    work: Work,
}

impl Station {
    pub(super) fn subscribe(
        &mut self,
        hub: &mut Hub,
        now_ms: u64,
        name: &ChannelName,
        policy: SlowPolicy,
        out: &mut Outbox,
    ) {
        let conn = self.next_conn;
        self.next_conn += 1;
        let seat = hub.subscribe(now_ms, name, Subscriber { conn, nth: 3 }, out);
        let at = hub.position(seat.channel);
        let listener = Listener { name: name.clone(), seat, policy, at, doomed: false };
        self.listeners.insert(conn, listener);
    }

    pub(super) fn unsubscribe(&mut self, hub: &mut Hub, now_ms: u64, conn: u32, out: &mut Outbox) {
        let listener = self.listeners.remove(&conn).unwrap();
        let moved = hub.unsubscribe(now_ms, listener.seat, out);
        self.reseat(moved);
    }

    fn reseat(&mut self, moved: Option<Moved>) {
        if let Some(Moved { who, seat }) = moved {
            assert_eq!(who.nth, 3);
            self.listeners.get_mut(&who.conn).unwrap().seat = seat;
        }
    }

    /// The connection of the `nth` listener, blocked ones or others.
    pub(super) fn pick(&self, blocked: Option<bool>, nth: usize) -> Option<u32> {
        let mut conns: Vec<u32> = self
            .listeners
            .iter()
            .filter(|(_, listener)| blocked.is_none_or(|b| b == listener.seat.is_blocked()))
            .map(|(&conn, _)| conn)
            .collect();
        conns.sort_unstable();
        (!conns.is_empty()).then(|| conns[nth % conns.len()])
    }

    /// Notes which streams began and ended; called after every message.
    pub(super) fn look(&mut self, hub: &Hub) {
        for listener in self.listeners.values_mut() {
            let now = hub.position(listener.seat.channel);
            match (listener.at, now) {
                (None, Some(_)) => listener.at = now,
                (Some(at), Some(now)) => listener.doomed |= at.epoch != now.epoch,
                (_, None) => assert!(listener.at.is_none()),
            }
        }
    }

    /// Does one slice. Each target whose bit is set in `full` takes only half of it.
    pub(super) fn work(
        &mut self,
        hub: &mut Hub,
        now_ms: u64,
        (sends_max, bytes_max, full): (usize, usize, u32),
        truth: &mut Truth,
        out: &mut Outbox,
    ) -> bool {
        let mut work = std::mem::take(&mut self.work);
        let found = hub.next_work(sends_max, bytes_max, &mut work);
        assert_eq!(found, !work.targets.is_empty());
        assert!(work.targets.len() <= sends_max);
        assert_eq!(work.publications.is_empty(), !found || work.kind != WorkKind::Deliver);
        let bytes: usize = work.publications.iter().map(|p| p.frame().len()).sum();
        assert!(bytes <= bytes_max || work.publications.len() == 1);
        for (nth, &(who, seat)) in work.targets.iter().enumerate() {
            let listener = self.listeners.get_mut(&who.conn).unwrap();
            assert_eq!((listener.seat, seat.channel), (seat, work.channel));
            assert_eq!(hub.name(seat.channel), Some(&listener.name));
            match &work.kind {
                WorkKind::Deliver => {
                    let full = full >> (nth % 32) & 1 == 1;
                    self.deliver(hub, who.conn, &work.publications, full, truth);
                }
                WorkKind::Skipped { missed } => listener.miss(hub, missed),
                WorkKind::Lagged => {
                    let at = listener.at.unwrap();
                    assert!(!listener.doomed && listener.policy == SlowPolicy::Disconnect);
                    assert!(at.offset + 1 < hub.table[seat.channel].log.first());
                    self.unsubscribe(hub, now_ms, who.conn, out);
                }
                WorkKind::Joined => assert!(listener.seat.is_blocked() && !listener.doomed),
                WorkKind::Deleted => {
                    assert!(listener.doomed);
                    self.unsubscribe(hub, now_ms, who.conn, out);
                }
            }
        }
        self.work = work;
        found
    }

    fn deliver(
        &mut self,
        hub: &mut Hub,
        conn: u32,
        publications: &[Arc<Publication>],
        full: bool,
        truth: &mut Truth,
    ) {
        let listener = self.listeners.get_mut(&conn).unwrap();
        let taken = if full { publications.len() / 2 } else { publications.len() };
        for publication in &publications[..taken] {
            listener.receive(publication, truth);
        }
        if full {
            let (seat, moved) = hub.block(listener.seat, listener.at.unwrap().offset);
            listener.seat = seat;
            self.reseat(moved);
        }
    }

    /// Pulls once for a blocked listener. True when it has caught up or is gone.
    pub(super) fn pull(
        &mut self,
        hub: &mut Hub,
        now_ms: u64,
        (conn, bytes_max): (u32, usize),
        truth: &mut Truth,
        out: &mut Outbox,
    ) -> bool {
        let mut publications = Vec::new();
        let listener = self.listeners.get_mut(&conn).unwrap();
        match hub.pull(listener.seat, bytes_max, &mut publications) {
            Pull::More => {
                for publication in &publications {
                    listener.receive(publication, truth);
                }
                hub.advance(listener.seat, listener.at.unwrap().offset);
                return false;
            }
            Pull::Lagged { missed } if listener.policy != SlowPolicy::Disconnect => {
                listener.miss(hub, &missed);
                hub.advance(listener.seat, *missed.end());
                return false;
            }
            Pull::Lagged { missed } => {
                listener.miss(hub, &missed);
                self.unsubscribe(hub, now_ms, conn, out);
            }
            Pull::Deleted => {
                assert!(listener.doomed);
                self.unsubscribe(hub, now_ms, conn, out);
            }
            Pull::CaughtUp => assert!(!listener.doomed),
        }
        true
    }

    pub(super) fn unblock(&mut self, hub: &mut Hub, conn: u32) {
        let listener = self.listeners.get_mut(&conn).unwrap();
        let (seat, moved) = hub.unblock(listener.seat);
        listener.seat = seat;
        self.reseat(moved);
    }
}
