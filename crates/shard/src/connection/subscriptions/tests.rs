use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Subscriptions of a hub of one channel, which are all different.
fn subscriptions(count: u32) -> Vec<Subscription> {
    use std::sync::Arc;
    use switchboard_hub::{
        Accounting, ChannelName, Hub, Limits, Namespaces, Outbox, Router, ShardId, Subscriber,
    };
    let rules = Arc::new(Namespaces::default());
    let accounting = Arc::new(Accounting::default());
    let mut hub = Hub::new(ShardId(0), Router::new(1), rules, Limits::default(), 1, accounting);
    let name = ChannelName::new("a").unwrap();
    let mut out = Outbox::new();
    let who = |conn| Subscriber { conn, nth: 0, form: 0 };
    (0..count).map(|conn| hub.subscribe(0, &name, who(conn), &mut out)).collect()
}

/// Some connections, a pool, and what they must hold.
struct Model {
    pool: Pool,
    connections: Vec<Subscriptions>,
    expected: Vec<BTreeMap<u16, Subscription>>,
}

impl Model {
    fn new(connections: usize) -> Self {
        Self {
            pool: Pool::default(),
            connections: vec![Subscriptions::default(); connections],
            expected: vec![BTreeMap::new(); connections],
        }
    }

    fn follow(&mut self, relocated: Option<Relocated>) {
        if let Some(Relocated { owner, block }) = relocated {
            self.connections[owner as usize] = Subscriptions::Pooled(Some(block));
        }
    }

    fn add(&mut self, owner: usize, subscription: Subscription) -> u16 {
        let nth = self.connections[owner].free_slot(&self.pool);
        self.set(owner, nth, subscription);
        nth
    }

    fn set(&mut self, owner: usize, nth: u16, subscription: Subscription) {
        let relocated =
            self.connections[owner].set(&mut self.pool, owner as u32, nth, subscription);
        self.follow(relocated);
        self.expected[owner].insert(nth, subscription);
    }

    fn clear(&mut self, owner: usize, nth: u16) {
        let relocated = self.connections[owner].clear(&mut self.pool, nth);
        self.follow(relocated);
        self.expected[owner].remove(&nth);
    }

    fn check(&self) {
        for (subscriptions, expected) in self.connections.iter().zip(&self.expected) {
            let held: BTreeMap<u16, Subscription> = subscriptions.iter(&self.pool).collect();
            assert_eq!(&held, expected);
            assert_eq!(subscriptions.is_empty(), expected.is_empty());
            let free = (0..=1_024).find(|nth| !expected.contains_key(nth)).unwrap();
            assert_eq!(subscriptions.free_slot(&self.pool), free);
            for nth in 0..subscriptions.slots_end(&self.pool) {
                assert_eq!(subscriptions.get(&self.pool, nth), expected.get(&nth).copied());
            }
        }
    }
}

proptest! {
    #[test]
    fn a_slot_keeps_its_subscription_whatever_the_others_do(
        steps in prop::collection::vec((0..6_usize, 0..10_u16, any::<bool>()), 1..400),
    ) {
        let distinct = subscriptions(400);
        let mut model = Model::new(6);
        for ((owner, nth, is_added), subscription) in steps.into_iter().zip(distinct) {
            match (is_added, model.expected[owner].contains_key(&nth)) {
                (true, true) => model.set(owner, nth, subscription),
                (true, false) => {
                    model.add(owner, subscription);
                }
                (false, _) => model.clear(owner, nth),
            }
            model.check();
        }
    }
}

#[test]
fn a_single_subscription_needs_no_pool_and_three_need_one_block_of_four() {
    let distinct = subscriptions(3);
    let mut model = Model::new(1);
    model.add(0, distinct[0]);
    assert!(!model.connections[0].are_several());
    assert_eq!(model.pool.pages(), 0);
    model.add(0, distinct[1]);
    assert_eq!(model.connections[0].slots_end(&model.pool), 2);
    model.add(0, distinct[2]);
    assert_eq!(model.connections[0].slots_end(&model.pool), 4);
    assert_eq!(model.pool.pages(), 1, "the block of two is given back");
    model.check();
}

#[test]
fn the_pool_is_empty_when_all_have_left() {
    let distinct = subscriptions(2_000);
    let mut model = Model::new(40);
    for (at, subscription) in distinct.into_iter().enumerate() {
        model.add(at % 40, subscription);
    }
    model.check();
    assert!(model.pool.pages() > 2);
    for owner in 0..40 {
        for nth in (0..model.connections[owner].slots_end(&model.pool)).rev() {
            model.clear(owner, nth);
        }
        model.check();
    }
    assert_eq!(model.pool.pages(), 0);
}

#[test]
fn a_connection_has_as_many_as_the_configuration_allows() {
    let distinct = subscriptions(1_024);
    let mut model = Model::new(1);
    for subscription in distinct {
        model.add(0, subscription);
    }
    model.check();
    assert_eq!(model.connections[0].slots_end(&model.pool), 1_024);
}
