//! What a subscriber may see, and what a shard does with work: the model for the mesh tests.

use std::collections::HashMap;

use super::truth::Truth;
use super::*;
use crate::{OnGap, SlowPolicy, Start};

/// One subscriber and what it must receive next.
pub(super) struct Listener {
    pub(super) name: ChannelName,
    pub(super) subscription: Subscription,
    policy: SlowPolicy,
    /// The last position that it received, missed, or started after; none while its shard waits
    /// for the home.
    pub(super) at: Option<Position>,
    /// Its stream was deleted: it must hear that and nothing else.
    pub(super) doomed: bool,
    /// Where it wants to begin, until it has begun.
    wants: Option<(Start, OnGap)>,
    /// It was blocked when the home's answer came, and has not heard of that.
    pub(super) uninformed: bool,
}

impl Listener {
    /// Begins, now that this shard knows the channel's position.
    fn begin(&mut self, hub: &mut Hub, now_ms: u64, truth: &Truth) {
        let (start, on_gap) = self.wants.take().unwrap();
        let stand = hub.position(self.subscription.channel).unwrap();
        let begin = truth.begin(hub, now_ms, self.subscription.channel, (&start, on_gap));
        if start == Start::Now {
            // From when it came, even if the answer took its time.
            assert_eq!(hub.cursor(self.subscription), self.at.unwrap().offset);
        } else {
            hub.place(self.subscription, begin.cursor);
            self.at = Some(Position { offset: begin.cursor, ..stand });
        }
    }

    /// It went on by itself, so it hears no more of the home's answer.
    fn inform(&mut self) {
        self.uninformed = false;
        self.wants = None;
    }

    /// It must not get anything before it has begun, if it cares.
    fn is_patient(&self) -> bool {
        self.wants.as_ref().is_some_and(|(start, _)| *start != Start::Now)
    }

    fn receive(&mut self, publication: &Publication, truth: &mut Truth) {
        assert!(!self.doomed, "a publication after the deletion");
        assert!(!self.is_patient(), "a publication before it has begun");
        let at = self.at.as_mut().expect("nothing comes before the home has answered");
        let next = truth.next_after(&self.name, *at);
        assert_eq!(Some(publication.offset()), next, "a gap or a repetition");
        at.offset = publication.offset();
        truth.check(&self.name, at.epoch, publication);
    }

    /// Checks that a lag is real and the missed range exact.
    fn miss(&mut self, hub: &Hub, truth: &Truth, missed: &std::ops::RangeInclusive<u64>) {
        let at = self.at.as_mut().unwrap();
        let log = &hub.table[self.subscription.channel].log();
        assert!(!self.doomed && at.offset < log.before(), "a lag that is none");
        assert!(!truth.roomy, "a lag though there is room for all");
        let kept = log.to_vec(log.before());
        let last = match (self.policy, &kept[..]) {
            (SlowPolicy::Latest, [.., last, _newest]) => last.offset(),
            _ => log.before(),
        };
        assert_eq!(*missed, at.offset + 1..=last);
        at.offset = last;
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
    ) -> u32 {
        let conn = self.next_conn;
        self.next_conn += 1;
        let subscription = hub.subscribe(now_ms, name, Subscriber { conn, nth: 3, form: 0 }, out);
        let at = hub.position(subscription.channel);
        let listener = Listener {
            name: name.clone(),
            subscription,
            policy,
            at,
            doomed: false,
            wants: None,
            uninformed: false,
        };
        self.listeners.insert(conn, listener);
        conn
    }

    /// A client resumes: as in a shard, it is blocked until it has what it missed.
    pub(super) fn resume(
        &mut self,
        hub: &mut Hub,
        now_ms: u64,
        (name, policy): (&ChannelName, SlowPolicy),
        wants: (Start, OnGap),
        truth: &Truth,
        out: &mut Outbox,
    ) {
        let index = hub.visit(now_ms, name, out);
        let conn = self.subscribe(hub, now_ms, name, policy, out);
        let listener = self.listeners.get_mut(&conn).unwrap();
        assert_eq!(hub.position(listener.subscription.channel).is_some(), index.is_some());
        assert!(index.is_none_or(|index| index == listener.subscription.channel));
        let (subscription, moved) =
            hub.block(listener.subscription, hub.cursor(listener.subscription));
        listener.subscription = subscription;
        listener.wants = Some(wants);
        if index.is_some() {
            listener.begin(hub, now_ms, truth);
        }
        assert_eq!(moved, None, "it sat at the end");
    }

    /// A client takes what there is, if this shard knows.
    pub(super) fn poll(
        hub: &mut Hub,
        now_ms: u64,
        name: &ChannelName,
        (wants, bytes_max): ((Start, OnGap), usize),
        truth: &mut Truth,
        out: &mut Outbox,
    ) {
        let Some(index) = hub.visit(now_ms, name, out) else { return };
        let stand = hub.position(index).unwrap();
        let mut cursor = truth.begin(hub, now_ms, index, (&wants.0, wants.1)).cursor;
        let mut publications = Vec::new();
        while cursor < stand.offset {
            hub.copy_after(index, cursor, bytes_max, &mut publications);
            let bytes: usize = publications.iter().map(|p| p.frame().len()).sum();
            assert!(!publications.is_empty() && (bytes <= bytes_max || publications.len() == 1));
            for publication in &publications {
                let at = Position { offset: cursor, ..stand };
                assert_eq!(Some(publication.offset()), truth.next_after(name, at));
                cursor = publication.offset();
                assert_eq!(hub.time_at(index, cursor), Some(publication.time_ms()));
                truth.check(name, stand.epoch, publication);
            }
        }
        hub.copy_after(index, cursor, bytes_max, &mut publications);
        assert!(cursor == stand.offset && publications.is_empty());
    }

    pub(super) fn unsubscribe(
        &mut self,
        hub: &mut Hub,
        now_ms: u64,
        conn: u32,
        truth: &mut Truth,
        out: &mut Outbox,
    ) {
        let listener = self.listeners.remove(&conn).unwrap();
        let moved = hub.unsubscribe(now_ms, listener.subscription, out);
        self.follow(moved);
        truth.remember(&listener.name, listener.at);
    }

    fn follow(&mut self, moved: Option<Moved>) {
        if let Some(Moved { who, subscription }) = moved {
            assert_eq!(who.nth, 3);
            self.listeners.get_mut(&who.conn).unwrap().subscription = subscription;
        }
    }

    /// The connection of the `nth` listener, of all or of the blocked ones that may pull.
    pub(super) fn pick(&self, puller: bool, nth: usize) -> Option<u32> {
        let mut conns: Vec<u32> = self
            .listeners
            .iter()
            .filter(|(_, listener)| {
                !puller || (listener.subscription.is_blocked() && !listener.is_patient())
            })
            .map(|(&conn, _)| conn)
            .collect();
        conns.sort_unstable();
        (!conns.is_empty()).then(|| conns[nth % conns.len()])
    }

    /// Notes which streams began and ended; called after every message.
    pub(super) fn look(&mut self, hub: &Hub) {
        for listener in self.listeners.values_mut() {
            let now = hub.position(listener.subscription.channel);
            match (listener.at, now) {
                (None, Some(_)) => {
                    listener.at = now;
                    listener.uninformed = listener.subscription.is_blocked();
                }
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
        for (nth, &(who, subscription)) in work.targets.iter().enumerate() {
            let listener = self.listeners.get_mut(&who.conn).unwrap();
            assert_eq!((listener.subscription, subscription.channel), (subscription, work.channel));
            assert_eq!(hub.name(subscription.channel), Some(&listener.name));
            match &work.kind {
                WorkKind::Deliver => {
                    let full = full >> (nth % 32) & 1 == 1;
                    self.deliver(hub, who.conn, &work.publications, full, truth);
                }
                WorkKind::Skipped { missed } => listener.miss(hub, truth, missed),
                WorkKind::Lagged => {
                    let at = listener.at.unwrap();
                    assert!(!listener.doomed && listener.policy == SlowPolicy::Disconnect);
                    assert!(at.offset < hub.table[subscription.channel].log().before());
                    self.unsubscribe(hub, now_ms, who.conn, truth, out);
                }
                WorkKind::Joined => {
                    assert!(!listener.doomed && std::mem::take(&mut listener.uninformed));
                    listener.begin(hub, now_ms, truth);
                }
                WorkKind::Deleted => {
                    assert!(listener.doomed);
                    self.unsubscribe(hub, now_ms, who.conn, truth, out);
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
            let (subscription, moved) =
                hub.block(listener.subscription, listener.at.unwrap().offset);
            listener.subscription = subscription;
            self.follow(moved);
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
        match hub.pull(listener.subscription, bytes_max, &mut publications) {
            Pull::More => {
                for publication in &publications {
                    listener.receive(publication, truth);
                }
                hub.advance(listener.subscription, listener.at.unwrap().offset);
                listener.inform();
                return false;
            }
            Pull::Lagged { missed } if listener.policy != SlowPolicy::Disconnect => {
                listener.miss(hub, truth, &missed);
                hub.advance(listener.subscription, *missed.end());
                listener.inform();
                return false;
            }
            Pull::Lagged { missed } => {
                listener.miss(hub, truth, &missed);
                self.unsubscribe(hub, now_ms, conn, truth, out);
            }
            Pull::Deleted => {
                assert!(listener.doomed);
                self.unsubscribe(hub, now_ms, conn, truth, out);
            }
            Pull::CaughtUp => assert!(!listener.doomed),
        }
        true
    }

    pub(super) fn unblock(&mut self, hub: &mut Hub, conn: u32) {
        let listener = self.listeners.get_mut(&conn).unwrap();
        let (subscription, moved) = hub.unblock(listener.subscription);
        listener.subscription = subscription;
        listener.inform();
        self.follow(moved);
    }
}
