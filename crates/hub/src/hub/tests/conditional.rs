//! Publications under a condition.

use super::*;
use crate::{Condition, ReplyTo, Version};

fn keyed(key: &str) -> Condition {
    Condition { key: Some(key.into()), ..Condition::default() }
}

fn versioned(number: u64, epoch: &str) -> Condition {
    let version = Version { number, epoch: epoch.into() };
    Condition { version: Some(version), ..Condition::default() }
}

fn publish_if(single: &mut Single, channel: &str, condition: Condition) -> u64 {
    let draft = Draft::new(Kind::Text, b"x");
    let Single { hub, now_ms, out, .. } = single;
    let receipt = hub.publish_if(*now_ms, &name(channel), (draft, condition), None, out);
    receipt.unwrap().position.offset
}

#[test]
fn a_repeated_key_gets_the_first_receipt_and_publishes_nothing() {
    let mut single = Single::with_rules(keeping(10), roomy());
    assert_eq!(publish_if(&mut single, "a", keyed("k")), 1);
    single.publish("a", b"another");
    assert_eq!(publish_if(&mut single, "a", keyed("k")), 1);
    assert_eq!(publish_if(&mut single, "b", keyed("k")), 1);
    assert_eq!(publish_if(&mut single, "a", keyed("l")), 3);
    assert_eq!(single.stand("a").map(|(position, _)| position.offset), Some(3));
    single.tick(300_000);
    assert_eq!(publish_if(&mut single, "a", keyed("k")), 4, "its time was over");
}

#[test]
fn what_is_not_newer_is_dropped_and_told_the_head() {
    let mut single = Single::with_rules(keeping(10), roomy());
    assert_eq!(publish_if(&mut single, "a", versioned(2, "")), 1);
    assert_eq!(publish_if(&mut single, "a", versioned(2, "")), 1);
    single.publish("a", b"without one");
    assert_eq!(publish_if(&mut single, "a", versioned(1, "")), 2);
    assert_eq!(publish_if(&mut single, "a", versioned(3, "")), 3);
    assert_eq!(publish_if(&mut single, "a", versioned(1, "e")), 4);
    // What was deleted is not remembered, used or not.
    single.delete("a");
    assert_eq!(publish_if(&mut single, "a", versioned(1, "e")), 1);
    single.subscribe("a", 7);
    single.delete("a");
    assert_eq!(publish_if(&mut single, "a", versioned(1, "e")), 1);
}

#[test]
fn the_home_of_the_channel_checks_and_answers() {
    let mut single = Single::new(roomy());
    let home = single.hub.id;
    let to = ReplyTo { shard: ShardId(1), conn: 5, generation: 1, request: 9 };
    let message = |condition| {
        let draft = Draft::new(Kind::Text, b"x");
        let name = name("a");
        Message::PublishIf(Box::new(Conditional { name, draft, condition, reply_to: Some(to) }))
    };
    assert_eq!(home, ShardId(0));
    for _ in 0..2 {
        single.hub.handle(1_000, message(keyed("k")), &mut single.out);
        let Some((shard, Message::Published { to: told, published })) = single.out.pop() else {
            panic!("no receipt");
        };
        assert_eq!((shard, told, published.unwrap().position.offset), (ShardId(1), to, 1));
    }
}
