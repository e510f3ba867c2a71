use super::pair::{A, B, Pair};
use super::*;

#[test]
fn who_waits_for_the_home_starts_where_the_home_stood_when_it_heard_of_the_join() {
    let mut pair = Pair::new(&roomy());
    pair.publish();
    let subscription = pair.subscribe(0);
    assert_eq!(pair.b.position(subscription.channel), None);
    pair.publish();
    pair.subscribe(1);
    pair.carry_to_a();
    pair.publish();
    pair.subscribe(2);
    assert_eq!(pair.received(), []);
    pair.carry_to_b();
    assert_eq!(
        pair.b.position(subscription.channel),
        pair.a.report(0, &pair.name).home.map(|h| h.position)
    );
    assert_eq!(pair.received(), [(vec![2, 1, 0], vec![3])]);
}

#[test]
fn the_log_comes_with_the_join() {
    let mut pair = Pair::with_rules(keeping(5), &roomy());
    for _ in 0..9 {
        pair.publish();
    }
    let subscription = pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    let home_bytes = pair.a.report(0, &pair.name).home.unwrap().bytes as usize;
    assert_eq!(pair.b.table[subscription.channel].log().bytes(), home_bytes);
    assert_eq!((pair.a.log_bytes(), pair.b.log_bytes()), (home_bytes, 0), "counted once");
    assert_eq!(pair.received(), []);
}

#[test]
fn what_the_home_drops_is_counted_by_the_mirror_that_still_has_it() {
    let mut pair = Pair::with_rules(keeping(5), &roomy());
    let subscription = pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    let (subscription, _) = pair.b.block(subscription, 0);
    for _ in 0..5 {
        pair.publish();
    }
    pair.carry_to_b();
    assert_eq!(pair.b.log_bytes(), 0);
    let each = pair.a.log_bytes() / 5;
    // The home has a budget for two, and the mirror follows at its next publication.
    pair.a.limits.shard_log_bytes_max = 2 * each;
    pair.publish();
    pair.carry_to_b();
    assert_eq!((pair.a.log_bytes(), pair.b.log_bytes()), (2 * each, 3 * each));
    // The mirror's own budget bounds that, and nothing that the home has counts for it.
    pair.b.limits.shard_log_bytes_max = each;
    pair.publish();
    pair.carry_to_b();
    assert_eq!((pair.a.log_bytes(), pair.b.log_bytes()), (2 * each, each));
    assert_eq!(pair.b.table[subscription.channel].log().len(), 3);
    pair.b.tick(20_000, &mut pair.to_a);
    invariants::assert_sound(&pair.b);
}

#[test]
fn a_silent_mirror_finds_with_the_sweep_what_its_home_has_dropped() {
    let mut pair = Pair::new(&roomy());
    pair.subscribe(0);
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    let bytes = pair.a.log_bytes();
    pair.a.limits.shard_log_bytes_max = 0;
    let other = (0..99).map(|i| name(&format!("o{i}"))).find(|it| pair.a.router.home(it) == A);
    let draft = Draft::new(Kind::Text, b"x");
    pair.a.publish_home(0, &other.unwrap(), draft, &mut pair.to_b);
    assert_eq!((pair.a.log_bytes(), pair.b.log_bytes()), (0, 0));
    pair.b.tick(1, &mut pair.to_a);
    assert_eq!(pair.b.log_bytes(), bytes);
}

#[test]
fn a_mirror_lingers_and_takes_its_next_subscriber_without_a_join() {
    let mut pair = Pair::new(&roomy());
    let subscription = pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    pair.unsubscribe(0, subscription);
    pair.b.tick(9_999, &mut pair.to_a);
    pair.publish();
    pair.carry_to_b();
    pair.subscribe(1);
    assert!(!pair.to_a.iter().any(|(_, message)| matches!(message, Message::Join { .. })));
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![1], vec![2])]);
}

#[test]
fn leave_and_join_again_while_publications_are_in_flight() {
    let mut pair = Pair::new(&roomy());
    let subscription = pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    pair.unsubscribe(0, subscription);
    pair.publish();
    pair.b.tick(10_000, &mut pair.to_a);
    assert_eq!(pair.b.channels(), 0);
    let again = pair.subscribe(1);
    assert_eq!(
        again.channel, subscription.channel,
        "the same index, so only the generation differs"
    );
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), []);
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![1], vec![3])]);
}

#[test]
fn an_answer_to_a_join_that_was_given_up_is_ignored() {
    let mut pair = Pair::new(&roomy());
    let subscription = pair.subscribe(0);
    pair.unsubscribe(0, subscription);
    pair.b.tick(10_000, &mut pair.to_a);
    pair.subscribe(1);
    let second_join = pair.to_a.split_off(3);
    assert!(matches!(second_join[..], [(A, Message::Join { .. })]));
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.b.position(subscription.channel), None);
    pair.to_a.extend(second_join);
    pair.publish();
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![1], vec![3])]);
}

#[test]
fn who_is_blocked_before_the_home_answered_starts_at_its_head_too() {
    let mut pair = Pair::new(&roomy());
    pair.publish();
    let subscription = pair.subscribe(0);
    let (subscription, _) = pair.b.block(subscription, pair.b.cursor(subscription));
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.b.cursor(subscription), 1);
    assert_eq!(pair.received(), [(vec![0], vec![])]);
    assert_eq!(pair.work.kind, WorkKind::Joined);
    assert_eq!(pair.b.cursor(subscription), 1);
    pair.b.unblock(subscription);
    assert_eq!(pair.received(), [(vec![0], vec![2])]);
}

#[test]
fn what_does_not_fit_the_state_of_the_mirror_is_ignored() {
    let mut pair = Pair::new(&roomy());
    let subscription = pair.subscribe(0);
    let accounting = Arc::new(Accounting::default());
    let publication = Publication::new(
        Position { epoch: Epoch::from_random(1), offset: 1 },
        (0, 0),
        Draft::new(Kind::Text, b"x"),
        &accounting,
    );
    let (channel, generation) = (subscription.channel, pair.b.generation);
    let early = Message::Deliver { channel, generation, after: 0, publication };
    pair.b.handle(0, early, &mut pair.to_a);
    assert_eq!(accounting.count(), 0);
    pair.carry_to_a();
    pair.carry_to_b();
    let epoch = Epoch::from_random(9);
    let again = Message::Joined {
        channel,
        generation,
        epoch,
        before: 5,
        history: Vec::new(),
        dropped_ms: 0,
    };
    pair.b.handle(0, again, &mut pair.to_a);
    assert_eq!(pair.b.position(channel).unwrap().offset, 0);
    let unknown = Message::Deleted { channel: 77, generation, epoch, head: 0 };
    pair.b.handle(0, unknown, &mut pair.to_a);
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![0], vec![1])]);
}

#[test]
fn a_join_replaces_the_mirror_that_the_home_knows() {
    let mut pair = Pair::new(&roomy());
    pair.subscribe(0);
    pair.carry_to_a();
    let join =
        |generation| Message::Join { from: B, name: pair.name.clone(), channel: 7, generation };
    let leave = Message::Leave { from: B, name: pair.name.clone(), generation: 8 };
    let join = join(9);
    pair.a.handle(0, join, &mut pair.to_b);
    pair.a.handle(0, leave, &mut pair.to_b);
    pair.to_b.clear();
    pair.publish();
    assert!(matches!(pair.to_b[..], [(B, Message::Deliver { channel: 7, generation: 9, .. })]));
}

#[test]
fn deletion_crosses_a_join() {
    let mut pair = Pair::new(&roomy());
    pair.publish();
    pair.subscribe(0);
    assert!(pair.a.delete_home(&pair.name, &mut pair.to_b));
    pair.carry_to_a();
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![0], vec![1])]);
}

#[test]
fn deletion_reaches_a_mirror_in_its_place() {
    let mut pair = Pair::new(&roomy());
    pair.subscribe(0);
    pair.carry_to_a();
    pair.publish();
    assert!(pair.a.delete_home(&pair.name, &mut pair.to_b));
    pair.publish();
    pair.carry_to_b();
    pair.subscribe(1);
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![1], vec![2]), (vec![0], vec![])]);
    assert_eq!(pair.work.kind, WorkKind::Deleted);
}

#[test]
fn a_publish_from_another_shard_goes_by_the_home() {
    let mut pair = Pair::new(&roomy());
    pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    let draft = Draft::new(Kind::Text, b"from b");
    pair.b.publish(5, &pair.name, draft, None, &mut pair.to_a);
    assert_eq!(pair.received(), []);
    pair.carry_to_a();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![0], vec![1])]);
    assert_eq!(pair.b.report(0, &pair.name).home, None);
}

#[test]
fn announcements_of_all_shards_together_have_a_rate() {
    let mut pair = Pair::new(&roomy());
    for now_ms in [0, 0, 1_000] {
        for _ in 0..10 {
            let draft = || Draft::new(Kind::Text, b"join");
            pair.a.announce(now_ms, &pair.name, draft(), 10, &mut pair.to_b);
            pair.b.announce(now_ms, &pair.name, draft(), 10, &mut pair.to_a);
            for (_, message) in std::mem::take(&mut pair.to_a) {
                pair.a.handle(now_ms, message, &mut pair.to_b);
            }
        }
    }
    let report = pair.a.report(1_000, &pair.name).home.unwrap();
    assert_eq!((report.messages, pair.a.announcements_dropped()), (20, 40));
    pair.a.publish_home(1_000, &pair.name, Draft::new(Kind::Text, b"x"), &mut pair.to_b);
    assert_eq!(pair.a.publications(), 21, "other publications have none");
}

#[test]
fn hubs_with_the_same_seed_make_different_epochs() {
    let mut pair = Pair::new(&roomy());
    assert_ne!(pair.a.next_epoch(), pair.b.next_epoch());
    assert_ne!(pair.a.next_epoch(), pair.a.next_epoch());
}

#[test]
#[should_panic(expected = "not the home")]
fn only_the_home_gives_receipts() {
    let mut pair = Pair::new(&roomy());
    pair.b.publish_home(0, &pair.name, Draft::new(Kind::Text, b""), &mut pair.to_a);
}

#[test]
fn the_home_hears_at_once_of_the_first_and_the_last_and_else_once_a_second() {
    let mut pair = Pair::new(&roomy());
    let counted = |pair: &mut Pair| {
        pair.carry_to_a();
        let receipt = pair.publish();
        assert_eq!(receipt.subscribed, receipt.subscribers > 0);
        receipt.subscribers
    };
    let subscription = pair.subscribe(0);
    assert_eq!(counted(&mut pair), 1);
    for conn in 1..50 {
        pair.subscribe(conn);
    }
    assert!(pair.to_a.is_empty());
    pair.b.tick(999, &mut pair.to_a);
    assert_eq!(counted(&mut pair), 1);
    pair.b.tick(1000, &mut pair.to_a);
    assert_eq!(pair.to_a.len(), 1);
    assert_eq!(counted(&mut pair), 50);
    pair.b.tick(9000, &mut pair.to_a);
    assert!(pair.to_a.is_empty());
    let there_and_back = pair.subscribe(50);
    pair.unsubscribe(9000, there_and_back);
    pair.b.tick(10_000, &mut pair.to_a);
    assert!(pair.to_a.is_empty(), "a number that is the same again is not reported");
    for _ in 0..50 {
        pair.unsubscribe(9000, subscription);
    }
    assert_eq!(pair.to_a.len(), 1);
    assert_eq!(counted(&mut pair), 0);
    pair.subscribe(0);
    assert_eq!(counted(&mut pair), 1);
    pair.b.tick(11_000, &mut pair.to_a);
    assert!(pair.to_a.is_empty(), "what was planned is done");
}
