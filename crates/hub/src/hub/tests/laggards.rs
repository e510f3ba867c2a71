use super::*;

const KEPT: usize = 4;

/// A channel whose log keeps four publications, and one subscriber that is blocked at `cursor`
/// after `published` publications.
fn blocked(policy: SlowPolicy, cursor: u64, published: u64) -> (Single, Subscription) {
    let rules = Rules { slow_policy: policy, ..keeping(KEPT) };
    let mut single = Single::with_rules(rules, roomy());
    let subscription = single.subscribe("a", 0);
    for _ in 0..=cursor {
        single.publish("a", b"x");
    }
    single.slices();
    let (subscription, moved) = single.hub.block(subscription, cursor);
    assert!(subscription.is_blocked() && moved.is_none());
    for _ in cursor + 1..published {
        single.publish("a", b"x");
    }
    (single, subscription)
}

fn pull(single: &Single, subscription: Subscription, bytes_max: usize) -> (Pull, Vec<u64>) {
    let mut publications = Vec::new();
    let pull = single.hub.pull(subscription, bytes_max, &mut publications);
    (pull, offsets(&publications))
}

#[test]
fn fan_out_leaves_the_blocked_alone_and_they_pull() {
    let (mut single, subscription) = blocked(SlowPolicy::Disconnect, 1, 4);
    assert_eq!(single.slices(), []);
    assert_eq!(pull(&single, subscription, 6), (Pull::More, vec![2, 3]));
    assert_eq!(pull(&single, subscription, 6), (Pull::More, vec![2, 3]));
    single.hub.advance(subscription, 3);
    assert_eq!(pull(&single, subscription, 1), (Pull::More, vec![4]));
    single.hub.advance(subscription, 4);
    assert_eq!(pull(&single, subscription, 1), (Pull::CaughtUp, vec![]));
    let (subscription, moved) = single.hub.unblock(subscription);
    assert!(!subscription.is_blocked() && moved.is_none());
    assert_eq!(single.slices(), []);
    single.publish("a", b"x");
    assert_eq!(single.slices(), [(vec![0], vec![5])]);
}

#[test]
fn who_comes_back_behind_the_head_is_served() {
    let (mut single, subscription) = blocked(SlowPolicy::Disconnect, 1, 3);
    single.hub.unblock(subscription);
    assert_eq!(single.slices(), [(vec![0], vec![2, 3])]);
}

#[test]
fn one_publication_too_many_is_a_lag_and_not_one_earlier() {
    let (mut single, subscription) = blocked(SlowPolicy::Disconnect, 1, KEPT as u64 + 1);
    assert_eq!(pull(&single, subscription, 1000).1, [2, 3, 4, 5]);
    assert_eq!(single.slices(), []);
    single.publish("a", b"x");
    assert_eq!(pull(&single, subscription, 1000).0, Pull::Lagged { missed: 2..=2 });
    assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Lagged);
    assert_eq!(single.work.targets, [(Subscriber { conn: 0, nth: 0, form: 0 }, subscription)]);
    single.unsubscribe(subscription);
    assert_eq!(single.slices(), []);
}

#[test]
fn with_skip_a_laggard_goes_on_with_the_oldest_kept() {
    let (mut single, subscription) = blocked(SlowPolicy::Skip, 2, 10);
    assert_eq!(single.slices(), []);
    assert_eq!(pull(&single, subscription, 1000), (Pull::Lagged { missed: 3..=6 }, vec![]));
    single.hub.advance(subscription, 6);
    assert_eq!(pull(&single, subscription, 1000), (Pull::More, vec![7, 8, 9, 10]));
}

#[test]
fn with_latest_a_laggard_goes_on_with_the_newest() {
    let (mut single, subscription) = blocked(SlowPolicy::Latest, 2, 10);
    assert_eq!(single.slices(), []);
    assert_eq!(pull(&single, subscription, 1000), (Pull::Lagged { missed: 3..=9 }, vec![]));
    single.hub.advance(subscription, 9);
    assert_eq!(pull(&single, subscription, 1000), (Pull::More, vec![10]));
}

#[test]
fn who_comes_back_too_late_is_told_in_fan_out() {
    for (policy, missed, rest) in
        [(SlowPolicy::Skip, 3..=6, vec![7, 8, 9, 10]), (SlowPolicy::Latest, 3..=9, vec![10])]
    {
        let (mut single, subscription) = blocked(policy, 2, 10);
        single.hub.unblock(subscription);
        single.work.served.clear();
        assert_eq!(single.slice(9, 1000), Some((vec![0], vec![])));
        assert_eq!(single.work.kind, WorkKind::Skipped { missed });
        let publications = rest.len() as u32;
        assert_eq!(single.slice(9, 1000), Some((vec![0], rest)));
        assert_eq!(single.slice(9, 1000), None);
        let served = [Served { accepted_us: 0, publications }];
        assert_eq!(single.work.served, served, "what is skipped is not served");
    }
    let (mut single, subscription) = blocked(SlowPolicy::Disconnect, 2, 10);
    let (subscription, _) = single.hub.unblock(subscription);
    assert_eq!(single.slice(9, 1000), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Lagged);
    assert_eq!(single.work.targets[0].1, subscription);
}

#[test]
fn the_budget_of_the_shard_makes_even_ready_subscribers_lag() {
    let budget = 10_000;
    let rules = Rules { slow_policy: SlowPolicy::Skip, ..Rules::default() };
    let mut single = Single::with_rules(rules, Limits { shard_log_bytes_max: budget, ..roomy() });
    single.subscribe("a", 0);
    single.subscribe("b", 1);
    single.publish("b", b"small");
    for _ in 0..100 {
        single.publish("a", &[0; 1000]);
        assert!(single.hub.log_bytes() <= budget);
    }
    let kept = single.report("a").home.unwrap().messages;
    assert!((1..10).contains(&kept));
    assert_eq!(single.slice(9, 1 << 20), Some((vec![1], vec![1])), "the largest log gives first");
    assert_eq!(single.slice(9, 1 << 20), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Skipped { missed: 1..=100 - kept });
    assert_eq!(single.slice(9, 1 << 20), Some((vec![0], (101 - kept..=100).collect())));
}

#[test]
fn a_publication_over_the_budget_is_missed_and_said_so() {
    for policy in [SlowPolicy::Skip, SlowPolicy::Latest] {
        let rules = Rules { slow_policy: policy, ..Rules::default() };
        let limits = Limits { shard_log_bytes_max: 1000, ..Limits::default() };
        let mut single = Single::with_rules(rules, limits);
        single.subscribe("a", 0);
        single.publish("a", &[0; 1000]);
        assert_eq!((single.hub.log_bytes(), single.accounting.count()), (0, 0));
        assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
        assert_eq!(single.work.kind, WorkKind::Skipped { missed: 1..=1 });
        assert_eq!(single.slice(9, 9), None);
    }
}

#[test]
fn the_newest_publication_stays_though_it_is_over_the_limit_of_the_channel() {
    let bounds = Bounds { bytes: 10, ..keeping(9).tail };
    let rules = Rules { tail: bounds, history: bounds, ..Rules::default() };
    let mut single = Single::with_rules(rules, roomy());
    for _ in 0..3 {
        assert_eq!(single.publish("a", &[0; 100]).messages, 1);
    }
    assert_eq!(single.accounting.count(), 1);
}

#[test]
fn deletion_finds_the_blocked() {
    for policy in [SlowPolicy::Disconnect, SlowPolicy::Skip, SlowPolicy::Latest] {
        let (mut single, subscription) = blocked(policy, 1, 3);
        assert!(single.delete("a"));
        single.publish("a", b"new");
        assert_eq!(pull(&single, subscription, 1000), (Pull::Deleted, vec![]));
        single.hub.advance(subscription, 1);
        assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
        assert_eq!(single.work.kind, WorkKind::Deleted);
        assert_eq!(single.work.targets[0].1, subscription);
        single.unsubscribe(subscription);
        assert_eq!(single.slices(), []);
    }
}

#[test]
fn who_is_blocked_after_a_deletion_still_hears_of_it() {
    let mut single = Single::new(roomy());
    let subscription = single.subscribe("a", 0);
    single.publish("a", b"x");
    single.slices();
    single.delete("a");
    let (subscription, _) = single.hub.block(subscription, 0);
    assert_eq!(pull(&single, subscription, 9).0, Pull::Deleted);
    single.slice(9, 9);
    assert_eq!((&single.work.kind, single.work.targets.len()), (&WorkKind::Deleted, 1));
}

#[test]
fn deletion_and_lag_are_told_apart() {
    let mut single = Single::with_rules(keeping(KEPT), roomy());
    let blocked = [0, 1].map(|conn| {
        let subscription = single.subscribe("a", conn);
        if conn == 0 {
            single.delete("a");
        }
        single.hub.block(subscription, 0).0
    });
    for _ in 0..=KEPT {
        single.publish("a", b"x");
    }
    assert_eq!(single.hub.cursor(blocked[0]), 0);
    let mut told = Vec::new();
    while single.hub.next_work(9, 9, &mut single.work) {
        told.push((single.work.kind.clone(), conns(&single.work)));
    }
    assert_eq!(told, [(WorkKind::Lagged, vec![1]), (WorkKind::Deleted, vec![0])]);
    assert_eq!(
        blocked.map(|subscription| pull(&single, subscription, 9).0),
        [Pull::Deleted, Pull::Lagged { missed: 1..=1 }]
    );
}

#[test]
fn a_subscription_can_be_blocked_where_it_stands() {
    let (mut single, subscription) = blocked(SlowPolicy::Disconnect, 2, 4);
    assert_eq!(single.hub.cursor(subscription), 2);
    let (subscription, _) = single.hub.unblock(subscription);
    assert_eq!(single.hub.cursor(subscription), 2);
    let cursor = single.hub.cursor(subscription);
    let (subscription, _) = single.hub.block(subscription, cursor);
    assert_eq!(single.slices(), []);
    assert_eq!(pull(&single, subscription, 1000), (Pull::More, vec![3, 4]));
}

#[test]
fn many_laggards_are_found_in_slices() {
    let mut single = Single::with_rules(keeping(KEPT), roomy());
    let mut subscriptions: Vec<Subscription> =
        (0..600).map(|conn| single.subscribe("a", conn)).collect();
    for cursor in 1..=KEPT as u64 {
        single.publish("a", b"x");
        while single.hub.next_work(256, 1000, &mut single.work) {}
        // From the last to the first, so that no subscriber moves.
        for conn in (1..600).rev().filter(|conn| conn % 4 == cursor as u32 % 4) {
            let (subscription, moved) = single.hub.block(subscriptions[conn as usize], cursor);
            subscriptions[conn as usize] = subscription;
            if let Some(moved) = moved {
                subscriptions[moved.who.conn as usize] = moved.subscription;
            }
        }
    }
    let mut closed = 0;
    while subscriptions.len() - closed > 1 {
        single.publish("a", b"x");
        while single.hub.next_work(64, 1000, &mut single.work) {
            if single.work.kind == WorkKind::Lagged {
                assert!(single.work.targets.len() <= 64);
                for (_, subscription) in std::mem::take(&mut single.work.targets) {
                    single.unsubscribe(subscription);
                    closed += 1;
                }
            }
        }
        invariants::assert_sound(&single.hub);
        let lagged =
            (single.report("a").home.unwrap().position.offset - KEPT as u64).saturating_sub(1);
        assert_eq!(closed, 599.min(lagged as usize * 150), "150 at each cursor, but conn 0");
    }
}

#[test]
fn a_subscriber_keeps_the_form_that_it_wants_wherever_it_is() {
    let mut single = Single::with_rules(keeping(KEPT), roomy());
    let [one, other] = [0, 1].map(|conn| single.subscribe("a", conn));
    single.hub.set_form(one, 2);
    assert_eq!((single.hub.form(one), single.hub.form(other)), (2, 0));
    single.publish("a", b"x");
    single.hub.next_work(9, 1 << 10, &mut single.work);
    let forms = single.work.targets.iter().map(|(who, _)| (who.conn, who.form));
    assert_eq!(forms.collect::<std::collections::BTreeMap<_, _>>(), [(0, 2), (1, 0)].into());
    let (blocked, _) = single.hub.block(one, 0);
    assert_eq!(single.hub.form(blocked), 2);
    single.hub.set_form(blocked, 1);
    let (ready, _) = single.hub.unblock(blocked);
    assert_eq!(single.hub.form(ready), 1);
    let at = |offset| single.hub.publication_at(ready.channel, offset).map(|it| it.offset());
    assert_eq!([at(0), at(1), at(2)], [None, Some(1), None]);
}
