//! Two hubs and what is in flight between them.

use super::*;

/// Two hubs; `a` is the home of the channel, `b` mirrors it.
pub(super) struct Pair {
    pub(super) name: ChannelName,
    pub(super) a: Hub,
    pub(super) b: Hub,
    pub(super) to_a: Outbox,
    pub(super) to_b: Outbox,
    pub(super) work: Work,
}

pub(super) const A: ShardId = ShardId(0);
pub(super) const B: ShardId = ShardId(1);

impl Pair {
    pub(super) fn new(limits: &Limits) -> Self {
        Self::with_rules(Rules::default(), limits)
    }

    pub(super) fn with_rules(rules: Rules, limits: &Limits) -> Self {
        let router = Router::new(2);
        let accounting = Arc::new(Accounting::default());
        let namespaces = everywhere(rules);
        let hub = |id| {
            let (router, namespaces) = (router.clone(), Arc::clone(&namespaces));
            Hub::new(id, router, namespaces, limits.clone(), 1, Arc::clone(&accounting))
        };
        let name = (0..99).map(|i| name(&format!("c{i}"))).find(|name| router.home(name) == A);
        Self {
            name: name.unwrap(),
            a: hub(A),
            b: hub(B),
            to_a: Outbox::new(),
            to_b: Outbox::new(),
            work: Work::default(),
        }
    }

    pub(super) fn subscribe(&mut self, conn: u32) -> Subscription {
        let who = Subscriber { conn, nth: 0, form: 0 };
        self.b.subscribe(0, &self.name, who, &mut self.to_a)
    }

    pub(super) fn unsubscribe(&mut self, now_ms: u64, subscription: Subscription) {
        self.b.unsubscribe(now_ms, subscription, &mut self.to_a);
    }

    pub(super) fn publish(&mut self) -> Receipt {
        let draft = Draft::new(Kind::Text, b"x");
        self.a.publish_home(0, &self.name, draft, &mut self.to_b)
    }

    /// Carries to the home what has been sent to it so far.
    pub(super) fn carry_to_a(&mut self) {
        for (to, message) in std::mem::take(&mut self.to_a) {
            assert_eq!(to, A);
            self.a.handle(0, message, &mut self.to_b);
        }
        invariants::assert_sound(&self.a);
    }

    pub(super) fn carry_to_b(&mut self) {
        for (to, message) in std::mem::take(&mut self.to_b) {
            assert_eq!(to, B);
            self.b.handle(0, message, &mut self.to_a);
        }
        invariants::assert_sound(&self.b);
    }

    pub(super) fn received(&mut self) -> Vec<(Vec<u32>, Vec<u64>)> {
        let mut received = Vec::new();
        while self.b.next_work(256, 1 << 16, &mut self.work) {
            received.push((conns(&self.work), offsets(&self.work.publications)));
        }
        received
    }
}
