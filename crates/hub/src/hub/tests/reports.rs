use super::pair::{B, Pair};
use super::*;
use crate::ReplyTo;

#[test]
fn a_receipt_tells_what_became_of_a_publication() {
    let mut single = Single::new(roomy());
    let first = single.publish("a", b"x");
    assert_eq!((first.position.offset, first.subscribers, first.messages), (1, 0, 1));
    assert!(!first.subscribed);
    assert_eq!(first.last_requested_ms, None);
    single.now_ms = 2000;
    single.subscribe("a", 0);
    let subscription = single.subscribe("a", 1);
    single.hub.block(subscription, 1);
    single.now_ms = 3000;
    let second = single.publish("a", b"x");
    assert_eq!(second.position, Position { offset: 2, ..first.position });
    assert_eq!((second.subscribers, second.subscribed, second.messages), (2, true, 2));
    assert_eq!(second.last_requested_ms, Some(2000));
}

#[test]
fn a_report_tells_what_the_shard_knows() {
    let mut single = Single::new(roomy());
    assert_eq!(single.report("a"), ShardReport::default());
    let subscription = single.subscribe("a", 0);
    let report = single.report("a");
    assert_eq!((report.subscribers, report.last_requested_ms), (1, Some(1000)));
    let home = report.home.unwrap();
    assert_eq!((home.position.offset, home.messages, home.last_publication_ms), (0, 0, None));
    single.now_ms = 5000;
    let position = single.publish("a", b"x").position;
    let home = single.report("a").home.unwrap();
    assert_eq!(home.position, position);
    assert_eq!((home.messages, home.last_publication_ms), (1, Some(5000)));
    assert_eq!(home.bytes as usize, single.accounting.bytes());
    assert_eq!(single.hub.position(subscription.channel), Some(position));
    assert_eq!(single.hub.name(subscription.channel), Some(&name("a")));
    assert_eq!(single.hub.name(99), None);
    assert_eq!(single.hub.position(99), None);
}

#[test]
fn a_remote_listener_counts_as_a_request() {
    let mut single = Single::new(roomy());
    single.hub.router = Router::new(1);
    let join = Message::Join { from: ShardId(3), name: name("a"), channel: 1, generation: 1 };
    single.hub.handle(4000, join, &mut single.out);
    let presence = |subscribers| Message::Presence {
        from: ShardId(3),
        name: name("a"),
        generation: 1,
        subscribers,
    };
    assert_eq!(single.publish("a", b"x").last_requested_ms, Some(4000));
    single.hub.handle(6000, presence(3), &mut single.out);
    let receipt = single.publish("a", b"x");
    assert_eq!((receipt.subscribers, receipt.last_requested_ms), (3, Some(6000)));
    single.hub.handle(7000, presence(1), &mut single.out);
    let receipt = single.publish("a", b"x");
    assert_eq!((receipt.subscribers, receipt.last_requested_ms), (1, Some(6000)));
}

#[test]
fn a_publisher_elsewhere_gets_its_receipt_from_the_home() {
    let mut pair = Pair::new(&roomy());
    pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    let to = ReplyTo { shard: B, conn: 7, generation: 3, request: 41 };
    let draft = || Draft::new(Kind::Text, b"x");
    let name = pair.name.clone();
    assert_eq!(pair.b.publish(0, &name, draft(), Some(to), &mut pair.to_a), None);
    assert_eq!(pair.b.publish(0, &name, draft(), None, &mut pair.to_a), None);
    pair.carry_to_a();
    let receipts: Vec<_> = pair
        .to_b
        .iter()
        .filter_map(|(shard, message)| match message {
            Message::Published { to, published } => {
                Some((*shard, *to, published.clone().unwrap().position.offset))
            }
            _ => None,
        })
        .collect();
    assert_eq!(receipts, [(B, to, 1)], "only who asks is answered");
    let delivered = |(_, message): &(ShardId, Message)| matches!(message, Message::Deliver { .. });
    assert!(delivered(&pair.to_b[0]), "the publication goes before its receipt");
    let at_home = pair.a.publish(0, &name, draft(), None, &mut pair.to_b);
    assert_eq!(at_home.map(|receipt| receipt.position.offset), Some(3), "known at once");
}

#[test]
fn the_home_says_when_a_channel_gets_its_first_subscriber_and_loses_its_last() {
    let limits = Limits { watches_occupancy: true, ..roomy() };
    let mut pair = Pair::new(&limits);
    let changes = |pair: &mut Pair| -> Vec<bool> {
        assert!(pair.b.take_occupancy().is_empty(), "only the home says it");
        let changes = pair.a.take_occupancy();
        assert!(changes.iter().all(|change| change.channel == pair.name));
        changes.iter().map(|change| change.is_occupied).collect()
    };
    let remote = pair.subscribe(0);
    pair.carry_to_a();
    pair.carry_to_b();
    assert_eq!(changes(&mut pair), [true]);
    let who = Subscriber { conn: 9, nth: 0, form: 0 };
    let name = pair.name.clone();
    let local = pair.a.subscribe(0, &name, who, &mut pair.to_b);
    pair.unsubscribe(0, remote);
    pair.carry_to_a();
    assert_eq!(changes(&mut pair), []);
    pair.a.unsubscribe(0, local, &mut pair.to_b);
    assert_eq!(changes(&mut pair), [false]);
    pair.subscribe(1);
    pair.carry_to_a();
    assert_eq!(changes(&mut pair), [true], "the mirror is still there");
}
