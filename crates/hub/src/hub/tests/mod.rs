mod age;
mod begin;
mod bounds;
mod conditional;
mod fanout;
mod follow;
mod history;
mod invariants;
mod laggards;
mod mesh;
mod mirrors;
mod model;
mod op;
mod pair;
mod reports;
mod served;
mod shares;
mod truth;
mod waiting;

use std::sync::Arc;

use super::*;
use crate::{
    Bounds, Draft, Kind, Lag, Message, Moved, Publication, Pull, Receipt, Rules, Served,
    SlowPolicy, Subscriber, Subscription, Work, WorkKind,
};

/// Limits that no test reaches by chance.
fn roomy() -> Limits {
    Limits { shard_log_bytes_max: usize::MAX, ..Limits::default() }
}

/// Rules that keep so many publications, for laggards and for new subscribers.
fn keeping(publications: usize) -> Rules {
    let bounds = Bounds { publications, ..Rules::default().tail };
    Rules { tail: bounds, history: bounds, ..Rules::default() }
}

/// The same rules for all channels.
fn everywhere(rules: Rules) -> Arc<Namespaces<Rules>> {
    Arc::new(Namespaces::new(rules, [], false))
}

/// One hub that is home to everything, and what a shard would keep with it.
struct Single {
    hub: Hub,
    accounting: Arc<Accounting>,
    out: Outbox,
    work: Work,
    now_ms: u64,
}

impl Single {
    fn new(limits: Limits) -> Self {
        Self::with_rules(Rules::default(), limits)
    }

    fn with_rules(rules: Rules, limits: Limits) -> Self {
        let accounting = Arc::new(Accounting::default());
        let (router, namespaces) = (Router::new(1), everywhere(rules));
        let hub = Hub::new(ShardId(0), router, namespaces, limits, 1, Arc::clone(&accounting));
        Self { hub, accounting, out: Outbox::new(), work: Work::default(), now_ms: 1000 }
    }

    fn subscribe(&mut self, channel: &str, conn: u32) -> Subscription {
        let who = Subscriber { conn, nth: 0, form: 0 };
        self.hub.subscribe(self.now_ms, &name(channel), who, &mut self.out)
    }

    fn unsubscribe(&mut self, subscription: Subscription) -> Option<Moved> {
        self.hub.unsubscribe(self.now_ms, subscription, &mut self.out)
    }

    fn publish(&mut self, channel: &str, payload: &[u8]) -> Receipt {
        let draft = Draft::new(Kind::Binary, payload);
        self.hub.publish_home(self.now_ms, &name(channel), draft, &mut self.out)
    }

    fn delete(&mut self, channel: &str) -> bool {
        self.hub.delete_home(&name(channel), &mut self.out)
    }

    fn report(&self, channel: &str) -> ShardReport {
        self.hub.report(self.now_ms, &name(channel))
    }

    /// The head of a channel at its home, if it knows it, and how much history it has.
    fn stand(&self, channel: &str) -> Option<(Position, u64)> {
        self.report(channel).home.map(|home| (home.position, home.messages))
    }

    fn tick(&mut self, passed_ms: u64) {
        self.now_ms += passed_ms;
        self.hub.tick(self.now_ms, &mut self.out);
    }

    /// The next slice: the connections and the offsets.
    fn slice(&mut self, sends_max: usize, bytes_max: usize) -> Option<(Vec<u32>, Vec<u64>)> {
        let found = self.hub.next_work(sends_max, bytes_max, &mut self.work);
        // Targets that must go still count until they are gone, so their floors do not.
        if matches!(self.work.kind, WorkKind::Deliver | WorkKind::Skipped { .. }) {
            invariants::assert_sound(&self.hub);
        }
        found.then(|| (conns(&self.work), offsets(&self.work.publications)))
    }

    /// All slices with all the limits of a shard.
    fn slices(&mut self) -> Vec<(Vec<u32>, Vec<u64>)> {
        std::iter::from_fn(|| self.slice(256, 1 << 16)).collect()
    }
}

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn conns(work: &Work) -> Vec<u32> {
    work.targets.iter().map(|(who, _)| who.conn).collect()
}

fn offsets(publications: &[Arc<Publication>]) -> Vec<u64> {
    publications.iter().map(|publication| publication.offset()).collect()
}
